// Demangled C++ types, as modules describe their parameters, taken apart: "std::vector<int,
// std::allocator<int> >" is "vector" of "int". Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/config/json.h"

namespace rayd::cli {

struct CppType {
  std::string text;                // as demangled
  std::string name;                // without namespaces of the library and without arguments
  std::vector<CppType> arguments;  // of a template

  bool is_string() const { return name == "string" || name == "string_view"; }
};

CppType parse_cpp_type(std::string_view text);

/// The type as a person writes it: "vector<int>", "string".
std::string short_name(const CppType& type);

/// A function's type as a person writes it: "string (string, int)".
std::string short_signature(std::string_view type);

/// What is wanted instead of this JSON value; empty: it fits, as far as is known. Types of the
/// user's own are judged by the worker.
std::string json_mistake(const CppType& type, const Json& value);

}  // namespace rayd::cli
