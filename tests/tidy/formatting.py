"""C++ is as clang-format leaves it. Versions differ, so one is the judge."""

import re
import shutil
import subprocess

from source import Finding

VERSION = 14  # Debian 12's; others break lines elsewhere


def check_format(tree, say):
    program = shutil.which(f'clang-format-{VERSION}') or shutil.which('clang-format')
    if program is None:
        say('skipped: formatting (there is no clang-format; apt-get install clang-format)')
        return
    version = subprocess.run([program, '--version'], capture_output=True, text=True).stdout
    match = re.search(r'version (\d+)', version)
    if match is None or int(match.group(1)) != VERSION:
        say(f'skipped: formatting ({VERSION} is the judge, here is: {version.strip()})')
        return
    files = tree.cpp()
    if not files:
        return
    run = subprocess.run([program, '--dry-run', '--ferror-limit=1', *files], cwd=tree.root,
                         capture_output=True, text=True)
    for line in run.stderr.split('\n'):
        match = re.match(r'(.+?):(\d+):\d+: \w+: code should be clang-formatted', line)
        if match:
            file = match.group(1)
            yield Finding(file, int(match.group(2)), 'format', 'not as clang-format has it',
                          f'Run: clang-format -i {file}')
