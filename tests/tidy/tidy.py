#!/usr/bin/env python3
"""The tidy test: what the house looks like, checked over the whole checkout.

usage: tidy.py [ROOT] [--rule NAME]…     exit status 0: clean, 1: findings, 2: wrong usage
"""

import argparse
import os
import sys

import formatting
import layers
import purity
import readmes
import sizes
from source import Tree


def say(text):
    print(text, file=sys.stderr)


RULES = {
    'layers': layers.check_layers,
    'homes': layers.check_homes,
    'purity': purity.check_purity,
    'sizes': sizes.check_sizes,
    'marks': sizes.check_marks,
    'names': sizes.check_names,
    'headers': sizes.check_headers,
    'bools': sizes.check_bool_parameters,
    'tests': sizes.check_tests,
    'folders': readmes.check_folders,
    'paths': readmes.check_paths,
    'format': lambda tree: formatting.check_format(tree, say),
}


def findings(tree, rules=RULES):
    return sorted(f for rule in rules for f in RULES[rule](tree))


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description='checks the house rules over the checkout')
    parser.add_argument('root', nargs='?', default=os.path.join(here, '..', '..'))
    parser.add_argument('--rule', action='append', choices=RULES, help='only this rule')
    options = parser.parse_args()
    tree = Tree(os.path.abspath(options.root))
    found = findings(tree, options.rule or RULES)
    for finding in found:
        print(finding)
    print(f'tidy: {len(tree.files)} files, {len(found)} findings')
    return 1 if found else 0


if __name__ == '__main__':
    sys.exit(main())
