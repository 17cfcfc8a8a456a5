#!/usr/bin/env python3
"""Every header compiles alone.

usage: headers.py BUILD [--jobs N]     exit status 0: all compile, 1: some do not, 2: wrong usage

Apart from tidy.py, since it takes a compiler and a minute. What was found to compile is remembered
in BUILD/headers-alone.json by the content of the header and of all of ours that it includes.
Generated headers (*.capnp.h) are taken from BUILD, so build first.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys

from source import Tree, includes

ROOTS = ('', 'client/api/')


def flags_of(build):
    """The language, definitions and warnings that meson gave to our files."""
    with open(os.path.join(build, 'compile_commands.json'), encoding='utf-8') as stream:
        entries = json.load(stream)
    words = shlex.split(entries[0]['command'])
    compiler = [w for w in words if not w.endswith('ccache')][0]
    kept = [w for w in words if re.match(r'-(D|std=|W(?!a,|l,|p,)|ffp)', w)]
    return compiler, kept


def closure(tree, header):
    """The header and all of ours that it includes, directly or not."""
    seen = set()
    todo = [header]
    while todo:
        file = todo.pop()
        if file in seen:
            continue
        seen.add(file)
        for include in includes(tree.text(file)):
            near = os.path.join(os.path.dirname(file), include.path)
            for candidate in [root + include.path for root in ROOTS] + [near]:
                if candidate in known(tree):
                    todo.append(candidate)
    return sorted(seen)


def known(tree):
    if not hasattr(tree, 'known'):
        tree.known = set(tree.files)
    return tree.known


def fingerprint(tree, header, command):
    digest = hashlib.sha256(' '.join(command).encode())
    for file in closure(tree, header):
        digest.update(file.encode() + b'\0' + tree.text(file).encode() + b'\0')
    return digest.hexdigest()


def compile_alone(tree, header, command):
    # The build folder's generated headers are not ours to warn about.
    run = subprocess.run(command, cwd=tree.root, input=f'#include "{header}"\n', text=True,
                         capture_output=True)
    return header, run.returncode == 0, run.stderr


def main():
    parser = argparse.ArgumentParser(description='compiles every header alone')
    parser.add_argument('build')
    parser.add_argument('--jobs', type=int, default=os.cpu_count())
    options = parser.parse_args()
    build = os.path.abspath(options.build)
    here = os.path.dirname(os.path.abspath(__file__))
    tree = Tree(os.path.abspath(os.path.join(here, '..', '..')))
    compiler, flags = flags_of(build)
    command = [compiler, *flags, '-I.', '-Iclient/api', '-isystem', build, '-fsyntax-only',
               '-x', 'c++', '-']
    return check(tree, command, os.path.join(build, 'headers-alone.json'), options.jobs)


def check(tree, command, cache_file, jobs):
    try:
        with open(cache_file, encoding='utf-8') as stream:
            good = json.load(stream)
    except (OSError, ValueError):
        good = {}
    headers = [f for f in tree.cpp() if f.endswith('.h')]
    prints = {h: fingerprint(tree, h, command) for h in headers}
    stale = [h for h in headers if good.get(h) != prints[h]]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for header, compiled, said in pool.map(lambda h: compile_alone(tree, h, command), stale):
            if compiled:
                good[header] = prints[header]
                continue
            failed += 1
            print(f'{header}:1: alone: does not compile by itself. Include what it uses\n{said}')
    with open(cache_file, 'w', encoding='utf-8') as stream:
        json.dump({h: good[h] for h in headers if h in good}, stream)
    print(f'headers: {len(headers)} compile alone but for {failed} ({len(stale)} compiled now)')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
