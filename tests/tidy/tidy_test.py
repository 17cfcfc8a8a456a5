#!/usr/bin/env python3
"""Tests of the tidy rules: each finds its bad example, at its line, and leaves the good alone."""

import os
import shutil
import sys
import tempfile
import unittest
import unittest.mock

import headers
import tidy
from source import Tree, blank_comments_and_strings, functions, includes

HEADER = '// What this example is for, in a sentence.\n#pragma once\n\n'


class RuleTest(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp(prefix='tidy-')
        self.addCleanup(shutil.rmtree, self.root)

    def tree(self, files):
        for path, text in files.items():
            full = os.path.join(self.root, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, 'w', encoding='utf-8') as stream:
                stream.write(text)
        return Tree(self.root)

    def found(self, rule, files):
        return [(f.file, f.line, f.rule) for f in tidy.findings(self.tree(files), [rule])]

    def test_layers_point_down(self):
        bad = {
            'common/base/a.h': '#include "common/types/task.h"\n',
            'common/shm/a.h': '#include <vector>\n#include "daemon/node/x.h"\n',
            'daemon/node/a.cc': '#include "daemon/head/x.h"\n',
            'daemon/shell/a.cc': '#include "client/core/x.h"\n',
            'client/runtime/a.cc': '#include "daemon/shell/x.h"\n',
            'client/api/ray/a.h': '#include "common/base/ids.h"\n',
            'models/life/a.cc': '#include "common/base/ids.h"\n',
            'cli/a.cc': '#include "daemon/node/x.h"\n',
        }
        self.assertEqual(self.found('layers', bad), [
            ('cli/a.cc', 1, 'layers'), ('client/api/ray/a.h', 1, 'layers'),
            ('client/runtime/a.cc', 1, 'layers'), ('common/base/a.h', 1, 'layers'),
            ('common/shm/a.h', 2, 'layers'), ('daemon/node/a.cc', 1, 'layers'),
            ('daemon/shell/a.cc', 1, 'layers'), ('models/life/a.cc', 1, 'layers')])

    def test_layers_allow_what_lies_below(self):
        good = {
            'daemon/node/a.cc': '#include "daemon/scheduling/x.h"\n#include "common/types/t.h"\n',
            'daemon/shell/a.cc': '#include "daemon/node/x.h"\n#include "common/net/n.h"\n',
            'client/api/ray/a.h': '#include <ray/b.h>\n#include "ray/internal/c.h"\n',
            'models/life/a.cc': '#include <ray/api.h>\n#include "models/lib/rng.h"\n',
            'tests/sim/a.cc': '#include "daemon/node/x.h"\n#include "client/core/x.h"\n',
        }
        self.assertEqual(self.found('layers', good), [])

    def test_libraries_stay_at_home(self):
        bad = {
            'daemon/node/a.cc': '#include <capnp/message.h>\n',
            'daemon/shell/a.cc': '#include "common/schema/value.capnp.h"\n',
            'client/runtime/b.cc': '#include <boost/asio.hpp>\n',
            'common/net/a.cc': '#include <boost/interprocess/mapped_region.hpp>\n',
            'common/config/other.cc': '#include <nlohmann/json.hpp>\n',
            'common/wire/c.cc': '#include <CLI/CLI.hpp>\n',
            'tests/unit/t.cc': '#include <catch2/catch.hpp>\n',
        }
        self.assertEqual({f[0] for f in self.found('homes', bad)}, set(bad))

    def test_libraries_at_home_are_fine(self):
        good = {
            'common/wire/a.cc': '#include <capnp/message.h>\n',
            'daemon/shell/rpc_control.cc': '#include "common/schema/control.capnp.h"\n',
            'common/net/a.cc': '#include <boost/asio.hpp>\n',
            'common/config/json.cc': '#include <nlohmann/json.hpp>\n',
            'cli/flags.cc': '#include <CLI/CLI.hpp>\n',
            'tests/unit/catch.h': '#include <catch2/catch.hpp>\n',
        }
        self.assertEqual(self.found('homes', good), [])

    def test_cli11_lives_in_one_file(self):
        files = {'cli/a.cc': '#include <CLI/CLI.hpp>\n', 'cli/b.cc': '\n#include <CLI/CLI.hpp>\n'}
        self.assertEqual(self.found('homes', files), [('cli/b.cc', 2, 'library-home')])

    def test_public_headers_stay_slim(self):
        files = {'client/api/ray/a.h': '#include <msgpack/pack.hpp>\n#include <msgpack.hpp>\n'}
        self.assertEqual(self.found('homes', files), [('client/api/ray/a.h', 2, 'public-header')])

    def test_cores_are_pure(self):
        for line in ('#include <thread>', '#include <chrono>', '#include <iostream>',
                     '#include <boost/asio.hpp>', '#include <spdlog/spdlog.h>',
                     'auto t = now_boottime();', 'auto t = std::chrono::seconds(1);',
                     'std::mutex m;', 'printf("x");', 'int x = rand();'):
            for core in ('daemon/node/a.cc', 'client/core/a.h'):
                found = self.found('purity', {core: '\n' + line + '\n'})
                self.assertIn((core, 2, 'purity'), found, line)
                os.remove(os.path.join(self.root, core))

    def test_shells_may_do_what_cores_may_not(self):
        self.assertEqual(self.found('purity', {'daemon/shell/a.cc': '#include <thread>\n'}), [])

    def test_comments_and_texts_are_not_impure(self):
        code = '// std::mutex\nconst char* a = "std::thread"; /* rand() */\nint brand = operand;\n'
        self.assertEqual(self.found('purity', {'daemon/head/a.cc': code}), [])

    def test_cores_do_not_iterate_over_hash_tables(self):
        header = HEADER + 'struct A {\n  std::unordered_map<int, std::vector<int>> tasks_;\n};\n'
        loops = 'void f() {\n  for (auto& [k, v] : tasks_) g(k);\n  auto i = a.tasks_.begin();\n}\n'
        files = {'daemon/node/a.h': header, 'daemon/node/b.cc': loops}
        self.assertEqual(self.found('purity', files), [
            ('daemon/node/b.cc', 2, 'hash-order'), ('daemon/node/b.cc', 3, 'hash-order')])

    def test_hash_tables_hide_behind_no_alias_or_local(self):
        code = ('using Table = std::unordered_set<int>;\nvoid f(const Table& table) {\n'
                '  for (int x : table) g(x);\n  std::unordered_map<int, int> local;\n'
                '  for (\n      auto x : local) g(x);\n}\n')
        self.assertEqual(self.found('purity', {'client/core/a.cc': code}), [
            ('client/core/a.cc', 3, 'hash-order'), ('client/core/a.cc', 5, 'hash-order')])

    def test_finding_in_a_hash_table_and_iterating_over_others_is_fine(self):
        code = ('std::unordered_map<int, int> tasks_;\nstd::map<int, int> order_;\n'
                'void f() {\n  auto i = tasks_.find(1);\n  for (auto x : order_) g(x);\n}\n')
        self.assertEqual(self.found('purity', {'daemon/node/a.cc': code}), [])

    def test_files_functions_and_lines_have_limits(self):
        body = '  x();\n' * 69
        files = {
            'cli/long.cc': 'int a;\n' * 501,
            'cli/fits.cc': 'int a;\n' * 500,
            'cli/function.cc': 'int a;\n\nvoid f() {\n' + body + '}\n',
            'cli/wide.cc': '// ' + 'é' * 97 + '\n// ' + 'é' * 98 + '\n',
            'cli/small.cc': 'void f() {\n' + body[7:] + '}\n',
            'packaging/script': '#!/bin/sh\n' + '#' * 101 + '\n',
        }
        self.assertEqual(self.found('sizes', files), [
            ('cli/function.cc', 3, 'function-size'), ('cli/long.cc', 501, 'file-size'),
            ('cli/wide.cc', 2, 'line-length'), ('packaging/script', 2, 'line-length')])

    def test_unfinished_work_is_found(self):
        mark = 'TO' + 'DO'
        files = {'cli/a.cc': f'int a;  // {mark} more\n', 'README.md': 'FIX' + 'ME later\n',
                 'cli/b.cc': f'int {mark}S;\n'}
        self.assertEqual(self.found('marks', files), [
            ('README.md', 1, 'unfinished'), ('cli/a.cc', 1, 'unfinished')])

    def test_file_names_are_snake_case_and_no_system_header(self):
        files = {'cli/BadName.cc': '', 'cli/time.h': HEADER, 'cli/good_name.cc': ''}
        self.assertEqual(self.found('names', files), [
            ('cli/BadName.cc', 1, 'file-name'), ('cli/time.h', 1, 'file-name')])

    def test_headers_say_what_they_are_for(self):
        files = {'cli/a.h': '#pragma once\n', 'cli/b.h': '// Says well what it is for.\n',
                 'cli/c.h': HEADER}
        self.assertEqual(self.found('headers', files), [
            ('cli/a.h', 1, 'header'), ('cli/b.h', 1, 'header')])

    def test_bool_parameters_are_refused_outside_the_public_api(self):
        code = HEADER + 'bool f(int a);\nvoid g(int a, bool deep);\nstd::function<void(bool)> h;\n'
        files = {'cli/a.h': code, 'client/api/ray/a.h': code, 'cli/a.cc': code}
        self.assertEqual(self.found('bools', files), [('cli/a.h', 5, 'bool-parameter')])

    def test_test_names_are_sentences(self):
        files = {'tests/unit/a.cc': 'TEST_CASE("a b holds") {}\nTEST_CASE("test1") {}\n'}
        self.assertEqual(self.found('tests', files), [('tests/unit/a.cc', 2, 'test-name')])

    def test_folders_have_maps_that_name_their_files(self):
        files = {'cli/a.cc': '', 'common/base/b.h': HEADER, 'common/base/c.h': HEADER,
                 'common/README.md': '', 'common/base/README.md': '| `b.h` | a thing |\n'}
        self.assertEqual(self.found('folders', files), [
            ('cli/README.md', 1, 'readme'), ('common/base/README.md', 1, 'readme')])

    def test_paths_in_maps_exist(self):
        text = ('`cli/a.cc` `a.cc` `cli/*.cc` `a.cc --flag` `RAYD_X` `/etc/x.h` `./x.h`\n'
                '`cli/gone.cc`\n```\n`gone.h`\n```\n`gone.h` and `x/y` and `<ray/gone.h>`\n')
        files = {'cli/README.md': text, 'cli/a.cc': '', 'CHANGELOG.md': '`cli/gone.cc`\n'}
        self.assertEqual(self.found('paths', files), [
            ('cli/README.md', 2, 'readme-path'), ('cli/README.md', 6, 'readme-path'),
            ('cli/README.md', 6, 'readme-path')])

    @unittest.skipIf(shutil.which('clang-format') is None, 'no clang-format')
    def test_code_is_as_clang_format_has_it(self):
        said = []
        tree = self.tree({'.clang-format': 'BasedOnStyle: Google\n', 'cli/a.cc': 'int  a;\n',
                          'cli/b.cc': 'int a;\n'})
        found = [(f.file, f.line) for f in tidy.formatting.check_format(tree, said.append)]
        self.assertEqual(found, [] if said else [('cli/a.cc', 1)])

    @unittest.skipIf(shutil.which('c++') is None, 'no compiler')
    def test_headers_compile_alone_and_only_once(self):
        tree = self.tree({'cli/good.h': HEADER + 'struct A {};\n',
                          'cli/bad.h': HEADER + 'A make();\n'})
        command = ['c++', '-I.', '-fsyntax-only', '-x', 'c++', '-']
        cache = os.path.join(self.root, 'cache.json')
        with open(os.devnull, 'w', encoding='utf-8') as quiet:
            shown, sys.stdout = sys.stdout, quiet
            try:
                self.assertEqual(headers.check(tree, command, cache, 2), 1)
                fixed = self.tree({'cli/bad.h': HEADER + '#include "cli/good.h"\nA make();\n'})
                self.assertEqual(headers.check(fixed, command, cache, 2), 0)
                # Remembered: the compiler is gone and nobody notices …
                with unittest.mock.patch.object(headers, 'compile_alone', None):
                    self.assertEqual(headers.check(Tree(self.root), command, cache, 2), 0)
                # … until something that the header includes has changed.
                changed = self.tree({'cli/good.h': HEADER + 'struct B {};\n'})
                self.assertEqual(headers.check(changed, command, cache, 2), 1)
            finally:
                sys.stdout = shown


class SourceTest(unittest.TestCase):
    def test_comments_and_literals_are_blanked_in_place(self):
        text = 'a("x // y", \'"\', 1\'000) /* {\n } */ R"(} ")" b // c\nd'
        blanked = blank_comments_and_strings(text)
        self.assertEqual(len(blanked), len(text))
        self.assertEqual(blanked.count('\n'), text.count('\n'))
        for gone in ('{', '}', '/', 'x', 'y', 'c'):
            self.assertNotIn(gone, blanked)
        for kept in ('a(', "1'000", ' b ', 'd'):
            self.assertIn(kept, blanked)

    def test_functions_are_found_whole(self):
        code = '''namespace a {
class B : public C<int> {
 public:
  B(int x) : x_(x), y_{1} {
    auto f = [](int z) {
      return z;
    };
  }
  int one() const { return 1; }
 private:
  std::map<int, int> m_{{1, 2}};
};
const Row kRows[] = {
    {"a", 1},
    {"b", f(2)},
};
template <class T>
  requires(sizeof(T) > 1)
auto g(T t)
    -> int {
  if (t) {
    h();
  }
}
enum class E { kA, kB };
extern "C" {
int c_function(void) {
  return 0;
}
}
bool operator==(const B& a, const B& b) {
  return true;
}
}  // namespace a
TEST_CASE("x") {
  SECTION("y") {
  }
}
'''
        found = [(f.name, f.first, f.last)
                 for f in functions(blank_comments_and_strings(code))]
        self.assertEqual(found, [
            ('B', 4, 8), ('one', 9, 9), ('requires', 17, 24), ('c_function', 27, 29),
            ('operator==', 31, 33), ('TEST_CASE', 35, 38)])

    def test_includes_are_read_with_their_lines(self):
        text = '#include <a/b.h>\n\n#  include "c.h"\n// #include "d.h"\n'
        found = [tuple(i) for i in includes(text)]
        self.assertEqual(found, [(1, 'a/b.h'), (3, 'c.h')])


if __name__ == '__main__':
    unittest.main()
