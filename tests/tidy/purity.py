"""Cores are pure: arguments in, actions out. No I/O, threads, clock, chance, logs or hash order."""

import os
import re

from source import Finding, includes

CORES = ('daemon/scheduling/', 'daemon/head/', 'daemon/node/', 'client/core/')

IMPURE_INCLUDES = re.compile(
    r'^(boost/(asio|beast|interprocess)|capnp/|kj/|spdlog/|sqlite3|sys/|netinet/|arpa/|'
    r'(thread|mutex|shared_mutex|condition_variable|atomic|future|semaphore|stop_token|latch|'
    r'barrier|chrono|ctime|time\.h|random|iostream|fstream|ostream|istream|cstdio|stdio\.h|'
    r'filesystem|unistd\.h|fcntl\.h|poll\.h|signal\.h|csignal|pthread\.h)$)')

IMPURE_NAMES = re.compile(
    r'\b(now_boottime|(?<![.>])now_unix_ms|std::(chrono|thread|jthread|mutex|atomic|async|rand|'
    r'random_device|cout|cerr|'
    r'clog|this_thread|filesystem|getenv)|clock_gettime|gettimeofday|getenv|printf|fprintf|puts|'
    r'spdlog|rand|usleep|nanosleep|pthread_\w+|mt19937(_64)?)\b(?!\s*=)')

_ALIAS = re.compile(r'\busing\s+(\w+)\s*=\s*std::unordered_(?:multi)?(?:map|set)\b')
_KEYWORDS = {'const', 'return', 'auto'}


def check_purity(tree):
    for file in tree.cpp(*CORES):
        for include in includes(tree.text(file)):
            if IMPURE_INCLUDES.match(include.path):
                yield Finding(file, include.line, 'purity', f'a core includes <{include.path}>',
                              'Return an action and let the shell perform it')
        for number, line in enumerate(tree.code(file).split('\n'), 1):
            match = IMPURE_NAMES.search(line)
            if match:
                yield Finding(file, number, 'purity', f'a core uses {match.group(0)}',
                              'Time, chance and I/O are inputs: take them from the Context')
    yield from check_hash_order(tree)


def unordered_names(code, aliases):
    """Variables, members and parameters declared with an unordered type (or an alias of one)."""
    names = set()
    starts = [m.start() for m in re.finditer(r'std::unordered_(?:multi)?(?:map|set)\s*<', code)]
    for start in starts:
        end = _end_of_template(code, code.index('<', start))
        match = re.match(r'\s*[&*]?\s*(\w+)\s*[;={,)(]', code[end:])
        if match and match.group(1) not in _KEYWORDS:
            names.add(match.group(1))
    for alias in aliases:
        for match in re.finditer(rf'\b{alias}\b\s*[&*]?\s*(\w+)\s*[;={{,)]', code):
            names.add(match.group(1))
    return names


def _end_of_template(code, at):
    depth = 0
    for end in range(at, len(code)):
        depth += {'<': 1, '>': -1}.get(code[end], 0)
        if depth == 0:
            return end + 1
    return len(code)


def check_hash_order(tree):
    for core in CORES:
        files = tree.cpp(core)
        aliases = {a for f in files for a in _ALIAS.findall(tree.code(f))}
        by_file = {f: unordered_names(tree.code(f), aliases) for f in files}
        # Members (name_) are seen from the folder's other files; locals only in their own.
        members = {n for names in by_file.values() for n in names if n.endswith('_')}
        for file in files:
            stem = os.path.splitext(file)[0]
            visible = members | by_file[file] | by_file.get(stem + '.h', set())
            yield from _iterations(tree, file, visible)


def _iterations(tree, file, names):
    if not names:
        return
    any_name = '|'.join(sorted(map(re.escape, names)))
    loop = re.compile(rf'\bfor\s*\([^;()]*:\s*(?:[\w.>()-]*(?:\.|->))?({any_name})\s*\)')
    begin = re.compile(rf'\b({any_name})\s*\.\s*c?begin\s*\(')
    code = tree.code(file)
    for pattern in (loop, begin):
        for match in pattern.finditer(code):
            line = code.count('\n', 0, match.start()) + 1
            yield Finding(file, line, 'hash-order',
                          f'iterates over {match.group(1)}, whose order is chance',
                          'Use std::map or a vector, or keep an ordered index beside it')
