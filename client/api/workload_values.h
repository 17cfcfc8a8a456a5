// Reading and writing the values of parameters: what each kind accepts, as pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "client/api/ray/workload_params.h"

namespace ray::internal {

using ParamValue = std::variant<int64_t, uint64_t, double, bool, std::string, Size, Input>;

/// The value of `param` that `text` stands for; nothing when it is wrong, and then `wanted` says
/// what would have been right. `input` is the content of the file that the text names; null: the
/// text does not name one.
std::optional<ParamValue> parse_value(const ParamInfo& param, const std::string& text,
                                      const Input* input, std::string& wanted);

/// Insertions, deletions, replacements and swaps of neighbours between two words.
size_t edit_distance(std::string_view from, std::string_view to);

/// Shortest exact form.
std::string number_text(int64_t value);
std::string number_text(double value);
/// With the largest binary unit that divides it: 65536 is "64KiB".
std::string bytes_text(int64_t value);

}  // namespace ray::internal
