"""rayctl as a person uses it: what it prints, and with which status it ends (cli.md)."""

import json
import os
import shlex
import signal
import subprocess

from cluster import (Cluster, check, describe_process, main, processes_of_folder, read_command,
                     wait_until)

RAYCTL = os.environ['RAYCTL']
SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'cluster_module.cc')


class Shell:
    """A folder with a cluster that rayctl starts and stops."""

    def __init__(self):
        self.cluster = Cluster()  # its folder and its checks; the daemon is rayctl's
        self.environment = self.cluster.environment()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        subprocess.run([RAYCTL, 'stop', '--force'], env=self.environment, check=False,
                       stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
        try:
            if kind is None:
                self.cluster.check_no_process(patience_s=1.0)
                self.cluster.check_no_file()
            else:
                self.cluster.show_log()
        finally:
            self.cluster.remove_folder()

    def command(self, line):
        return [RAYCTL, *shlex.split(line)]

    def popen(self, line):
        return subprocess.Popen(self.command(line), env=self.environment, cwd=self.cluster.folder,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)

    def end(self, line, process, status, prints, says):
        """Checks a command's end: its status, its standard output, parts of its standard error."""
        out, err = process.communicate(timeout=120)
        told = f'rayctl {line}\nstatus {process.returncode}\nstdout {out!r}\nstderr {err!r}'
        check(process.returncode == status, f'wanted status {status} of {told}')
        if prints is not None:
            check(out == prints, f'wanted {prints!r} on the standard output of {told}')
        for part in says:
            check(part in err, f'wanted {part!r} on the standard error of {told}')
        return out

    def run(self, line, status=0, prints=None, says=()):
        return self.end(line, self.popen(line), status, prints, says)

    def json(self, line, status=0):
        return json.loads(self.run(line + ' --json', status))

    def items(self, kind):
        return self.json(f'list {kind}')['items']

    def read(self, name):
        with open(os.path.join(self.cluster.folder, name), encoding='utf-8') as stream:
            return stream.read()

    def daemon(self):
        """The pid of the daemon of this machine itself, by its socket; None: it is gone."""
        for pid in processes_of_folder(self.cluster.folder):
            with open(f'/proc/{pid}/cmdline', 'rb') as stream:
                words = stream.read().split(bytes(1))
            if os.path.basename(words[0]) == b'rayd' and b'--ready-fd' in words:
                return pid
        return None

    def add_own_module(self):
        """The one line with which people compile their own."""
        flags = subprocess.run(['pkg-config', '--cflags', '--libs', 'rayclient'], check=True,
                               capture_output=True, text=True).stdout.split()
        library = os.path.join(self.cluster.folder, 'own.so')
        subprocess.run(['g++', '-std=c++20', '-shared', '-fPIC', SOURCE, *flags, '-o', library],
                       check=True)
        self.run(f'module add {library}')


def a_cluster_is_started_used_and_stopped():
    with Shell() as shell:
        shell.run('status', 4, '', ['rayctl: no cluster runs here', 'rayctl start --head'])
        shell.run('submit square', 4, '')
        shell.run('start --head --num-cpus 2')
        shell.run('start --head --num-cpus 2', says=['runs already'])
        shell.run('start --head --num-cpus 3', 2, says=['--num-cpus is 2, not 3'])
        shell.run('submit square', prints='[0,1,4,9]\n')
        shell.run('submit square n=2 -q', prints='[0,1]\n')
        shell.run('task square 4', prints='16\n')
        answer = shell.json('submit square')
        check((answer['v'], answer['state'], answer['result'], answer['error']) ==
              (1, 'succeeded', [0, 1, 4, 9], None), f'{answer}')
        shell.run('stop')
        shell.cluster.check_no_process()
        shell.run('stop', says=['nothing to do'])


def mistakes_have_their_own_status_and_name_the_cure():
    with Shell() as shell:
        shell.run('start --head --num-cpus 2')
        shell.run('submti square', 2, '', ['submit'])
        shell.run('task square x', 2, '', ["'x'"])
        shell.run('task square', 2, '')
        shell.run('submit square n=-1', 2, '', ['n=-1'])
        shell.run('submit square m=1', 2, '', ['m'])
        shell.run('task sqare 4', 3, '', ['square'])
        shell.run('describe job-77', 3, '')
        shell.run('stop')


def own_code_is_one_line_of_the_compiler_and_one_of_rayctl():
    with Shell() as shell:
        shell.run('start --head --num-cpus 2')
        shell.add_own_module()
        shell.run('task cube 3', prints='27\n')
        shell.run('task own:cube -3', prints='-27\n')
        shell.run('task greet world', prints='hello world\n')
        check('own' in {row['id'] for row in shell.items('modules')}, 'own is not listed')
        shell.run('task refuse 7', 1, '', ['own::Refused', 'no 7 here'])
        failed = shell.json('task refuse 7', 1)
        check(failed['state'] == 'failed', f'{failed}')
        check('no 7 here' in failed['error']['message'], f'{failed}')
        a_worker_killed_in_its_task_is_made_good(shell)
        shell.run('module remove own')
        shell.run('task cube 3', 3, '')
        shell.run('stop')


def a_worker_killed_in_its_task_is_made_good(shell):
    count = os.path.join(shell.cluster.folder, 'count')
    line = f'task hang_once {count}'
    process = shell.popen(line)
    wait_until(lambda: os.path.exists(count) and os.path.getsize(count) == 1, 'the task runs')
    busy = [row['pid'] for row in shell.items('workers') if row['state'] == 'busy']
    check(len(busy) == 1, f'busy workers: {[describe_process(pid) for pid in busy]}')
    os.kill(busy[0], signal.SIGKILL)
    shell.end(line, process, 0, '2\n', [])


def what_no_node_can_run_is_told_at_once_or_queued_and_explained():
    with Shell() as shell:
        shell.run('start --head --num-cpus 2')
        shell.run('task square 4 --num-cpus 64', 7, '', ['CPU 64'])
        shell.run('''task square 4 --resources '{"laser": 1}' ''', 7, '', ['laser'])
        job = shell.run('task square 4 --num-cpus 64 --detach').strip()
        check(job.startswith('job-'), f'{job!r}')
        waiting = wait_until(lambda: shell.items('tasks'), 'the task is listed')
        check(waiting[0]['state'] == 'pending' and 'CPU 64' in waiting[0]['pending_reason'],
              f'{waiting}')
        check('CPU 64' in shell.run(f'describe {waiting[0]["id"]}'), 'describe does not explain')
        check('CPU 64' in shell.run('status'), 'status does not explain')
        shell.run(f'cancel {job}')
        wait_until(lambda: not shell.items('tasks'), 'the cancelled task is gone')
        shell.run('stop')


def a_job_is_followed_detached_waited_for_and_interrupted():
    with Shell() as shell:
        shell.run('start --head --num-cpus 2')
        shell.add_own_module()
        check('how many' in shell.run('submit cubes --help'), 'the help names no parameter')
        said = ['the first is there', 'said by the driver']
        shell.run('submit cubes --out here', prints='[1,8,27]\n', says=said)
        check(shell.read('here/cubes.txt') == '3', 'the result file')
        job = shell.run('submit cubes n=2 --detach').strip()
        shell.run(f'wait {job}', prints='[1,8]\n')
        shell.run(f'artifacts {job} --out there')
        check(shell.read('there/cubes.txt') == '2', 'the artifact')
        check('said by the driver' in shell.run(f'logs {job}'), 'the log lacks a line')
        shell.run('submit cubes n=0 --timeout 0.2', 6, '')
        line = 'submit cubes n=0'
        process = shell.popen(line)
        wait_until(lambda: [row for row in shell.items('jobs') if row['state'] == 'running'],
                   'the job runs')
        process.send_signal(signal.SIGINT)
        shell.end(line, process, 130, '', [])
        states = [row['state'] for row in shell.items('jobs') if row['workload'] == 'cubes']
        check(states == ['succeeded', 'succeeded', 'cancelled', 'cancelled'], f'{states}')
        wait_until(lambda: not shell.items('objects') and not shell.items('tasks'),
                   'nothing of the jobs is kept')
        shell.run('stop')


def state_of(shell, job):
    return [row for row in shell.items('jobs') if row['id'] == job][0]['state']


def a_job_that_does_not_listen_is_killed_after_the_grace():
    with Shell() as shell:
        shell.run('start --head --num-cpus 2 --cancel-grace-ms 300')
        shell.add_own_module()
        job = shell.run('submit deaf --detach').strip()
        wait_until(lambda: state_of(shell, job) == 'running', 'the job runs')
        shell.run(f'cancel {job}')
        wait_until(lambda: state_of(shell, job) == 'cancelled', 'the job is cancelled')
        shell.run('stop')


def jobs_and_their_outcomes_outlive_the_daemon():
    with Shell() as shell:
        start = 'start --head --num-cpus 2'
        shell.run(start)
        shell.add_own_module()
        done = shell.run('submit cubes n=3 --detach').strip()
        shell.run(f'wait {done}', prints='[1,8,27]\n')
        lost = shell.run('submit cubes n=0 --detach').strip()
        kept = shell.run('submit cubes n=0 --retries 1 --detach').strip()
        for job in lost, kept:
            wait_until(lambda job=job: state_of(shell, job) == 'running', 'the job runs')
        daemon = [pid for pid in processes_of_folder(shell.cluster.folder)
                  if b'--head' in read_command(pid)]
        check(len(daemon) == 1, f'which is the daemon? {daemon}')
        os.kill(daemon[0], signal.SIGKILL)
        shell.cluster.check_no_process(patience_s=10.0)
        shell.run(start)
        shell.run(f'wait {done}', prints='[1,8,27]\n')
        shell.run(f'artifacts {done} --out out')
        check(shell.read('out/cubes.txt') == '3', 'the file of the job is another')
        shell.run(f'wait {lost}', 1, '', ['node-1 died'])
        wait_until(lambda: state_of(shell, kept) == 'running', 'the job runs again')
        shell.run(f'cancel {kept}')
        wait_until(lambda: state_of(shell, kept) == 'cancelled', 'the job is cancelled')
        shell.run('stop')


def an_actor_is_made_called_and_killed():
    with Shell() as shell:
        shell.run('start --head --num-cpus 2')
        shell.run('submit counter', prints='[1,1,1,1]\n')
        shell.add_own_module()
        shell.run('actor create Tally 40 --name t')
        shell.run('actor create Tally 1 --name t', 2, says=['t'])
        shell.run('actor call t Add 2', prints='42\n')
        shell.run('actor call t Add 1', prints='43\n')
        shell.run('actor call t Add -- -1', 1, '', ['own::Refused', 'only up'])
        actor = [row for row in shell.items('actors') if row['name'] == 't'][0]
        check(actor['state'] == 'alive' and actor['restarts'] == 0, f'{actor}')
        shell.run('actor kill t')
        shell.run('actor call t Add 1', 3, '', ['t'])
        shell.run('stop')


if __name__ == '__main__':
    main(a_cluster_is_started_used_and_stopped,
         mistakes_have_their_own_status_and_name_the_cure,
         own_code_is_one_line_of_the_compiler_and_one_of_rayctl,
         what_no_node_can_run_is_told_at_once_or_queued_and_explained,
         a_job_is_followed_detached_waited_for_and_interrupted,
         a_job_that_does_not_listen_is_killed_after_the_grace,
         jobs_and_their_outcomes_outlive_the_daemon,
         an_actor_is_made_called_and_killed)
