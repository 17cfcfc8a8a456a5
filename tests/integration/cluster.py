"""A cluster of a test's own: a head in a temporary folder, looked into, and ended without a trace.

    with Cluster('--num-cpus', '2') as cluster:
        cluster.run([program, 'argument'])

Leaving the block ends the daemon by SIGTERM and raises if anything of it is left: a process, the
socket, a file in its temporary folder or in /dev/shm. Names of the programs come from meson by
environment variables (RAYD, CLUSTER_STATE, …).
"""

import contextlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time

PATIENCE_S = 60.0
TICKS_PER_S = os.sysconf('SC_CLK_TCK')
SANITIZED = 'RAYD_SANITIZED' in os.environ


class Broken(AssertionError):
    """What a test found wrong."""


def check(good, text):
    if not good:
        raise Broken(text)


def wait_until(condition, text, patience_s=PATIENCE_S):
    """Asks again and again; the bound is for those who would wait for ever."""
    end = time.monotonic() + patience_s
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            wanted = text() if callable(text) else text
            raise Broken(f'after {patience_s:.0f} s still not so: {wanted}')
        time.sleep(0.02)


def read_stat(pid):
    """(state, parent, ticks of CPU, start time), or None for a process that is gone."""
    try:
        with open(f'/proc/{pid}/stat', encoding='ascii', errors='replace') as stream:
            fields = stream.read().rpartition(')')[2].split()
    except OSError:
        return None
    return fields[0], int(fields[1]), int(fields[11]) + int(fields[12]), int(fields[19])


def all_pids():
    return [int(name) for name in os.listdir('/proc') if name.isdigit()]


def is_alive(pid, start_time):
    stat = read_stat(pid)
    return stat is not None and stat[0] not in 'ZX' and stat[3] == start_time


def descendants(pid):
    """{pid: start time} of all below, by their parents."""
    children = {}
    stats = {}
    for other in all_pids():
        stat = read_stat(other)
        if stat is not None:
            stats[other] = stat
            children.setdefault(stat[1], []).append(other)
    found = {}
    todo = [pid]
    while todo:
        for child in children.get(todo.pop(), []):
            found[child] = stats[child][3]
            todo.append(child)
    return found


def processes_of_folder(folder):
    """Pids whose environment names the folder: even those who left their parents."""
    needle = os.fsencode(folder) + b'/'
    found = []
    for pid in all_pids():
        with contextlib.suppress(OSError):
            with open(f'/proc/{pid}/environ', 'rb') as stream:
                if needle in stream.read() and pid != os.getpid():
                    found.append(pid)
    return [pid for pid in found if (read_stat(pid) or 'Z')[0] not in 'ZX']


def read_command(pid):
    """Its words, each with a zero behind; empty for a process that is gone."""
    try:
        with open(f'/proc/{pid}/cmdline', 'rb') as stream:
            return stream.read()
    except OSError:
        return b''


def describe_process(pid):
    words = read_command(pid).replace(bytes(1), b' ').decode(errors='replace').strip()
    return f'{pid} ({words})' if words else str(pid)


def rss_bytes(pid):
    with open(f'/proc/{pid}/statm', encoding='ascii') as stream:
        return int(stream.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')


class Cluster:
    """A head of one machine in `folder`; a second one may be started there later."""

    enter = ()  # put before the daemon's command

    def __init__(self, *options, folder=None):
        self.options = list(options)
        self.own_folder = folder is None
        self.folder = folder or tempfile.mkdtemp(prefix='rayd-it-', dir='/tmp')
        self.daemon = None
        self.seen = {}
        self.shm_before = set(os.listdir('/dev/shm'))

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.remove_folder()
            raise
        return self

    def __exit__(self, kind, error, trace):
        try:
            if self.daemon is None or self.daemon.poll() is not None:
                if kind is None and self.daemon is not None:
                    raise Broken(f'the daemon ended by itself with {self.daemon.returncode}')
                return
            if kind is None:
                self.stop()
            else:
                self.daemon.terminate()
                try:
                    self.daemon.wait(20)
                except subprocess.TimeoutExpired:
                    self.daemon.kill()
                    self.daemon.wait()
        finally:
            if kind is not None:
                self.show_log()
            self.remove_folder()

    # Start and end.

    def environment(self):
        """For clients of this cluster; nothing of the caller's cluster is left in it."""
        environment = {key: value for key, value in os.environ.items()
                       if not key.startswith(('RAY_', 'RAYD_')) or key == 'RAYD_SANITIZED'}
        for key, name in (('XDG_RUNTIME_DIR', 'run'), ('XDG_STATE_HOME', 'state'),
                          ('TMPDIR', 'tmp'), ('XDG_CONFIG_HOME', 'config')):
            path = os.path.join(self.folder, name)
            os.makedirs(path, mode=0o700, exist_ok=True)
            environment[key] = path
        return environment

    @property
    def socket(self):
        return os.path.join(self.folder, 'run', 'rayd', 'default', 'rayd.sock')

    @property
    def pid(self):
        return self.daemon.pid

    def role(self):
        return ['--head']

    def secrets(self):
        return {}

    def start(self):
        reading, writing = os.pipe()
        words = [*self.enter, os.environ['RAYD'], *self.role(), '--ready-fd', str(writing),
                 *self.options]
        environment = {**self.environment(), **self.secrets()}
        try:
            with open(os.path.join(self.folder, 'daemon.out'), 'ab') as output:
                self.daemon = subprocess.Popen(words, pass_fds=[writing], env=environment,
                                               cwd=self.folder, stdin=subprocess.DEVNULL,
                                               stdout=output, stderr=output)
        finally:
            os.close(writing)
        with os.fdopen(reading, 'rb') as stream:
            there, _, _ = select.select([stream], [], [], PATIENCE_S)
            line = stream.readline().decode().strip() if there else 'nothing at all'
        if line != 'ready':
            self.daemon.kill()
            self.daemon.wait()
            raise Broken(f'rayd said {line!r} in place of ready\n{self.output()}')

    def family(self):
        """The daemon's descendants now; all that were ever seen are looked for at the end."""
        now = descendants(self.pid)
        self.seen.update(now)
        return now

    def stop(self):
        """By SIGTERM, and nothing may be left."""
        self.family()
        self.daemon.terminate()
        try:
            status = self.daemon.wait(PATIENCE_S)
        except subprocess.TimeoutExpired as late:
            self.daemon.kill()
            self.daemon.wait()
            raise Broken('the daemon did not end within its time after SIGTERM') from late
        check(status == 0, f'the daemon ended with {status}\n{self.output()}')
        self.check_no_process()
        self.check_no_file()

    def kill(self):
        """By SIGKILL: its keeper has to clean up."""
        self.family()
        self.daemon.kill()
        self.daemon.wait()

    def check_no_process(self, patience_s=0.0):
        def left():
            by_parents = [pid for pid, start in self.seen.items() if is_alive(pid, start)]
            return sorted(set(by_parents) | set(processes_of_folder(self.folder)))

        end = time.monotonic() + patience_s
        while left() and time.monotonic() < end:
            time.sleep(0.02)
        check(not left(), 'processes are left: ' + ', '.join(map(describe_process, left())))

    def check_no_file(self):
        check(not os.path.lexists(self.socket), 'the socket is left')
        temporary = os.listdir(os.path.join(self.folder, 'tmp'))
        check(not temporary, f'temporary files are left: {temporary}')
        # Others use this machine's /dev/shm as well; what we would put there has our name.
        shared = [name for name in set(os.listdir('/dev/shm')) - self.shm_before if 'ray' in name]
        check(not shared, f'shared memory is left: {shared}')

    def remove_folder(self):
        if self.own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    # Looking into it.

    def run(self, words, timeout_s=PATIENCE_S, **options):
        """Runs a program as a client and wants status 0. Returns its standard output."""
        done = subprocess.run(words, env=self.environment(), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=timeout_s, check=False,
                              **options)
        check(done.returncode == 0,
              f'{words} ended with {done.returncode}\n{done.stdout}\n{done.stderr}')
        return done.stdout

    def state(self):
        """What the daemon says of itself: lists of dicts by kind, and the store's use."""
        return json.loads(self.run([os.environ['CLUSTER_STATE'], self.socket]))

    def check_nothing_kept(self, patience_s=PATIENCE_S):
        """Without clients there is no object, no task, no living actor, nothing in the store; and
        no worker, once it was idle for as long as it may (start with IDLE)."""
        kept = {}

        def empty():
            state = self.state()
            kept.clear()
            kept.update({kind: state[kind] for kind in ('objects', 'tasks')})
            kept['actors'] = [row for row in state['actors'] if row['state'] != 'dead']
            kept['workers'] = state['workers']
            kept['store_used'] = state['store_used']
            return not any(kept.values())

        wait_until(empty, lambda: f'nothing is kept, but there is {json.dumps(kept)[:3000]}',
                   patience_s)

    def check_sleeps(self):
        """Idle, the daemon and its keeper use no CPU over one second."""
        family = [self.pid, *self.family()]
        before = {pid: read_stat(pid) for pid in family}
        time.sleep(1.0)
        for pid, stat in before.items():
            now = read_stat(pid)
            if stat is not None and now is not None:
                check(now[2] - stat[2] <= 1,
                      f'{describe_process(pid)} used {now[2] - stat[2]} ticks in an idle second')

    def open_files(self):
        """How many descriptors the daemon has; only root may look."""
        return len(os.listdir(f'/proc/{self.pid}/fd'))

    def output(self):
        path = os.path.join(self.folder, 'daemon.out')
        with open(path, encoding='utf-8', errors='replace') as text:
            return text.read()

    def show_log(self):
        with contextlib.suppress(OSError):
            print('the daemon wrote:', self.output()[-4000:], flush=True)
        log = os.path.join(self.folder, 'state', 'rayd', 'default', 'log', 'rayd.log')
        with contextlib.suppress(OSError):
            with open(log, encoding='utf-8', errors='replace') as text:
                print('its log:', text.read()[-4000:], flush=True)


def free_address():
    """Of this machine; nobody listens there now."""
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return f'127.0.0.1:{probe.getsockname()[1]}'


class Head(Cluster):
    """A head that other machines can join."""

    def __init__(self, *options):
        self.address = free_address()
        super().__init__('--bind', self.address, *options)


class Node(Cluster):
    """A further machine of a head's cluster."""

    def __init__(self, head, *options):
        super().__init__('--bind', free_address(), *options)
        self.head = head

    def role(self):
        return ['--address', self.head.address]

    def secrets(self):
        return {'RAYD_TOKEN': self.head.run([os.environ['RAYCTL'], 'token', 'create', '--role',
                                             'join']).split()[-1]}


def main(*tests):
    """Runs the functions in order; each name is a sentence."""
    for test in tests:
        begun = time.monotonic()
        test()
        sentence = test.__name__.replace('_', ' ')
        print(f'{sentence}: ok, {time.monotonic() - begun:.1f} s', flush=True)


def default_rounds(variable, plain, sanitized):
    return int(os.environ.get(variable, sanitized if SANITIZED else plain))


KILL = signal.SIGKILL
# So that a test sees idle workers end, too.
IDLE = ('--idle-worker-timeout-ms', '1000')
