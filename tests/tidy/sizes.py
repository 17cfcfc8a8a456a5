"""What one can hold in the head: files, functions, lines; and what a name or a header must be."""

import os
import re

from source import Finding, functions

MOST_LINES = 500
MOST_FUNCTION_LINES = 70
MOST_COLUMNS = 100

TEXT = ('.cc', '.h', '.py', '.capnp', '.sh', '.build', '.md', '.txt', '.json', '.yml')
SYSTEM_HEADERS = {
    'assert.h', 'ctype.h', 'dirent.h', 'elf.h', 'endian.h', 'errno.h', 'error.h', 'fcntl.h',
    'fenv.h', 'float.h', 'grp.h', 'inttypes.h', 'libgen.h', 'limits.h', 'link.h', 'locale.h',
    'math.h', 'memory.h', 'mqueue.h', 'netdb.h', 'paths.h', 'poll.h', 'pthread.h', 'pwd.h',
    'regex.h', 'resolv.h', 'sched.h', 'search.h', 'semaphore.h', 'setjmp.h', 'signal.h', 'spawn.h',
    'stdarg.h', 'stdatomic.h', 'stdbool.h', 'stddef.h', 'stdint.h', 'stdio.h', 'stdlib.h',
    'string.h', 'strings.h', 'syslog.h', 'tar.h', 'termios.h', 'threads.h', 'time.h', 'uchar.h',
    'ucontext.h', 'unistd.h', 'utime.h', 'wait.h', 'wchar.h', 'wctype.h',
}


def is_script(tree, file):
    return '.' not in os.path.basename(file) and tree.text(file).startswith('#!')


def is_code(tree, file):
    return file.endswith(('.cc', '.h', '.py', '.capnp', '.sh')) or is_script(tree, file)


def check_sizes(tree):
    for file in tree.files:
        if not is_code(tree, file):
            continue
        lines = tree.lines(file)
        count = len(lines) - (lines[-1] == '')
        if count > MOST_LINES:
            yield Finding(file, MOST_LINES + 1, 'file-size', f'{count} lines, at most {MOST_LINES}',
                          'Split it by verb')
        for number, line in enumerate(lines, 1):
            if len(line) > MOST_COLUMNS:
                yield Finding(file, number, 'line-length',
                              f'{len(line)} columns, at most {MOST_COLUMNS}', 'Break the line')
    for file in tree.cpp():
        for function in functions(tree.code(file)):
            length = function.last - function.first + 1
            if length > MOST_FUNCTION_LINES:
                yield Finding(file, function.first, 'function-size',
                              f'{function.name} has {length} lines, at most {MOST_FUNCTION_LINES}',
                              'Name its steps and make them functions')


def check_marks(tree):
    marks = re.compile('\\b(' + 'TO' + 'DO|FIX' + 'ME|XX' + 'X' + ')\\b')
    for file in tree.files:
        if not (is_code(tree, file) or file.endswith(TEXT)):
            continue
        for number, line in enumerate(tree.lines(file), 1):
            match = marks.search(line)
            if match:
                yield Finding(file, number, 'unfinished', f'"{match.group(0)}"',
                              'Finish it, or say in the README what is left out')


def check_names(tree):
    for file in tree.cpp():
        base = os.path.basename(file)
        if not re.fullmatch(r'[a-z][a-z0-9_]*\.(cc|h)', base):
            yield Finding(file, 1, 'file-name', 'not snake_case', 'Rename it')
        if base in SYSTEM_HEADERS:
            yield Finding(file, 1, 'file-name', f'<{base}> is a system header',
                          'Rename it: its folder may be on an include path')


def check_headers(tree):
    for file in tree.cpp():
        if not file.endswith('.h'):
            continue
        lines = tree.lines(file)
        words = lines[0].split()
        if not lines[0].startswith('// ') or len(words) < 5:
            yield Finding(file, 1, 'header', 'the first line does not say what this is for',
                          'Begin with one sentence in a // comment')
        if '#pragma once' not in lines:
            yield Finding(file, 1, 'header', 'no #pragma once', 'Add it after the first comment')


# The public API keeps Ray's signatures, which have bool parameters.
_BOOL_PARAMETER = re.compile(r'[(,]\s*(?:const\s+)?bool\s+(\w+)\s*(?:=[^,()]*)?[,)]')


def check_bool_parameters(tree):
    for file in tree.cpp('common/', 'daemon/', 'client/', 'cli/', 'models/'):
        if not file.endswith('.h') or file.startswith('client/api/ray/'):
            continue
        code = tree.code(file)
        for match in _BOOL_PARAMETER.finditer(code):
            line = code.count('\n', 0, match.start(1)) + 1
            yield Finding(file, line, 'bool-parameter', f'"bool {match.group(1)}" says nothing at '
                          'the call', 'Make it an enum class with two names')


def check_tests(tree):
    for file in tree.cpp('tests/'):
        for number, line in enumerate(tree.lines(file), 1):
            match = re.match(r'\s*(?:TEST_CASE|SCENARIO)\("([^"]*)"', line)
            if match and ' ' not in match.group(1):
                yield Finding(file, number, 'test-name', f'"{match.group(1)}" is no sentence',
                              'Say what holds: "returning a lease twice frees its resources once"')
