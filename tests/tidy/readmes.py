"""Every folder has a map, and a map names what exists."""

import glob
import os
import re

from source import Finding

SOURCES = ('.cc', '.h', '.py', '.capnp', '.sh')
# Folders whose map is their parent's: mirrors of the tree, and the public headers' own path.
MAPPED_ABOVE = re.compile(r'^(tests/unit/.+|client/api/ray(/.*)?|tests/[a-z]+/[a-z_]+)$')
# Folders whose README must name every source beside it.
FULL_MAPS = ('common/', 'daemon/', 'client/', 'cli/', 'models/', 'tests/tidy')
TOPS = ('cli', 'client', 'common', 'daemon', 'models', 'packaging', 'tests')


def check_folders(tree):
    folders = {os.path.dirname(f) for f in tree.files if f.endswith(SOURCES)}
    # Those above them too: they say how their parts fit together.
    for folder in list(folders):
        while '/' in folder:
            folder = os.path.dirname(folder)
            folders.add(folder)
    for folder in sorted(folders):
        if MAPPED_ABOVE.match(folder):
            continue
        readme = os.path.join(folder, 'README.md')
        if not tree.exists(readme):
            yield Finding(readme, 1, 'readme', 'the folder has no map',
                          'Write what each file does and what was decided')
            continue
        if not folder.startswith(FULL_MAPS):
            continue
        text = tree.text(readme)
        for file in tree.files:
            base = os.path.basename(file)
            if os.path.dirname(file) != folder or not base.endswith(SOURCES):
                continue
            stem = os.path.splitext(base)[0]
            if not re.search(rf'(?<![\w]){re.escape(stem)}(?![\w])', text):
                yield Finding(readme, 1, 'readme', f'{base} is not in the map',
                              'Add a line that says what it does')


def check_paths(tree):
    for file in tree.files:
        if not file.endswith('.md') or os.path.basename(file) == 'CHANGELOG.md':
            continue
        fenced = False
        for number, line in enumerate(tree.lines(file), 1):
            if line.lstrip().startswith('```'):
                fenced = not fenced
            if fenced:
                continue
            for quoted in re.findall(r'`([^`]+)`', line):
                path = path_in(quoted, tree, os.path.dirname(file))
                if path and not resolves(path, tree, os.path.dirname(file)):
                    yield Finding(file, number, 'readme-path', f'`{quoted}` does not exist',
                                  'Name the present path or drop the sentence')


def path_in(quoted, tree, folder):
    """The path that a quotation names, or nothing if it names none of the checkout."""
    if re.search(r'[\s$~…|:=(]', quoted) or quoted.startswith(('/', './', '-', 'build', 'http')):
        return None
    path = quoted.strip('<>')
    first = path.split('/')[0]
    if quoted.startswith('<'):
        return path if first == 'ray' else None
    if '/' in path and first in TOPS:
        return path
    if '/' in path and first and os.path.isdir(os.path.join(tree.root, folder, first)):
        return path
    return path if path.endswith(SOURCES + ('.md',)) and not path.startswith('.') else None


def resolves(path, tree, folder):
    for base in (folder, '', 'client/api'):
        pattern = os.path.join(tree.root, base, path)
        if glob.glob(glob.escape(pattern).replace('[*]', '*')):
            return True
    return False
