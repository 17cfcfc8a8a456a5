"""Several nodes on this machine: calls between them, transfers against plain TCP and against what
OpenSSL gives, broadcasts, joins.

    cluster_bench.py [--quick] [--json] [--veth [--rate 1gbit]]

Over loopback, or with --veth between network namespaces, whose cables may be given a rate: then it
is the network that limits a broadcast, not the processors of one machine for all. What is compared
is measured in turns in the same run; figures are medians over the rounds. The ratios at the end are
those that are asked for; nothing here passes or fails by a time.
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import time

from cluster import Cluster, check, free_address

MIB = 1 << 20
SIZES = [1 << 10, 64 << 10, MIB, 16 * MIB, 64 * MIB, 256 * MIB, 1024 * MIB]
QUICK_SIZES = [1 << 10, MIB, 16 * MIB]
STREAMS = 2  # as many connections as a daemon of a machine like this has to one source
MODES = {'tls': ('on', 'openssl'), 'plain': ('off', 'tcp')}


def loopback_places(stack, count):
    del stack
    return [((), free_address()) for _ in range(count)]


def ip(*words):
    subprocess.run(['ip', *words], check=True, capture_output=True, text=True)


def veth_places(stack, count, rate):
    """A namespace each on one bridge, all cables of that rate in both directions."""
    tag = f'rb{os.getpid() % 100000}{veth_places.made}'
    subnet = f'10.24{veth_places.made}.{os.getpid() % 250}'
    veth_places.made += 1
    ip('link', 'add', tag, 'type', 'bridge')
    stack.callback(ip, 'link', 'del', tag)
    ip('link', 'set', tag, 'up')
    places = []
    for number in range(1, count + 1):
        space, cable = f'{tag}n{number}', f'{tag}c{number}'
        ip('netns', 'add', space)
        stack.callback(ip, 'netns', 'del', space)
        ip('link', 'add', cable, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', space)
        ip('link', 'set', cable, 'master', tag, 'up')
        ip('-n', space, 'link', 'set', 'lo', 'up')
        ip('-n', space, 'link', 'set', 'eth0', 'up')
        ip('-n', space, 'address', 'add', f'{subnet}.{number}/24', 'dev', 'eth0')
        if rate:
            shape = ['root', 'tbf', 'rate', rate, 'burst', '256kb', 'latency', '50ms']
            subprocess.run(['tc', 'qdisc', 'add', 'dev', cable, *shape], check=True)
            subprocess.run(['tc', '-n', space, 'qdisc', 'add', 'dev', 'eth0', *shape], check=True)
        places.append((('ip', 'netns', 'exec', space), f'{subnet}.{number}:7390'))
    return places


veth_places.made = 0


class BenchNode(Cluster):
    """A daemon at a place; the first of a cluster is its head."""

    def __init__(self, place, head, *options):
        self.enter, self.address = place
        super().__init__('--bind', self.address, *options)
        self.head = head

    def role(self):
        return ['--address', self.head.address] if self.head else ['--head']

    def secrets(self):
        if self.head is None:
            return {}
        words = [os.environ['RAYCTL'], 'token', 'create', '--role', 'join']
        return {'RAYD_TOKEN': self.head.run(words).split()[-1]}


class BenchCluster:
    """A head and nodes with the resources n1, n2, …"""

    def __init__(self, stack, places, encryption, store):
        options = ['--num-cpus', '2', '--object-store-memory', store, '--bulk-encryption',
                   encryption]
        self.places = places
        self.nodes = [stack.enter_context(BenchNode(places[0], None, *options))]
        self.join_s = []
        for number, place in enumerate(places[1:], 1):
            resources = json.dumps({f'n{number}': 100_000})
            node = BenchNode(place, self.nodes[0], *options, '--resources', resources)
            begun = time.monotonic()
            stack.enter_context(node)
            self.join_s.append(time.monotonic() - begun)
            self.nodes.append(node)

    def measure(self, mode, rounds, *cases):
        environment = self.nodes[0].environment()
        environment['BENCH_PIDS'] = ' '.join(str(node.pid) for node in self.nodes)
        return lines_of([os.environ['CLUSTER_BENCH'], mode, str(rounds), *cases], environment)


def lines_of(words, environment=None):
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    check(done.returncode == 0, f'{words} ended with {done.returncode}\n{done.stderr}')
    return [json.loads(line) for line in done.stdout.splitlines()]


class Streams:
    """What connections without a daemon bring: from the second place to the first, as a pull of
    the second node's does the other way."""

    def __init__(self, stack, places):
        self.enter = list(places[0][0])
        host = places[1][1].rpartition(':')[0]
        words = [*places[1][0], os.environ['STREAM_BENCH'], 'serve', host]
        self.server = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       text=True)
        stack.callback(self.end)
        self.address = f'{host}:{self.server.stdout.readline().strip()}'

    def measure(self, size, times, streams):
        return lines_of([*self.enter, os.environ['STREAM_BENCH'], 'ask', self.address, str(size),
                         str(times), str(streams)])

    def end(self):
        self.server.stdin.close()
        self.server.wait()
        self.server.stdout.close()


class Results:
    """Lines of the same case and mode, over the rounds."""

    def __init__(self):
        self.lines = {}

    def add(self, lines):
        for line in lines:
            self.lines.setdefault((line['case'], line['mode']), []).append(line)

    def median(self, case, mode, field='p50_us'):
        lines = self.lines.get((case, mode), [])
        return statistics.median(line[field] for line in lines) if lines else None

    def rows(self):
        for (case, mode), lines in self.lines.items():
            yield {'case': case, 'mode': mode,
                   **{field: statistics.median(line[field] for line in lines)
                      for field in ('per_s', 'p50_us', 'p99_us', 'p999_us', 'cpu_s')}}

    def mb_per_s(self, case, mode, size):
        microseconds = self.median(case, mode)
        return size / microseconds if microseconds else None


def measure_all(arguments, results):
    rounds = 1 if arguments.quick else 5
    sizes = QUICK_SIZES if arguments.quick else SIZES
    broadcast = (16 if arguments.quick else 256) * MIB
    store = '160MiB' if arguments.quick else '2300MiB'

    def places(stack, count):
        if arguments.veth:
            return veth_places(stack, count, arguments.rate)
        return loopback_places(stack, count)

    with contextlib.ExitStack() as stack:
        clusters = {mode: BenchCluster(stack, places(stack, 2), encryption, store)
                    for mode, (encryption, _) in MODES.items()}
        streams = Streams(stack, clusters['tls'].places)
        order = list(MODES)
        for _ in range(rounds):
            order.reverse()
            for mode in order:
                results.add(clusters[mode].measure(mode, 1 if arguments.quick else 5, 'calls'))
            for size in sizes:
                for mode in order:
                    results.add(clusters[mode].measure(mode, 1, f'pull={size}'))
                times = max(1, min(100, 64 * MIB // size))
                for count in {1, STREAMS if size >= 16 * MIB else 1}:
                    results.add(streams.measure(size, times, count))
        for cluster in clusters.values():
            add_joins(results, 2, cluster.join_s)
    with contextlib.ExitStack() as stack:
        cluster = BenchCluster(stack, places(stack, 5), 'on', store)
        add_joins(results, 5, cluster.join_s)
        for _ in range(rounds):
            results.add(cluster.measure('tls', 1, f'broadcast={broadcast},1',
                                        f'broadcast={broadcast},2', f'broadcast={broadcast},4'))
    return sizes, broadcast


def add_joins(results, nodes, seconds):
    results.add({'case': f'join ({nodes} nodes)', 'mode': 'tls', 'per_s': 1 / one,
                 'p50_us': one * 1e6, 'p99_us': one * 1e6, 'p999_us': one * 1e6, 'cpu_s': 0}
                for one in seconds)


def show(results, sizes, broadcast):
    print(f'{"case":36} {"mode":14} {"per s":>12} {"p50 us":>12} {"p99 us":>12} {"p99.9 us":>12} '
          f'{"CPU s":>8}')
    for row in results.rows():
        print(f'{row["case"]:36} {row["mode"]:14} {row["per_s"]:12.1f} {row["p50_us"]:12.1f} '
              f'{row["p99_us"]:12.1f} {row["p999_us"]:12.1f} {row["cpu_s"]:8.2f}')
    print(f'\n{"MB/s":>10} {"tls":>8} {"openssl":>8} {"plain":>8} {"tcp":>8}   '
          'ours / theirs: tls, plain')
    for size in sizes:
        ours = {mode: results.mb_per_s(f'pull {size}', mode, size) for mode in MODES}
        # The opponent has the better of one and of as many connections as we use.
        theirs = {mode: max(filter(None, (results.mb_per_s(f'{opponent} {size} x{count}', 'hot',
                                                           size) for count in (1, STREAMS))))
                  for mode, (_, opponent) in MODES.items()}
        print(f'{size:10} {ours["tls"]:8.1f} {theirs["tls"]:8.1f} {ours["plain"]:8.1f} '
              f'{theirs["plain"]:8.1f}   {ours["tls"] / theirs["tls"]:.2f} '
              f'{ours["plain"] / theirs["plain"]:.2f}')
    one, two, four = (results.median(f'broadcast {broadcast} to {nodes}', 'tls')
                      for nodes in (1, 2, 4))
    print(f'broadcast of {broadcast} bytes: to two {two / one:.2f} x, to four {four / one:.2f} x '
          'the time of one')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--quick', action='store_true', help='a run of seconds')
    parser.add_argument('--json', action='store_true', help='lines for programs')
    parser.add_argument('--veth', action='store_true', help='between network namespaces')
    parser.add_argument('--rate', help='of each cable of --veth, as for tc: 1gbit')
    arguments = parser.parse_args()
    load = os.getloadavg()[0]
    results = Results()
    sizes, broadcast = measure_all(arguments, results)
    if arguments.json:
        for row in results.rows():
            print(json.dumps(row))
    else:
        show(results, sizes, broadcast)
    if load > 1:
        print(f'the machine was busy when this began (load {load:.1f}): figures are noisy',
              file=sys.stderr)


if __name__ == '__main__':
    main()
