"""Several daemons as one cluster: a head and nodes that rayctl starts, each in a folder of its own.

    with Members() as members:
        members.start_head('--num-cpus 2')
        members.join('a')
        members['a'].run('submit square')

Leaving the block ends them all and wants nothing left of any: no process, socket or file.
"""

import os
import socket
import subprocess

from cluster import check, wait_until
from cluster_shell import Shell

CPUS = '--num-cpus 2'


class Member(Shell):
    """One machine, or what stands for it; `enter` is put before every command."""

    def __init__(self, address, enter=()):
        super().__init__()
        self.address = address
        self.enter = list(enter)

    def command(self, line):
        return [*self.enter, *super().command(line)]

    def end_quietly(self):
        subprocess.run(self.command('stop --force'), env=self.environment, check=False,
                       stdin=subprocess.DEVNULL, capture_output=True, timeout=60)


def free_port(host):
    with socket.create_server((host, 0)) as server:
        return server.getsockname()[1]


class Members:
    """By name; 'head' is the head's."""

    def __init__(self):
        self.members = {}

    def __enter__(self):
        return self

    def __getitem__(self, name):
        return self.members[name]

    @property
    def head(self):
        return self.members['head']

    def make(self, name):
        """On this machine: loopback, and a port that nobody has."""
        self.members[name] = Member(f'127.0.0.1:{free_port("127.0.0.1")}')
        return self.members[name]

    def start_head(self, options=CPUS):
        head = self.members.get('head') or self.make('head')
        head.run(f'start --head --bind {head.address} {options}')
        return head

    def join(self, name, options=CPUS, token=None):
        member = self.members.get(name) or self.make(name)
        token = token or self.head.run('token create').strip()
        member.environment['RAYD_TOKEN'] = token
        member.run(f'start --address {self.head.address} --bind {member.address} {options}',
                   says=[f'this machine has joined the cluster of {self.head.address}'])
        del member.environment['RAYD_TOKEN']
        return member

    def states(self, name='head'):
        """{address: state} of the nodes that are not dead."""
        return {row['address']: row['state'] for row in self.members[name].items('nodes')
                if row['state'] != 'dead'}

    def wait_alive(self, *names):
        """Exactly these are up, and the head knows them as alive."""
        wanted = {self.members[name].address: 'alive' for name in names}
        wait_until(lambda: self.states() == wanted,
                   lambda: f'alive: {wanted}; there are {self.states()}')

    def node_of(self, name):
        """The id of its node that is not dead."""
        rows = [row for row in self.head.items('nodes')
                if row['address'] == self.members[name].address and row['state'] != 'dead']
        check(len(rows) == 1, f'{name} is {rows}')
        return rows[0]['id']

    def __exit__(self, kind, error, trace):
        # The head last: the others may have something to say to it.
        order = sorted(self.members, key=lambda name: name == 'head')
        for name in order:
            self.members[name].end_quietly()
        for name in order:
            if kind is not None:
                print(f'--- {name}', flush=True)
            self.members[name].__exit__(kind, error, trace)
