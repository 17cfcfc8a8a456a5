"""Layers point down, and every library has its homes. The tables are the architecture."""

import re

from source import Finding, includes

# A folder may include itself and what is listed; the longest prefix of a file's path decides.
# "<ray>" stands for the public headers, as a user's program sees them.
ALLOWED = {
    'common/base/': [],
    'common/types/': ['common/base/'],
    'common/config/': ['common/base/'],
    'common/schema/': [],
    'common/wire/': ['common/base/', 'common/types/', 'common/schema/'],
    'common/shm/': ['common/base/'],
    'common/net/': ['common/base/', 'common/types/', 'common/schema/', 'common/wire/'],
    'daemon/scheduling/': ['common/base/', 'common/types/'],
    'daemon/head/': ['common/base/', 'common/types/', 'daemon/scheduling/'],
    'daemon/node/': ['common/base/', 'common/types/', 'common/shm/extent', 'daemon/scheduling/'],
    'daemon/': ['common/', 'daemon/'],
    'client/core/': ['common/base/', 'common/types/'],
    'client/api/ray/': ['<ray>'],
    'client/api/': ['<ray>', 'common/'],
    'client/model/': ['<ray>', 'common/base/'],
    'client/runtime/': ['<ray>', 'client/api/', 'client/core/', 'common/'],
    'client/': ['<ray>', 'client/', 'common/'],
    'cli/': ['common/', '<ray>'],
    'models/': ['<ray>'],
    'tests/': ['<ray>', 'common/', 'daemon/', 'client/', 'cli/', 'models/'],
}
# What may not be included although its top folder may.
LAYERED_TOPS = ('common/', 'daemon/', 'client/', 'cli/', 'models/', 'tests/')

# A library, what its includes look like, and the paths (patterns) that may include it.
HOMES = [
    ("Cap'n Proto", r'(capnp|kj)/|.*\.capnp\.h$',
     [r'common/(wire|net|schema)/', r'(daemon/shell|client/runtime|cli)/rpc_', r'tests/']),
    ('Asio', r'boost/(asio|beast)', [r'common/net/', r'daemon/(shell/|main\.cc)', r'tests/']),
    ('Boost.Interprocess', r'boost/interprocess', [r'common/shm/']),
    ('nlohmann/json', r'nlohmann/', [r'common/config/json\.cc$']),
    ('CLI11', r'CLI/', [r'cli/[a-z_]+\.cc$']),
    ('spdlog', r'spdlog/', [r'daemon/(shell/|main\.cc)', r'client/runtime/', r'cli/']),
    ('SQLite', r'sqlite3\.h', [r'daemon/shell/', r'tests/']),
    ('OpenSSL', r'openssl/', [r'common/net/', r'daemon/shell/images\.cc$', r'tests/']),
    ('msgpack-cxx', r'msgpack', [r'client/', r'common/config/json_msgpack\.cc$', r'models/',
                                 r'tests/']),
    ('libpng and giflib', r'(png|gif_lib)\.h', [r'models/', r'client/model/', r'tests/']),
    ('Catch2', r'catch2/', [r'tests/unit/catch\.h$']),
]
# Public headers bring only the slim parts of msgpack-cxx: the others cost seconds per user file.
HEAVY_IN_PUBLIC = r'msgpack\.hpp$|msgpack/unpack|nlohmann|boost/(?!optional)'


def folder_rule(file):
    prefixes = [p for p in ALLOWED if file.startswith(p)]
    return max(prefixes, key=len) if prefixes else None


def check_layers(tree):
    for file in tree.cpp():
        home = folder_rule(file)
        if home is None:
            continue
        for include in includes(tree.text(file)):
            target = '<ray>' if include.path.startswith('ray/') else include.path
            if not target.startswith(LAYERED_TOPS + ('<ray>',)):
                continue
            if target.startswith((home, *ALLOWED[home])) or _is_own(file, target):
                continue
            allowed = ', '.join(ALLOWED[home]) or 'nothing else of ours'
            yield Finding(file, include.line, 'layers', f'{home} may not include "{include.path}"',
                          f'It may include {allowed}: move what both need down, or turn the call '
                          'into a value')


def _is_own(file, target):
    return target == '<ray>' and file.startswith('client/api/')


def check_homes(tree):
    cli11 = []
    for file in tree.cpp():
        for include in includes(tree.text(file)):
            for library, pattern, homes in HOMES:
                if not re.match(pattern, include.path):
                    continue
                if include.path.startswith('CLI/'):
                    cli11.append((file, include.line))
                if not any(re.match(home, file) for home in homes):
                    yield Finding(file, include.line, 'library-home',
                                  f'{library} ({include.path}) is not included here',
                                  f'Its homes are {" ".join(homes)}: use the facade there')
            if file.startswith('client/api/ray/') and re.search(HEAVY_IN_PUBLIC, include.path):
                yield Finding(file, include.line, 'public-header',
                              f'<{include.path}> costs every user program seconds to compile',
                              'Include the slim header, or put the code out of line')
    units = sorted({file for file, _ in cli11})
    for file, line in cli11:
        if file != units[0]:
            yield Finding(file, line, 'library-home', f'CLI11 is in {units[0]} already',
                          'It stays in one translation unit: 33 s each under sanitizers')
