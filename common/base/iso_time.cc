#include "common/base/iso_time.h"

#include <cstdio>
#include <ctime>

namespace rayd {

std::string iso_time(int64_t unix_ms) {
  const auto seconds = static_cast<time_t>(unix_ms / 1000);
  tm parts{};
  gmtime_r(&seconds, &parts);
  char text[64];
  const size_t size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(text + size, sizeof text - size, ".%03dZ", static_cast<int>(unix_ms % 1000));
  return text;
}

std::optional<int64_t> parse_iso_time(std::string_view text) {
  const std::string copy{text};
  tm parts{};
  const char* rest = strptime(copy.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  int milliseconds = 0;
  int read = 0;
  if (rest == nullptr || std::sscanf(rest, ".%3dZ%n", &milliseconds, &read) != 1)
    return std::nullopt;
  const int64_t unix_ms = int64_t{timegm(&parts)} * 1000 + milliseconds;
  if (rest + read != copy.c_str() + copy.size() || iso_time(unix_ms) != text) return std::nullopt;
  return unix_ms;
}

}  // namespace rayd
