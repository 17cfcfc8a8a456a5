"""Reads the checkout: its files, and what C++ says without its comments and texts."""

import os
import re
import subprocess
from typing import NamedTuple

CPP = ('.cc', '.h')


class Finding(NamedTuple):
    """One broken rule: where, which, what was found and how to mend it."""
    file: str
    line: int
    rule: str
    text: str
    cure: str

    def __str__(self):
        return f'{self.file}:{self.line}: {self.rule}: {self.text}. {self.cure}'


class Include(NamedTuple):
    line: int
    path: str


class Function(NamedTuple):
    name: str
    first: int
    last: int


class Tree:
    """The files of a checkout, read once. Paths are relative to its root."""

    def __init__(self, root):
        self.root = root
        self.files = sorted(_list_files(root))
        self._texts = {}
        self._codes = {}

    def text(self, file):
        if file not in self._texts:
            with open(os.path.join(self.root, file), encoding='utf-8', errors='replace') as stream:
                self._texts[file] = stream.read()
        return self._texts[file]

    def lines(self, file):
        return self.text(file).split('\n')

    def code(self, file):
        """The text with comments, strings and preprocessor lines blanked, line for line."""
        if file not in self._codes:
            self._codes[file] = blank_preprocessor(blank_comments_and_strings(self.text(file)))
        return self._codes[file]

    def cpp(self, *prefixes):
        """C++ files, or those below one of the prefixes."""
        return [f for f in self.files
                if f.endswith(CPP) and (not prefixes or f.startswith(tuple(prefixes)))]

    def exists(self, path):
        return os.path.exists(os.path.join(self.root, path))


def _list_files(root):
    command = ['git', '-c', 'safe.directory=*', 'ls-files', '-co', '--exclude-standard', '-z']
    try:
        listed = subprocess.run(command, cwd=root, capture_output=True, check=True).stdout
        names = [n for n in listed.decode().split('\0') if n]
        return [n for n in names if os.path.isfile(os.path.join(root, n))]
    except (OSError, subprocess.CalledProcessError):
        return list(_walk(root))  # a source archive


def _walk(root):
    for folder, folders, names in os.walk(root):
        folders[:] = [f for f in folders if not f.startswith(('.git', 'build'))]
        for name in names:
            yield os.path.relpath(os.path.join(folder, name), root)


def blank_comments_and_strings(text):
    """Replaces what is inside comments, strings and characters by blanks; quotes stay."""
    out = []
    at = 0
    while at < len(text):
        end, keep = _skip(text, at)
        if end == at:
            out.append(text[at])
            at += 1
            continue
        piece = text[at:end]
        blanked = ''.join(c if c == '\n' else ' ' for c in piece)
        if keep and len(piece) >= 2:
            blanked = piece[0] + blanked[1:-1] + piece[-1]
        out.append(blanked)
        at = end
    return ''.join(out)


def _skip(text, at):
    """The end of the comment or literal that begins at `at` (or `at`), and whether quotes stay."""
    two = text[at:at + 2]
    if two == '//':
        end = text.find('\n', at)
        return (len(text) if end < 0 else end), False
    if two == '/*':
        end = text.find('*/', at + 2)
        return (len(text) if end < 0 else end + 2), False
    if two == 'R"' and not (at > 0 and (text[at - 1].isalnum() or text[at - 1] == '_')):
        opened = text.find('(', at)
        close = ')' + text[at + 2:opened] + '"'
        end = text.find(close, opened)
        return (len(text) if end < 0 else end + len(close)), False
    if text[at] == '"' or (text[at] == "'" and not _is_separator(text, at)):
        return _end_of_literal(text, at), True
    return at, False


def _is_separator(text, at):
    """The ' of 1'000'000."""
    return at > 0 and text[at - 1].isalnum() and text[at + 1:at + 2].isalnum() and bool(
        re.search(r"[0-9][0-9a-fA-FxX']*$", text[max(0, at - 40):at]))


def _end_of_literal(text, at):
    end = at + 1
    while end < len(text) and text[end] != text[at]:
        if text[end] == '\n':
            return end  # not a literal after all: never run over the line
        end += 2 if text[end] == '\\' else 1
    return min(end + 1, len(text))


def blank_preprocessor(code):
    out = []
    continued = False
    for line in code.split('\n'):
        directive = continued or line.lstrip().startswith('#')
        continued = directive and line.endswith('\\')
        out.append('' if directive else line)
    return '\n'.join(out)


def includes(text):
    """The #include lines, of <…> and "…" alike."""
    found = []
    for number, line in enumerate(text.split('\n'), 1):
        match = re.match(r'\s*#\s*include\s*[<"]([^>"]+)[>"]', line)
        if match:
            found.append(Include(number, match.group(1)))
    return found


_CONTAINER = re.compile(r'\b(namespace|class|struct|union|enum)\b|extern\s*"')
_ACCESS = re.compile(r'(\s*(public|private|protected)\s*:)*')
_BLOCK_WORD = re.compile(r'^\s*(if|for|while|switch|do|else|try|catch|return)\b')


def functions(code):
    """Function bodies in clang-formatted code, by counting braces.

    A brace opens a scope; what stands before it since the last ; { or } says which kind. A function
    is a block with parentheses before it whose outer scopes are all namespaces and types. Blocks
    inside a function (lambdas, loops) belong to it. An initialiser's brace has no blank before it,
    or follows = , ( or return.
    """
    found = []
    stack = []  # (kind, name, first line)
    since = 0
    line = 1
    for at, char in enumerate(code):
        if char == '\n':
            line += 1
        elif char == ';':
            since = at + 1
        elif char == '{':
            since += len(_ACCESS.match(code[since:at]).group(0))
            before = code[since:at]
            kind = _kind_of_brace(before, all(s[0] == 'container' for s in stack))
            lead = len(before) - len(before.lstrip())
            first = line - before[lead:].count('\n')
            stack.append((kind, before.strip(), first))
            if kind != 'value':
                since = at + 1
        elif char == '}' and stack:
            kind, before, first = stack.pop()
            if kind == 'function':
                found.append(Function(_name_of(before), first, line))
            if kind != 'value':
                since = at + 1
    return found


def _kind_of_brace(before, outer):
    text = before.rstrip()
    if not before or before[-1] not in ' \n' or re.search(r'([=,(]|\breturn)$', text):
        # "Foo f{" and "a_(x), b_{y}" are values; so is "= {".
        return 'value' if text else ('container' if outer else 'block')
    head, cut = text, 1
    while cut:
        head, cut = re.subn(r'<[^<>;{}()]*>', '', head)
    if _CONTAINER.search(head) and ')' not in head.split(':')[0]:
        return 'container'
    if outer and '(' in text and not _BLOCK_WORD.match(text):
        return 'function'
    return 'container' if outer and not text else 'block'


def _name_of(before):
    match = re.search(r'([~\w:]+|operator\S+)\s*\(', before)
    return match.group(1) if match else before[:40]
