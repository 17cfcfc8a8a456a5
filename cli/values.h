// Words become arguments by the registered parameter's type, and values become JSON again
// (cli.md §2): a string takes the word as it is, everything else is JSON. Pure.
#pragma once

#include <ray/internal/value_tag.h>

#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/config/json.h"
#include "common/types/value.h"

namespace rayd::cli {

/// The word as a value for a parameter of this demangled type. kInvalidArgument: "wants …".
Result<Value> value_of_word(std::string_view type, std::string_view word);

/// All arguments of a call, or all mistakes, one a line.
Result<std::vector<Value>> values_of_words(const std::vector<std::string>& types,
                                           const std::vector<std::string>& words,
                                           std::string_view function);

/// Bytes are shown as {"$bytes": BASE64}, as json_from_msgpack does. kCorrupt: the bytes are not
/// what their tag says.
Result<Json> json_of_value(const Value& value);

// ---- numbers, for cpp_type ----------------------------------------------------------------------

/// Of a fundamental type's name; kNone for all others.
ray::internal::ElementType element_of(std::string_view type_name);
/// "int: an integer from -2147483648 to 2147483647", or nothing if the value fits.
std::string number_mistake(std::string_view type_name, const Json& value);

}  // namespace rayd::cli
