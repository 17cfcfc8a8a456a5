"""Machines made of network namespaces: each has an address of its own on one bridge, and a cable
that can be pulled. Skipped, with one line, where namespaces are not allowed.
"""

import os
import signal
import subprocess
import sys
import time

from cluster import check, main, wait_until
from cluster_members import Member, Members
from cluster_nodes import Load, check_life

SUBNET = '10.239.{}'.format(os.getpid() % 250)
SKIPPED = 77


def ip(*words):
    subprocess.run(['ip', *words], check=True, capture_output=True, text=True)


class Machines(Members):
    """The same as Members, with a namespace each.

    A namespace's cable goes some time after the namespace, so no name is used twice."""

    made = 0

    def __init__(self):
        super().__init__()
        Machines.made += 1
        self.tag = f'rt{os.getpid() % 100000}{chr(ord("a") + Machines.made)}'
        self.cables = {}

    def __enter__(self):
        ip('link', 'add', self.tag, 'type', 'bridge')
        ip('link', 'set', self.tag, 'up')
        return self

    def make(self, name):
        number = len(self.cables) + 1
        space = f'{self.tag}n{number}'
        cable = f'{self.tag}c{number}'
        self.cables[name] = (space, cable)
        ip('netns', 'add', space)
        ip('link', 'add', cable, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', space)
        ip('link', 'set', cable, 'master', self.tag, 'up')
        for words in (['link', 'set', 'lo', 'up'], ['link', 'set', 'eth0', 'up'],
                      ['address', 'add', f'{SUBNET}.{number}/24', 'dev', 'eth0']):
            ip('-n', space, *words)
        self.members[name] = Member(f'{SUBNET}.{number}:7390', ['ip', 'netns', 'exec', space])
        return self.members[name]

    def cut(self, name):
        ip('link', 'set', self.cables[name][1], 'down')

    def mend(self, name):
        ip('link', 'set', self.cables[name][1], 'up')

    def __exit__(self, kind, error, trace):
        try:
            super().__exit__(kind, error, trace)
        finally:
            for space, _ in self.cables.values():
                ip('netns', 'del', space)
            ip('link', 'del', self.tag)


def begin(machines):
    machines.start_head()
    for name in ('a', 'b', 'c'):
        machines.join(name)
    machines.wait_alive('head', 'a', 'b', 'c')


def machines_join_and_life_is_the_same_on_all():
    with Machines() as machines:
        begin(machines)
        check_life(machines, 'b', 4, 'halo=1')
        machines['c'].run('submit counter', prints='[1,1,1,1]\n')


def a_short_cut_loses_nothing_and_a_long_one_makes_a_new_node():
    with Machines() as machines:
        begin(machines)
        load = Load(machines['a'], 'small')
        load.wait_for_rounds(2)
        before = machines.node_of('b')
        machines.cut('b')
        time.sleep(1.0)  # how long the cable is out
        machines.mend('b')
        machines.wait_alive('head', 'a', 'b', 'c')
        check(machines.node_of('b') == before, 'after one second it is another node')
        load.wait_for_rounds(2)
        machines.cut('b')
        wait_until(lambda: [row for row in machines.head.items('nodes')
                            if row['id'] == before and row['state'] == 'dead'],
                   'it is declared dead')
        load.wait_for_rounds(2)
        time.sleep(2.0)  # it notices itself that its lease is over
        machines.mend('b')
        machines.wait_alive('head', 'a', 'b', 'c')
        check(machines.node_of('b') != before, 'who was declared dead is back as the same node')
        load.wait_for_rounds(2)
        load.end()
        machines['b'].run('submit square', prints='[0,1,4,9]\n')


def a_killed_head_comes_back_and_its_nodes_announce_themselves():
    with Machines() as machines:
        begin(machines)
        nodes = [machines.node_of(name) for name in ('a', 'b', 'c')]
        os.kill(machines.head.daemon(), signal.SIGKILL)
        machines.head.cluster.check_no_process(patience_s=10.0)
        machines.start_head()
        machines.wait_alive('head', 'a', 'b', 'c')
        check(nodes == [machines.node_of(name) for name in ('a', 'b', 'c')],
              'the nodes are others than before')
        for name in ('head', 'a', 'b', 'c'):
            machines[name].run('task square 4', prints='16\n')


def a_program_runs_from_a_machine_without_a_daemon_and_survives_its_cable():
    with Machines() as machines:
        begin(machines)
        guest = machines.make('guest')
        guest.environment['RAYD_TOKEN'] = machines.head.run('token create --role submit').strip()
        guest.environment['RAY_ADDRESS'] = machines.head.address
        guest.run('submit square', prints='[0,1,4,9]\n')
        subprocess.run([*guest.enter, os.environ['RAY_EXAMPLE']], env=guest.environment, check=True,
                       timeout=60, capture_output=True)
        counting = subprocess.Popen([*guest.enter, os.environ['CLUSTER_REMOTE'], 'count', '3000'],
                                    env=guest.environment, stdout=subprocess.PIPE, text=True)
        for line in counting.stdout:
            if line == '500\n':
                machines.cut('guest')
                time.sleep(2.0)  # how long the cable is out
                machines.mend('guest')
        check(counting.wait(60) == 0 and line == '3000\n', f'it counted to {line}')
        del guest.environment['RAY_ADDRESS']


def are_allowed():
    try:
        ip('netns', 'add', f'rt{os.getpid()}t')
        ip('netns', 'del', f'rt{os.getpid()}t')
    except (OSError, subprocess.CalledProcessError) as why:
        told = getattr(why, 'stderr', None) or str(why)
        print(f'skipped: no network namespaces here ({told.strip()})', flush=True)
        return False
    return True


if __name__ == '__main__':
    if not are_allowed():
        sys.exit(SKIPPED)
    main(machines_join_and_life_is_the_same_on_all,
         a_short_cut_loses_nothing_and_a_long_one_makes_a_new_node,
         a_killed_head_comes_back_and_its_nodes_announce_themselves,
         a_program_runs_from_a_machine_without_a_daemon_and_survives_its_cable)
