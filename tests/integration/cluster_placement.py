"""Where things run: strategies, labels, resources, placement groups and GPUs over four nodes.

A driver places tasks and actors and prints a table of where each ran (cluster_placement.cc); the
shell's flags, lists and reasons follow, and a node's death.
"""

import os
import signal

from cluster import check, main, wait_until
from cluster_members import Members

NODES = {
    'a': '--num-cpus 2 --label zone=one',
    'b': "--num-cpus 2 --label zone=two --label disk=ssd --resources '{\"disk\":1,\"lamp\":1}'",
    'c': "--num-cpus 2 --label zone=three --num-gpus 4 --resources '{\"lamp\":1}'",
}


def begin(members):
    members.start_head('--num-cpus 2')
    for name, options in NODES.items():
        members.join(name, options)
    members.wait_alive('head', *NODES)


def a_table_of_where_tasks_actors_and_bundles_run():
    with Members() as members:
        begin(members)
        dead = members.join('gone', '--num-cpus 1')
        gone = members.node_of('gone')
        os.kill(dead.daemon(), signal.SIGKILL)
        ids = [members.node_of(name) for name in NODES]
        wait_until(lambda: [row for row in members.head.items('nodes')
                            if row['id'] == gone and row['state'] == 'dead'], 'it is dead')
        table = members.head.cluster.run([os.environ['CLUSTER_PLACEMENT'], *ids, gone])
        print(table, end='', flush=True)
        rows = [line for line in table.splitlines() if ' | ' in line]
        check(len(rows) >= 30, f'the table has {len(rows)} rows')
        wrong = [line for line in rows if not line.startswith('ok')]
        check(not wrong, f'not as wanted: {wrong}')
        groups = members['a'].items('placement-groups')
        check(groups and all(group['state'] == 'removed' for group in groups),
              f'the end of the job removes its groups: {groups}')


def the_shell_places_and_explains():
    with Members() as members:
        begin(members)
        rows = {row['id']: row for row in members['a'].items('nodes')}
        node = members.node_of('b')
        labels = rows[node]['labels']
        check(labels['zone'] == 'two' and labels['disk'] == 'ssd', f'labels of b: {labels}')
        check(labels['rayd.io/node-id'] == node, f'built-in labels: {labels}')
        check(rows[node]['resources']['total']['lamp'] == 1, f'resources of b: {rows[node]}')
        head = members.head
        head.run('task square 4 --label zone=two', prints='16\n')
        head.run("task square 5 --label 'zone in (three, four)' --resources '{\"lamp\":1}'",
                 prints='25\n')
        head.run('task square 4 --label zone=five', 7, '', ['zone=five', '--label'])
        head.run('task square 4 --label zone~five', 2, '', ['no label selector'])
        head.run('submit square --label zone=one --num-cpus 1', prints='[0,1,4,9]\n')
        head.run('submit square --label zone=five', 7, '', ['zone=five'])
        head.run("submit square --resources '{\"disk\":2}'", 7, '', ['disk 2'])
        text = head.run(f'describe {node}')
        check('zone' in text and 'two' in text, f'describe {node}: {text}')
        check('bundle:' not in head.run('status'), 'no names of bundles in status')


if __name__ == '__main__':
    main(a_table_of_where_tasks_actors_and_bundles_run, the_shell_places_and_explains)
