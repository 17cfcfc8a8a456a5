"""Game of Life through the shell: the truth of models.md, for every tiling and worker count."""

import os

from cluster import check, main
from cluster_shell import Shell

PATTERN = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'packaging',
                       'r-pentomino.rle')
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


if __name__ == '__main__':
    main(life_is_the_same_for_every_tiling_and_worker_count, the_r_pentomino_settles_at_116)
