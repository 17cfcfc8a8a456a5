"""Clients of a cluster without a daemon beside them: rayctl and programs, over TLS, by a token."""

import os

from cluster import check, main
from cluster_members import Members
from cluster_shell import Shell


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


if __name__ == '__main__':
    main(rayctl_works_from_a_machine_without_a_daemon,
         a_token_allows_what_its_role_says,
         who_is_not_let_in_hears_why)
