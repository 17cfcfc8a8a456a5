"""kill -9 of workers, of clients and of the daemon, under load.

KILL_ROUNDS (100; 20 under a sanitizer) and KILL_SEED make a run longer, or the same again.
"""

import os
import random
import signal
import sqlite3
import subprocess
import time

from cluster import (IDLE, SANITIZED, Cluster, Broken, check, default_rounds, main, rss_bytes,
                     wait_until)

CLIENTS = 3
LOAD = ['actors']
ROUNDS = default_rounds('KILL_ROUNDS', 100, 20)
SEED = int(os.environ.get('KILL_SEED', time.time_ns() % 1_000_000))
MIB = 1 << 20
# What the daemon may have grown by; a sanitizer keeps what was freed.
GROWTH_BYTES = (400 if SANITIZED else 16) * MIB


class Client:
    """cluster_load as a process; its rounds are counted by the lines it printed."""

    def __init__(self, cluster, number):
        self.path = os.path.join(cluster.folder, f'client-{number}')
        with open(self.path, 'wb') as output:
            self.process = subprocess.Popen(
                [os.environ['CLUSTER_LOAD'], *LOAD], env=cluster.environment(),
                stdin=subprocess.PIPE, stdout=output, stderr=output)

    def rounds(self):
        with open(self.path, 'rb') as output:
            return output.read().count(b'a round\n')

    def output(self):
        with open(self.path, encoding='utf-8', errors='replace') as output:
            return output.read().replace('a round\n', '')

    def check_alive(self):
        check(self.process.poll() is None,
              f'a client ended with {self.process.poll()}: {self.output()}')

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()

    def end(self):
        self.process.stdin.close()
        status = self.process.wait(60)
        check(status == 0, f'a client ended with {status}: {self.output()}')


def wait_for_rounds(clients):
    """Every client has done a whole round more than now."""
    before = [client.rounds() for client in clients]

    def went_on():
        for client in clients:
            client.check_alive()
        return all(client.rounds() > old + 1 for client, old in zip(clients, before))

    wait_until(went_on, lambda: f'clients are stuck: {[client.rounds() for client in clients]}, '
                                f'they were at {before}')


def kill_worker(cluster, chance):
    workers = [row['pid'] for row in cluster.state()['workers'] if row['pid']]
    if not workers:
        return False
    try:
        os.kill(chance.choice(workers), signal.SIGKILL)
    except ProcessLookupError:
        return False  # it went meanwhile
    return True


def workers_and_clients_killed_under_load_spoil_nothing():
    chance = random.Random(SEED)
    print(f'KILL_SEED={SEED} KILL_ROUNDS={ROUNDS}', flush=True)
    killed = {'worker': 0, 'client': 0}
    with Cluster('--num-cpus', '2', *IDLE) as cluster:
        numbers = iter(range(10_000))
        clients = [Client(cluster, next(numbers))]
        wait_for_rounds(clients)
        clients.pop().end()
        cluster.check_nothing_kept()
        files_before, bytes_before = cluster.open_files(), rss_bytes(cluster.pid)

        clients = [Client(cluster, next(numbers)) for _ in range(CLIENTS)]
        try:
            while sum(killed.values()) < ROUNDS:
                if chance.random() < 0.3:
                    victim = chance.randrange(CLIENTS)
                    clients[victim].kill()
                    clients[victim] = Client(cluster, next(numbers))
                    killed['client'] += 1
                elif kill_worker(cluster, chance):
                    killed['worker'] += 1
                cluster.family()
                if chance.random() < 0.5:
                    wait_for_rounds(clients)
                else:
                    for client in clients:
                        client.check_alive()
                    time.sleep(chance.random() * 0.05)  # the moment of the next blow
            wait_for_rounds(clients)
        except Broken:
            print(cluster.state(), flush=True)
            raise
        for client in clients:
            client.end()
        cluster.check_nothing_kept()
        print(f'killed {killed}; files {files_before} → {cluster.open_files()}, RSS '
              f'{bytes_before // MIB} → {rss_bytes(cluster.pid) // MIB} MiB', flush=True)
        wait_until(lambda: cluster.open_files() <= files_before,
                   lambda: f'{cluster.open_files()} files are open, not {files_before}')
        grown = rss_bytes(cluster.pid) - bytes_before
        check(grown <= GROWTH_BYTES, f'the daemon grew by {grown} bytes')
        cluster.check_sleeps()


def read_epoch(cluster):
    """Of the journal of a cluster that is down."""
    path = os.path.join(cluster.folder, 'state', 'rayd', 'default', 'journal.sqlite')
    connection = sqlite3.connect(path)
    try:
        return connection.execute('SELECT epoch FROM membership').fetchone()[0]
    finally:
        connection.close()


def a_killed_daemon_leaves_no_descendant_and_can_be_started_again():
    with Cluster('--num-cpus', '2', *IDLE) as cluster:
        epochs = []
        for number in range(3):
            client = Client(cluster, number)
            wait_for_rounds([client])
            cluster.kill()
            status = client.process.wait(60)
            check(status == 1, f'the client of a dead daemon ended with {status}')
            client.process.stdin.close()
            cluster.check_no_process(patience_s=10 * (5 if SANITIZED else 1))
            cluster.check_no_file()
            epochs.append(read_epoch(cluster))
            cluster.start()
        check(epochs == [epochs[0], epochs[0] + 1, epochs[0] + 2], f'epochs {epochs}')
        cluster.run([os.environ['CLUSTER_TASKS'], 'tasks nested*'])
        cluster.check_nothing_kept()


main(workers_and_clients_killed_under_load_spoil_nothing,
     a_killed_daemon_leaves_no_descendant_and_can_be_started_again)
