"""Objects between two daemons on one machine: the cases of cluster_pull.cc."""

import os
import random
import signal
import subprocess
import time

from cluster import IDLE, SANITIZED, Head, Node, check, main, wait_until

PROGRAM = os.environ['CLUSTER_PULL']
HEAD = ('--num-cpus', '2', '--object-store-memory', '256MiB', *IDLE)
FAR = ('--num-cpus', '2', '--resources', '{"far": 2}', *IDLE)
KILLS = 2 if SANITIZED else 4


def far_node(head, *more, store='192MiB'):
    return Node(head, *FAR, '--object-store-memory', store, *more)


def objects_travel_both_ways_and_leave_nothing():
    with Head(*HEAD) as head, far_node(head) as far:
        head.run([PROGRAM], timeout_s=120)
        head.check_nothing_kept()
        far.check_nothing_kept()
        head.check_sleeps()


def objects_travel_in_the_clear_where_both_sites_say_so():
    plain = ('--bulk-encryption', 'off')
    with Head(*HEAD, *plain) as head, far_node(head, *plain) as far:
        head.run([PROGRAM], timeout_s=120)
        far.check_nothing_kept()


def one_site_that_encrypts_is_enough():
    with Head(*HEAD, '--bulk-encryption', 'off') as head, far_node(head):
        head.run([PROGRAM], timeout_s=120)


class Rounds:
    """The program in a case of its own that ends with its standard input."""

    def __init__(self, head, case):
        self.path = os.path.join(head.folder, 'rounds')
        with open(self.path, 'wb') as output:
            self.process = subprocess.Popen([PROGRAM, case], env=head.environment(),
                                            stdin=subprocess.PIPE, stdout=output, stderr=output)

    def text(self):
        with open(self.path, encoding='utf-8', errors='replace') as output:
            return output.read()

    def wait_for(self, line, times=1):
        """That many more of these lines."""
        before = self.text().count(line)

        def there():
            check(self.process.poll() is None,
                  f'it ended with {self.process.poll()}: {self.text()}')
            return self.text().count(line) >= before + times

        wait_until(there, lambda: f'{times} more of {line!r}: {self.text()[-2000:]}')

    def end(self):
        self.process.stdin.close()
        status = self.process.wait(60)
        check(status == 0, f'it ended with {status}: {self.text()}')


def a_machine_that_dies_in_a_transfer_costs_a_retry():
    chance = random.Random(7)
    with Head(*HEAD) as head:
        nodes = [far_node(head), far_node(head)]
        try:
            for node in nodes:
                node.start()
            rounds = Rounds(head, '[.rounds]')
            for kill in range(KILLS):
                rounds.wait_for('a round')
                time.sleep(chance.random() * 0.3)
                dead = nodes.pop(0)
                dead.kill()
                dead.check_no_process(patience_s=20)
                dead.remove_folder()
                nodes.append(far_node(head))
                nodes[-1].start()
                rounds.wait_for('a round', 2)
            rounds.end()
            head.check_nothing_kept()
        finally:
            for node in nodes:
                node.stop()
                node.remove_folder()


def a_machine_that_falls_silent_in_a_transfer_costs_a_retry_and_joins_anew():
    with Head(*HEAD) as head, far_node(head) as silent, far_node(head):
        def alive():
            return {row['id'] for row in head.state()['nodes'] if row['state'] == 'alive'}

        rounds = Rounds(head, '[.rounds]')
        rounds.wait_for('a round', 2)
        os.kill(silent.pid, signal.SIGSTOP)
        try:
            rounds.wait_for('a round', 3)
            wait_until(lambda: len(alive()) == 2, 'the silent one is dead')
        finally:
            os.kill(silent.pid, signal.SIGCONT)
        wait_until(lambda: len(alive()) == 3, 'it has joined anew')
        rounds.wait_for('a round', 3)
        rounds.end()
        head.check_nothing_kept()


def what_was_only_on_a_dead_machine_is_an_error():
    with Head(*HEAD) as head:
        node = far_node(head)
        node.start()
        try:
            rounds = Rounds(head, '[.lost]')
            wait_until(lambda: 'made' in rounds.text(), 'it was made')
        finally:
            node.kill()
            node.check_no_process(patience_s=20)
            node.remove_folder()
        rounds.end()
        check('lost: ' in rounds.text(), rounds.text())


if __name__ == '__main__':
    main(objects_travel_both_ways_and_leave_nothing,
         objects_travel_in_the_clear_where_both_sites_say_so,
         one_site_that_encrypts_is_enough,
         a_machine_that_dies_in_a_transfer_costs_a_retry,
         a_machine_that_falls_silent_in_a_transfer_costs_a_retry_and_joins_anew,
         what_was_only_on_a_dead_machine_is_an_error)
