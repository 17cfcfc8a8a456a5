// --help, made from the tables of verbs, flags and options. Pure.
#pragma once

#include <span>
#include <string>

#include "cli/verb.h"

namespace rayd::cli {

std::string help(std::span<const Verb* const> verbs);
std::string help(const Verb& verb);

}  // namespace rayd::cli
