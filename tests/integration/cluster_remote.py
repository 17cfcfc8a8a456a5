"""Clients of a cluster without a daemon beside them: rayctl and programs, over TLS, by a token."""

import os
import select
import socket
import struct
import subprocess
import threading

from cluster import check, main, wait_until
from cluster_members import Members
from cluster_shell import Shell

PROGRAM = os.environ['CLUSTER_REMOTE']
# What local_mode does and clusters do otherwise, with a daemon beside the program too.
NOT_IN_CLUSTERS = ('~a name is taken once*', '~ExitActor ends the actor*',
                   '~a method is called again when it throws*')


class Guest(Shell):
    """A machine without a daemon: folders of its own, the head's address, and a token."""

    def __init__(self, members, role):
        super().__init__()
        self.environment['RAY_ADDRESS'] = members.head.address
        self.environment['RAYD_TOKEN'] = token_of(members, role)

    def __exit__(self, kind, error, trace):
        self.cluster.remove_folder()


def token_of(members, role, more=''):
    return members.head.run(f'token create --role {role} {more}').strip()


def rayctl_works_from_a_machine_without_a_daemon():
    with Members() as members:
        members.start_head()
        members.join('a')
        with Guest(members, 'submit') as guest:
            guest.run('submit square', prints='[0,1,4,9]\n')
            guest.run('submit counter', prints='[1,1,1,1]\n')
            guest.run('task square 4', prints='16\n')
            check(len(guest.json('status')['nodes']) == 2, 'status shows both nodes')
            guest.add_own_module()
            guest.run('task cube 3', prints='27\n')
            guest.run('task refuse 7', 1, '', ['own::Refused', 'no 7 here'])
            guest.run('submit cubes --out here', prints='[1,8,27]\n', says=['said by the driver'])
            check(guest.read('here/cubes.txt') == '3', 'the result file has come')
            guest.run('actor create Tally 40 --name t')
            guest.run('actor call t Add 2', prints='42\n')
            guest.run('actor kill t')
            job = guest.run('submit cubes n=2 --detach').strip()
            guest.run(f'wait {job}', prints='[1,8]\n')
            check('said by the driver' in guest.run(f'logs {job}'), 'its log')
            guest.run('task square 4 --num-cpus 64', 7, '', ['CPU 64'])
            guest.run('module remove own')
            guest.run('task cube 3', 3, '')
            key = os.path.join(guest.cluster.folder, 'state', 'rayd', 'identity.pem')
            check(os.stat(key).st_mode & 0o777 == 0o600, 'a key of its own is kept')


def a_token_allows_what_its_role_says():
    with Members() as members:
        members.start_head()
        with Guest(members, 'submit') as guest:
            for line in ('token create', 'token revoke token-1', 'stop', 'stop --all'):
                guest.run(line, 5, '', ['the owner of the cluster', 'role submit'])
            guest.run('submit square', prints='[0,1,4,9]\n')
        with Guest(members, 'look') as guest:
            for line in ('submit square', 'task square 4', 'actor create Counter 1 --name c',
                         'module add ' + os.environ['RAYCTL'], 'module remove models',
                         'cancel job-1'):
                guest.run(line, 5, '', ['takes a token of role submit'])
            guest.run('stop --all', 5, '', ['the owner of the cluster'])
            guest.run('token create', 5, '', ['the owner of the cluster'])
            for line in ('status', 'list jobs', 'list nodes', 'list workloads', 'describe node-1',
                         'logs job-1', 'wait job-1'):
                guest.run(line)
        with Guest(members, 'join') as guest:
            guest.run('status', 5, '', ['takes one of role look'])
        members.head.run('submit square', prints='[0,1,4,9]\n')


def who_is_not_let_in_hears_why():
    with Members() as members:
        members.start_head()
        members.join('a')
        with Guest(members, 'submit') as guest:
            good = guest.environment.pop('RAYD_TOKEN')
            guest.run('status', 2, '', ['a token is needed'])
            guest.run('status --token nonsense', 2, '', ['this is no token'])
            guest.run(f'status --token {good}')
            with open(os.path.join(guest.cluster.folder, 'word'), 'w', encoding='ascii') as file:
                file.write(good + '\n')
            guest.run('status --token-file word')
            guest.environment['RAYD_TOKEN_FILE'] = 'word'
            guest.run('status')
            elsewhere = f'--address {members["a"].address}'
            guest.run(f'status {elsewhere}', 5, '', ["the head's own address"])
            guest.run('status --address 127.0.0.1:1', 4, '', ['127.0.0.1:1'])
            members.head.run('token create --role submit --label gone')
            rows = members.head.json('token list')['items']
            for row in rows:
                if row['role'] == 'submit':
                    members.head.run(f'token revoke {row["id"]}')
            guest.run('status', 5, '', ['not valid, or not any more'])


class Proxy:
    """Between a guest and the head: its connections can be cut, or nothing pass any more."""

    def __init__(self, target):
        host, _, port = target.rpartition(':')
        self.target = (host, int(port))
        self.server = socket.create_server(('127.0.0.1', 0))
        self.address = f'127.0.0.1:{self.server.getsockname()[1]}'
        self.pairs = []
        self.passing = True
        self.carried = 0
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                guest, _ = self.server.accept()
            except OSError:
                return
            if not self.passing:
                guest.close()
                continue
            head = socket.create_connection(self.target)
            for end in (guest, head):  # small messages, both ways: each would wait for an answer
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.pairs.append((guest, head))
            threading.Thread(target=self.carry, args=(guest, head), daemon=True).start()

    def carry(self, guest, head):
        other = {guest: head, head: guest}
        try:
            while True:
                for ready in select.select([guest, head], [], [])[0]:
                    data = ready.recv(65536)
                    if not data:
                        raise OSError
                    other[ready].sendall(data)
                    self.carried += len(data)
        except (OSError, ValueError):
            guest.close()
            head.close()

    def cut(self):
        """Both ends hear of it at once, and what was on its way is lost."""
        pairs, self.pairs = self.pairs, []
        for pair in pairs:
            for end in pair:
                try:
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        return len(pairs)

    def close(self):
        self.passing = False
        self.server.close()
        self.cut()


def program(guest, *words):
    return subprocess.Popen([PROGRAM, *words], env=guest.environment, cwd=guest.cluster.folder,
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True)


def ends_well(process, patience_s=120):
    out, err = process.communicate(timeout=patience_s)
    check(process.returncode == 0, f'status {process.returncode}\n{out[-2000:]}\n{err[-2000:]}')
    return out


def nothing_is_left(members):
    wait_until(lambda: not members.head.items('objects') and not members.head.items('tasks'),
               lambda: f'nothing is left: {members.head.items("objects")}')


def programs_run_from_a_machine_without_a_daemon():
    with Members() as members:
        members.start_head('--num-cpus 2 --idle-worker-timeout-ms 1000')
        members.join('a')
        with Guest(members, 'submit') as guest:
            for words in ([os.environ['RAY_EXAMPLE']], [os.environ['CLUSTER_TASKS']],
                          [os.environ['CONFORMANCE_CLUSTER'], *NOT_IN_CLUSTERS],
                          [PROGRAM, 'large']):
                done = subprocess.run(words, env=guest.environment, cwd=guest.cluster.folder,
                                      capture_output=True, text=True, timeout=170, check=False)
                check(done.returncode == 0,
                      f'{words}: {done.returncode}\n{done.stdout[-6000:]}\n{done.stderr[-2000:]}')
        nothing_is_left(members)
        with Guest(members, 'look') as guest:
            process = program(guest, 'count', '100')
            check('takes a token of role submit' in process.communicate()[1], 'look may not run')


def who_says_what_no_client_says_is_refused_and_harms_nobody():
    with Members() as members:
        members.start_head('--num-cpus 2 --remote-client-timeout-ms 1500')
        with Guest(members, 'submit') as guest:
            done = subprocess.run([os.environ['CLUSTER_GARBAGE']], env=guest.environment,
                                  capture_output=True, text=True, timeout=60, check=False)
            check(done.returncode == 0, done.stderr)
            guest.run('submit square', prints='[0,1,4,9]\n')
        nothing_is_left(members)


def a_cut_connection_loses_nothing_and_repeats_nothing():
    with Members() as members:
        members.start_head()
        proxy = Proxy(members.head.address)
        with Guest(members, 'submit') as guest:
            guest.environment['RAY_ADDRESS'] = proxy.address
            process = program(guest, 'count', '4000')
            cuts = 0
            for line in process.stdout:
                if int(line) % 500 == 0:
                    cuts += proxy.cut()
            check(process.wait(60) == 0, process.stderr.read())
            check(cuts >= 5, f'only {cuts} connections were cut')
            process = program(guest, 'large')
            for bytes_until in (60e6, 160e6, 260e6):
                wait_until(lambda most=bytes_until: proxy.carried > most, 'it is under way')
                proxy.cut()
            ends_well(process)
        nothing_is_left(members)
        proxy.close()


def who_is_silent_for_too_long_is_gone():
    with Members() as members:
        members.start_head('--num-cpus 2 --remote-client-timeout-ms 1500')
        proxy = Proxy(members.head.address)
        with Guest(members, 'submit') as guest:
            guest.environment['RAY_ADDRESS'] = proxy.address
            process = program(guest, 'hold')
            check(process.stdout.readline() == 'holding\n', 'it holds')
            wait_until(lambda: members.head.items('tasks'), 'its task is there')
            proxy.passing = False
            proxy.cut()
            nothing_is_left(members)
            states = [row['state'] for row in members.head.items('jobs')]
            check(states and 'running' not in states, f'its job has ended: {states}')
            out = ends_well(process)
            check('over: ' in out and 'out of reach' in out, out)
            proxy.passing = True
            killed = program(guest, 'hold')
            check(killed.stdout.readline() == 'holding\n', 'another holds')
            killed.kill()
            nothing_is_left(members)
        members.head.run('submit square', prints='[0,1,4,9]\n')
        proxy.close()


if __name__ == '__main__':
    main(rayctl_works_from_a_machine_without_a_daemon,
         a_token_allows_what_its_role_says,
         who_is_not_let_in_hears_why,
         programs_run_from_a_machine_without_a_daemon,
         who_says_what_no_client_says_is_refused_and_harms_nobody,
         a_cut_connection_loses_nothing_and_repeats_nothing,
         who_is_silent_for_too_long_is_gone)
