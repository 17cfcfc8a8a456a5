"""rayctl up and down: other machines by ssh, with a real sshd for each on loopback."""

import os
import shutil
import socket
import subprocess
import tempfile

from cluster import check, main, wait_until
from cluster_members import Members, free_port

SSHD = '/usr/sbin/sshd'


class Host:
    """An sshd that lets one key in, with folders of its own for whoever comes."""

    def __init__(self, folder, name, key):
        self.folder = os.path.join(folder, name)
        os.makedirs(os.path.join(self.folder, 'run'), mode=0o700)
        self.name = name
        self.port = free_port('127.0.0.1')
        self.host_key = os.path.join(self.folder, 'host_key')
        subprocess.run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', self.host_key],
                       check=True)
        config = os.path.join(self.folder, 'sshd_config')
        with open(config, 'w', encoding='utf-8') as stream:
            stream.write(f'ListenAddress 127.0.0.1:{self.port}\nHostKey {self.host_key}\n'
                         f'AuthorizedKeysFile {key}.pub\nStrictModes no\nUsePAM no\n'
                         f'PasswordAuthentication no\nPermitRootLogin prohibit-password\n'
                         f'PidFile none\nSetEnv XDG_CACHE_HOME={self.folder} '
                         f'XDG_STATE_HOME={self.folder} XDG_RUNTIME_DIR={self.folder}/run\n')
        if os.getuid() == 0:
            os.makedirs('/run/sshd', exist_ok=True)  # where sshd's unprivileged part lives
        with open(os.path.join(self.folder, 'log'), 'wb') as log:
            self.process = subprocess.Popen([SSHD, '-D', '-e', '-f', config], stderr=log)
        wait_until(self.answers, lambda: f'sshd answers: {self.log()}')

    def answers(self):
        try:
            socket.create_connection(('127.0.0.1', self.port), 1).close()
            return True
        except OSError:
            return False

    def log(self):
        with open(os.path.join(self.folder, 'log'), encoding='utf-8') as stream:
            return stream.read()

    def copies(self):
        root = os.path.join(self.folder, 'rayd')
        return [name for name in os.listdir(root) if name not in ('current', 'default')]

    def end(self):
        self.process.terminate()
        self.process.wait(10)


class Hosts:
    def __init__(self, *names):
        self.folder = tempfile.mkdtemp(prefix='rayd-hosts-')
        key = os.path.join(self.folder, 'key')
        subprocess.run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', key], check=True)
        self.hosts = {name: Host(self.folder, name, key) for name in names}
        self.config = os.path.join(self.folder, 'config')
        with open(self.config, 'w', encoding='utf-8') as stream:
            for host in self.hosts.values():
                stream.write(f'Host {host.name}\n  HostName 127.0.0.1\n  Port {host.port}\n')
            stream.write(f'Host nobody\n  HostName 127.0.0.1\n  Port {free_port("127.0.0.1")}\n'
                         f'Host *\n  IdentityFile {key}\n  StrictHostKeyChecking no\n'
                         f'  UserKnownHostsFile /dev/null\n  LogLevel ERROR\n')
        self.ssh = f"--ssh 'ssh -F {self.config}'"

    def __getitem__(self, name):
        return self.hosts[name]

    def __enter__(self):
        return self

    def __exit__(self, *error):
        for host in self.hosts.values():
            host.end()
        shutil.rmtree(self.folder)


def machines_come_up_by_ssh_and_go_down_again():
    with Members() as members, Hosts('a', 'b') as hosts:
        head = members.start_head('--num-cpus 1')
        up = f'up {hosts.ssh} --num-cpus 1'
        report = head.json(f'{up} a b nobody', 1)
        check([row['ok'] for row in report['items']] == [True, True, False], f'{report}')
        check('refused' in report['items'][2]['text'], f'the error of the host: {report}')
        head.run('wait --nodes 3 --timeout 20')
        head.run('submit counter', prints='[1,1,1,1]\n')
        check(len(hosts['a'].copies()) == 1, f'{hosts["a"].copies()}')
        # Again: nothing is copied, and who is up stays.
        nodes = sorted(row['id'] for row in head.items('nodes'))
        head.run(f'{up} a b', says=['a: ', 'runs already'])
        check(nodes == sorted(row['id'] for row in head.items('nodes')), 'the same nodes')
        check(len(hosts['a'].copies()) == 1, f'{hosts["a"].copies()}')
        head.run(f'up {hosts.ssh} -- -oProxyCommand=false', 2, '', ['is no host'])
        head.run(f'down {hosts.ssh} a', says=['a: '])
        wait_until(lambda: sum(row['state'] == 'alive' for row in head.items('nodes')) == 2,
                   'one has left')
        head.run(f'down {hosts.ssh}', says=['b: '])
        head.run(f'down {hosts.ssh} b', says=['nothing to do'])
        check(sum(row['state'] == 'alive' for row in head.items('nodes')) == 1, 'the head is alone')


if __name__ == '__main__':
    main(machines_come_up_by_ssh_and_go_down_again)
