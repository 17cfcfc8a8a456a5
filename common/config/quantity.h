// Sizes, durations and numbers as people write them: "512MiB", "30s", "0.5".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace rayd {

/// "4096", "512MiB", "1.5 GiB" (B, KiB, MiB, GiB, TiB). "1GB" and "1G" are refused, since people
/// disagree on what they mean.
Result<int64_t> parse_bytes(std::string_view text);
/// "1.5GiB": the largest unit that is exact to one decimal.
std::string format_bytes(int64_t bytes);

/// "1500" (milliseconds), "1500ms", "30s", "5m", "2h", "7d"; fractions are allowed before a unit.
Result<int64_t> parse_millis(std::string_view text);
/// "250ms", "1.5s", "2m", "7d": the largest unit that is exact to one decimal.
std::string format_millis(int64_t millis);

/// The whole text as a number; no sign '+', no blanks, no infinities.
Result<int64_t> parse_integer(std::string_view text);
Result<double> parse_number(std::string_view text);

}  // namespace rayd
