"""The cases of cluster_tasks.cc beside a head, with a small store, and alone; many drivers."""

import os

from cluster import IDLE, Cluster, check, main, wait_until

PROGRAM = os.environ['CLUSTER_TASKS']


def tasks_run_beside_a_head_and_leave_nothing():
    with Cluster('--num-cpus', '2', *IDLE) as cluster:
        cluster.run([PROGRAM])
        cluster.check_nothing_kept()
        cluster.check_sleeps()


def a_full_store_is_told_and_recovers():
    with Cluster('--num-cpus', '2', '--object-store-memory', '64MiB',
                 '--store-full-timeout-ms', '500', *IDLE) as cluster:
        cluster.run([PROGRAM, '[.full]'])
        cluster.check_nothing_kept()


def with_few_workers_tasks_run_inside_of_waits():
    with Cluster('--num-cpus', '1', '--max-workers', '4', *IDLE) as cluster:
        cluster.run([PROGRAM, '[.few]'])
        cluster.check_nothing_kept()


def a_program_alone_has_a_cluster_of_its_own():
    alone = Cluster()  # its folder; the program starts the daemon
    try:
        alone.run([PROGRAM])
        alone.check_no_process()
        alone.check_no_file()
        check(not os.path.isdir(os.path.join(alone.folder, 'run', 'rayd', 'default')),
              'there is a default cluster')
    finally:
        alone.remove_folder()


def an_idle_worker_keeps_no_room_of_the_store():
    with Cluster('--num-cpus', '2', '--idle-worker-timeout-ms', '600000') as cluster:
        cluster.run([PROGRAM, 'a value of any size*'])
        wait_until(lambda: cluster.state()['store_used'] == 0,
                   lambda: f"{cluster.state()['store_used']} bytes are in use")
        check(cluster.state()['workers'], 'the workers have ended')
        cluster.run([PROGRAM, 'a value of any size*'])  # and they make values again


def openings_beside_connections_that_end_are_all_answered():
    with Cluster('--num-cpus', '2', *IDLE) as cluster:
        files = cluster.open_files()
        for _ in range(5):  # their processes end, and with each its drivers
            cluster.run([os.environ['CLUSTER_OPEN'], cluster.socket, '4', '25'])
        cluster.check_nothing_kept()
        wait_until(lambda: cluster.open_files() <= files,
                   lambda: f'{cluster.open_files()} files are open, not {files}')


main(tasks_run_beside_a_head_and_leave_nothing, a_full_store_is_told_and_recovers,
     with_few_workers_tasks_run_inside_of_waits,
     an_idle_worker_keeps_no_room_of_the_store,
     a_program_alone_has_a_cluster_of_its_own,
     openings_beside_connections_that_end_are_all_answered)
