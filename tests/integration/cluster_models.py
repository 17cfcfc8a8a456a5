"""Game of Life through the shell: the truth of models.md, for every tiling and worker count."""

import os
import signal
import struct
import subprocess
import zlib

from cluster import check, main, wait_until
from cluster_shell import RAYCTL, Shell

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..')
PATTERN = os.path.join(ROOT, 'packaging', 'r-pentomino.rle')
PICTURE = os.path.join(ROOT, 'packaging', 'game-of-life.png')
# 256 x 256, density 0.3, seed 42, at generation 100: population and digest.
TRUTH = {'torus': (5660, '282624fe07444175'), 'bounded': (5827, 'a7e92cda2f111086')}
TILES = ('1x1', '3x4', '7x2')
WORKERS = (1, 2, 4)


def life_is_the_same_for_every_tiling_and_worker_count():
    with Shell() as shell:
        shell.run('start --head --num-cpus 4')
        for topology, truth in TRUTH.items():
            for tiles in TILES:
                for workers in WORKERS:
                    line = (f'submit game-of-life grid=256x256 topology={topology} density=.3 '
                            f'seed=42 steps=100 tiles={tiles} workers={workers}')
                    result = shell.json(line)['result']
                    found = (result['population'], result['digest'])
                    check(found == truth and result['steps'] == 100, f'{line}: {result}')
        shell.run('stop')


def the_r_pentomino_settles_at_116():
    with Shell() as shell:
        shell.run('start --head --num-cpus 2')
        line = (f'submit game-of-life grid=1024x1024 topology=bounded pattern=@{PATTERN} '
                'steps=1103 tiles=2x2')
        check(shell.json(line)['result']['population'] == 116, 'the population of the r-pentomino')
        narrow = line.replace('1024x1024', '512x512')
        check(shell.json(narrow)['result']['population'] == 113, 'its population within 512 x 512')
        shell.run('stop')


def pixels(path):
    """What a PNG shows, without how it is packed, which is the libraries' affair."""
    with open(path, 'rb') as stream:
        rest = stream.read()[8:]
    parts = {}
    while rest:
        size, kind = struct.unpack('>I4s', rest[:8])
        parts[kind] = parts.get(kind, b'') + rest[8:8 + size]
        rest = rest[12 + size:]
    return parts[b'IHDR'], parts.get(b'PLTE'), zlib.decompress(parts[b'IDAT'])


def the_readme_shows_what_its_script_draws():
    with Shell() as shell:
        drawn = os.path.join(shell.cluster.folder, 'drawn')
        done = subprocess.run([os.path.join(ROOT, 'packaging', 'picture'), RAYCTL, drawn],
                              env=shell.environment, stdin=subprocess.DEVNULL, timeout=120,
                              capture_output=True, text=True, check=False)
        check(done.returncode == 0, f'packaging/picture: {done.stdout} {done.stderr}')
        check(pixels(os.path.join(drawn, 'game-of-life.png')) == pixels(PICTURE),
              'packaging/game-of-life.png is not what packaging/picture draws')
    check(os.path.getsize(PICTURE) < 60_000, 'the picture is too large for a README')
    with open(os.path.join(ROOT, 'README.md'), encoding='utf-8') as readme:
        check('(packaging/game-of-life.png)' in readme.read(), 'the README does not show it')


def a_job_is_run_again_with_its_input_and_keeps_its_log_when_the_daemon_dies():
    with Shell() as shell:
        shell.run('start --head --num-cpus 2')
        job = shell.run(f'submit game-of-life pattern=@{PATTERN} grid=512x512 topology=bounded '
                        'steps=1000000000 tiles=1x2 --retries 1 --detach').strip()

        def runs():
            return shell.run(f'logs {job}').count('cells in')

        wait_until(lambda: runs() == 1, 'it runs')
        os.kill(shell.daemon(), signal.SIGKILL)
        shell.cluster.check_no_process(patience_s=20.0)
        shell.run('start --head --num-cpus 2')
        wait_until(lambda: runs() == 2, 'it runs again, and what it said before is there')
        shell.run(f'cancel {job}')
        shell.run(f'wait {job}', 1, '')
        shell.run('stop')


if __name__ == '__main__':
    main(life_is_the_same_for_every_tiling_and_worker_count, the_r_pentomino_settles_at_116,
         the_readme_shows_what_its_script_draws,
         a_job_is_run_again_with_its_input_and_keeps_its_log_when_the_daemon_dies)
