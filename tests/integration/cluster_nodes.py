"""Several daemons on this machine as one cluster: joining, work on all of them, deaths.

Each has folders of its own and they meet on loopback, over TLS. Everything that a person does works
from each of them.
"""

import json
import os
import signal
import subprocess

from cluster import SANITIZED, check, main, wait_until
from cluster_members import Members, free_port
from cluster_models import TRUTH

ALL = ('head', 'a', 'b', 'c')


def begin(members, *names, options='--num-cpus 2'):
    members.start_head(options)
    for name in names:
        members.join(name, options)
    members.wait_alive('head', *names)


def check_life(members, name, workers, more=''):
    for topology, truth in TRUTH.items():
        line = (f'submit game-of-life grid=256x256 topology={topology} density=.3 seed=42 '
                f'steps=100 tiles=3x4 workers={workers} {more} --timeout 60')
        result = members[name].json(line)['result']
        found = (result['population'], result['digest'])
        check(found == truth and result['steps'] == 100, f'{line}: {result}')


def nodes_join_by_token_and_life_is_the_same_on_one_two_and_four():
    with Members() as members:
        members.start_head('--num-cpus 1')
        check_life(members, 'head', 1)
        members.join('a', '--num-cpus 1')
        members.wait_alive('head', 'a')
        check_life(members, 'a', 2)
        members.join('b', '--num-cpus 1')
        members.join('c', '--num-cpus 1')
        members.wait_alive(*ALL)
        for workers in (2, 4):
            check_life(members, 'b', workers)
            check_life(members, 'head', workers)


def every_verb_works_from_every_node():
    with Members() as members:
        begin(members, 'a', 'b', 'c')
        for name in ALL:
            members[name].run('submit square', prints='[0,1,4,9]\n')
            members[name].run('submit counter', prints='[1,1,1,1]\n')
            members[name].run('task square 4', prints='16\n')
            check(members.states(name) == members.states('head'), f'nodes as {name} lists them')
            check(len(members[name].json('status')['nodes']) == 4, f'status as {name} shows it')
        members['b'].run('task square 4 --num-cpus 64', 7, '', ['CPU 64'])
        what_waits_and_what_happened_is_seen_from_everywhere(members)


def what_waits_and_what_happened_is_seen_from_everywhere(members):
    members['b'].run('why', prints='', says=['nothing waits'])
    members['a'].run('task square 4 --num-cpus 64 --detach')
    for name in ALL:
        causes = members[name].json('why')['items']
        check(len(causes) == 1 and causes[0]['count'] == 1 and causes[0]['infeasible'], f'{causes}')
        check('CPU 64' in causes[0]['reason'] and 'start a node' in causes[0]['reason'],
              f'the cause and its cure: {causes}')
    members['a'].run('submit square --name seen', prints='[0,1,4,9]\n')
    events = members['c'].json('events')['items']
    names = [event['name'] for event in events]
    check(names.count('node_joined') == 4, f'{names}')
    check(any(event['name'] == 'job_succeeded' and 'seen' in event['text'] for event in events),
          f'{events[-5:]}')
    nodes = {event['node'] for event in events}
    check(len(nodes) > 1, f'other machines tell of theirs: {nodes}')


def own_code_added_on_one_node_runs_on_all_and_its_words_and_files_come_back():
    with Members() as members:
        begin(members, 'a', 'b', 'c')
        members['b'].add_own_module()
        for name in ALL:
            members[name].run('task cube 3', prints='27\n')
            members[name].run('task refuse 7', 1, '', ['own::Refused', 'no 7 here'])
        on_every_node_a_root_prints_and_writes_for_its_submitter(members)
        members['a'].run('actor create Tally 40 --name t')
        for name, sum_ in zip(ALL, (41, 42, 43, 44)):
            members[name].run('actor call t Add 1', prints=f'{sum_}\n')
        members['c'].run('actor kill t')
        members['a'].run('module remove own')
        members['head'].run('task cube 3', 3, '')


def on_every_node_a_root_prints_and_writes_for_its_submitter(members):
    """Whoever submits, its files and words come back to it, wherever the root ran; and one ran
    beside a node that is not the head."""
    for name in ALL:
        said = ['the first is there', 'said by the driver']
        members[name].run('submit cubes --out here', prints='[1,8,27]\n', says=said)
        check(members[name].read('here/cubes.txt') == '3', f'the result file at {name}')
    job = members['a'].run('submit cubes n=2 --detach').strip()
    members['c'].run(f'wait {job}', prints='[1,8]\n')
    members['c'].run(f'artifacts {job} --out there')
    check(members['c'].read('there/cubes.txt') == '2', 'the artifact at another node')
    check('said by the driver' in members['b'].run(f'logs {job}'), 'the log at a third node')
    roots = {line.split('node=')[1].split(')')[0]
             for line in members['head'].run('logs').splitlines()
             if 'said by the driver' in line and 'node=' in line}
    check(roots - {'node-1'}, f'no root ran beside a node that is not the head: {roots}')


def a_token_that_is_wrong_old_or_revoked_lets_nobody_in():
    with Members() as members:
        begin(members, 'a')
        head = members.head
        stranger = members.make('stranger')

        def refused(token, status, *says):
            stranger.environment['RAYD_TOKEN'] = token
            stranger.run(f'start --address {head.address} --bind {stranger.address}', status, '',
                         says)
            stranger.cluster.check_no_process(patience_s=5.0)

        good = head.run('token create').strip()
        refused('nonsense', 2, 'this is no token')
        refused(good[:-3], 2, 'the token')
        refused('', 2, 'a token is needed')
        old = head.run('token create --expires 1s').strip()
        wait_until(lambda: 'expired' in [row['state'] for row in head.json('token list')['items']],
                   'the token expires')
        refused(old, 5, 'refuses', 'not valid, or not any more')
        refused(members['a'].run('token create --role look').strip(), 5, 'refuses')
        revoked = head.run('token create --label gone').strip()
        row = [row for row in head.json('token list')['items'] if row['label'] == 'gone'][0]
        members['a'].run(f'token revoke {row["id"]}')
        refused(revoked, 5, 'refuses', 'not valid, or not any more')
        members.wait_alive('head', 'a')
        members['a'].run('submit square', prints='[0,1,4,9]\n')
        del stranger.environment['RAYD_TOKEN']
        members.join('stranger', token=good)
        members.wait_alive('head', 'a', 'stranger')
        the_token_of_another_cluster_is_refused(members, good)


def the_token_of_another_cluster_is_refused(members, token):
    with Members() as others:
        others.start_head()
        lost = others.make('lost')
        lost.environment['RAYD_TOKEN'] = token
        lost.run(f'start --address {others.head.address} --bind {lost.address}', 5, '')
    members.wait_alive('head', 'a', 'stranger')


def a_machine_that_the_head_cannot_connect_to_is_told_so():
    with Members() as members:
        members.start_head()
        members.head.run('submit square', prints='[0,1,4,9]\n')
        lost = members.make('lost')
        lost.environment['RAYD_TOKEN'] = members.head.run('token create').strip()
        nobody = f'127.0.0.1:{free_port("127.0.0.1")}'
        words = f'start --address {members.head.address} --bind {lost.address} --advertise'
        lost.run(f'{words} {nobody}', 5, '', [f'cannot connect to this machine at {nobody}',
                                              '--advertise'])
        # Somebody else's address is as bad: the key is another.
        lost.run(f'{words} {members.head.address}', 5, '', ['cannot connect to this machine'])
        lost.cluster.check_no_process(patience_s=5.0)
        lost.run(f'{words} {lost.address}')
        members.wait_alive('head', 'lost')


class Load:
    """cluster_load at a member; a line a round."""

    def __init__(self, member, *words):
        self.path = os.path.join(member.cluster.folder, 'load')
        with open(self.path, 'wb') as output:
            self.process = subprocess.Popen(
                [*member.enter, os.environ['CLUSTER_LOAD'], *words], env=member.environment,
                stdin=subprocess.PIPE, stdout=output, stderr=output)

    def output(self):
        with open(self.path, encoding='utf-8', errors='replace') as output:
            return output.read()

    def rounds(self):
        text = self.output()
        check(self.process.poll() is None,
              f'the load ended with {self.process.poll()}: {text[-2000:]}')
        return text.count('a round\n')

    def wait_for_rounds(self, more):
        wanted = self.rounds() + more
        wait_until(lambda: self.rounds() >= wanted,
                   lambda: f'{wanted} rounds; there are {self.rounds()}')

    def end(self):
        self.process.stdin.close()
        status = self.process.wait(60)
        check(status == 0, f'the load ended with {status}: {self.output()[-2000:]}')


def a_node_killed_under_load_spoils_no_result():
    with Members() as members:
        begin(members, 'a', 'b', 'c')
        load = Load(members['a'])
        load.wait_for_rounds(3)
        victim = members['b']
        pid, dead = victim.daemon(), members.node_of('b')
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: members.states('c').get(victim.address) != 'alive',
                   'the others hear of it')
        load.wait_for_rounds(3)
        rows = wait_until(lambda: [row for row in members['c'].items('nodes')
                                   if row['id'] == dead and row['state'] == 'dead'],
                          'it is declared dead')
        check(len(rows) == 1, f'{rows}')
        load.wait_for_rounds(3)
        victim.cluster.check_no_process(patience_s=50 if SANITIZED else 10)
        members.join('b')
        members.wait_alive(*ALL)
        load.wait_for_rounds(3)
        load.end()
        members['b'].run('submit square', prints='[0,1,4,9]\n')


def life_survives_a_node_with_the_same_digest():
    line = ('submit game-of-life grid=256x256 density=.3 seed=42 steps=1000 halo=1 tiles=3x4 '
            'workers=4 checkpoint=64 --retries 1 --timeout 100 --json --out {}')
    with Members() as members:
        begin(members, 'a', 'b', 'c', options='--num-cpus 1')
        a_life_in_parts(members)
        run = members['head'].popen(line.format('broken'))
        folder = os.path.join(members['head'].cluster.folder, 'broken')
        wait_until(lambda: os.path.isdir(folder) and len(os.listdir(folder)) >= 2,
                   'the first checkpoints')
        os.kill(members['b'].daemon(), signal.SIGKILL)
        result = json.loads(members['head'].end(line, run, 0, None, ()))['result']
        check((result['population'], result['digest']) == (2556, '2ee6c82a62eb7331'), f'{result}')
        members['b'].cluster.check_no_process(patience_s=50 if SANITIZED else 10)


def a_life_in_parts(members):
    """From a checkpoint of a run on two workers, on four: the end of an unbroken one."""
    life = 'submit game-of-life grid=256x256 density=.3 seed=42 --timeout 60'
    members['a'].run(f'{life} steps=600 workers=2 checkpoint=500 --out first')
    resume = '--out second resume=@first/checkpoint-500.bin'
    result = members['a'].json(f'{life} steps=1000 workers=4 {resume}')['result']
    check((result['population'], result['digest']) == (2556, '2ee6c82a62eb7331'), f'{result}')
    members['a'].run(f'{life} steps=499 {resume}', 2, '', ['at least 500'])
    members['a'].run(f'{life.replace("256x", "255x")} {resume}', 2, '', ['grid'])


def stop_ends_one_node_or_all():
    with Members() as members:
        begin(members, 'a', 'b')
        members['a'].run('stop', says=["has ended"])
        members['a'].cluster.check_no_process(patience_s=1.0)
        members['a'].cluster.check_no_file()
        rows = [row['state'] for row in members['b'].items('nodes')
                if row['address'] == members['a'].address]
        check(rows == ['dead'], f'it has left, and nobody waits for its lease: {rows}')
        members['b'].run('submit square', prints='[0,1,4,9]\n')
        members['head'].run('wait --nodes 2 --timeout 30')
        members['b'].run('wait --nodes 3 --timeout 0.2', 6, '', ['2 of 3 nodes'])
        members['b'].run('stop --all')
        for name in ('b', 'head'):
            members[name].cluster.check_no_process(patience_s=10.0)
            members[name].cluster.check_no_file()


if __name__ == '__main__':
    main(nodes_join_by_token_and_life_is_the_same_on_one_two_and_four,
         every_verb_works_from_every_node,
         own_code_added_on_one_node_runs_on_all_and_its_words_and_files_come_back,
         a_token_that_is_wrong_old_or_revoked_lets_nobody_in,
         a_machine_that_the_head_cannot_connect_to_is_told_so,
         a_node_killed_under_load_spoils_no_result,
         life_survives_a_node_with_the_same_digest,
         stop_ends_one_node_or_all)
