// Times of day for people and JSON: ISO 8601, UTC, with milliseconds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace rayd {

/// "2026-11-24T12:16:29.250Z"
std::string iso_time(int64_t unix_ms);
/// The other way; nothing if the text is not exactly of that form.
std::optional<int64_t> parse_iso_time(std::string_view text);

}  // namespace rayd
