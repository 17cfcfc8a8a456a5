#include "common/config/quantity.h"

#include <array>
#include <charconv>
#include <cmath>
#include <span>

namespace rayd {
namespace {

struct Unit {
  std::string_view name;
  int64_t size;
};

constexpr std::array kByteUnits{
    Unit{"B", 1},
    Unit{"KiB", int64_t{1} << 10},
    Unit{"MiB", int64_t{1} << 20},
    Unit{"GiB", int64_t{1} << 30},
    Unit{"TiB", int64_t{1} << 40},
};
constexpr std::array kTimeUnits{
    Unit{"ms", 1}, Unit{"s", 1'000}, Unit{"m", 60'000}, Unit{"h", 3'600'000}, Unit{"d", 86'400'000},
};

Error refuse(std::string_view text, std::string_view wanted) {
  return {ErrorCode::kInvalidArgument, "'" + std::string(text) + "' is no " + std::string(wanted)};
}

template <class T>
bool parse_whole(std::string_view text, T& value) {
  const auto end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value);
  return parsed.ec == std::errc{} && parsed.ptr == end;
}

// A non-negative number, blanks, and one of the units (none: the first).
Result<int64_t> parse_quantity(std::string_view text, std::span<const Unit> units,
                               std::string_view wanted) {
  const size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
  const std::string_view number = text.substr(0, digits);
  std::string_view unit = text.substr(digits);
  while (unit.starts_with(' ')) unit.remove_prefix(1);
  if (unit.empty() && digits < text.size()) return refuse(text, wanted);
  const Unit* found = unit.empty() ? &units.front() : nullptr;
  for (const Unit& candidate : units) {
    if (candidate.name == unit) found = &candidate;
  }
  if (found == nullptr) return refuse(text, wanted);
  int64_t whole = 0;
  if (parse_whole(number, whole)) {
    int64_t product = 0;
    if (__builtin_mul_overflow(whole, found->size, &product)) return refuse(text, wanted);
    return product;
  }
  double fraction = 0;
  if (!parse_whole(number, fraction)) return refuse(text, wanted);
  const double product = fraction * static_cast<double>(found->size);
  if (!(product < 0x1p63) || (unit.empty() && std::trunc(product) != product)) {
    return refuse(text, wanted);
  }
  return static_cast<int64_t>(std::llround(product));
}

std::string format_quantity(int64_t value, std::span<const Unit> units) {
  for (size_t i = units.size(); i-- > 0;) {
    const Unit& unit = units[i];
    if (value == 0 || value < unit.size) continue;
    const int64_t rest = value % unit.size;
    if (rest > INT64_MAX / 10 || rest * 10 % unit.size != 0) continue;
    std::string text = std::to_string(value / unit.size);
    if (rest != 0) text += "." + std::to_string(rest * 10 / unit.size);
    return text + std::string(unit.name);
  }
  return std::to_string(value) + std::string(units.front().name);
}

}  // namespace

Result<int64_t> parse_bytes(std::string_view text) {
  return parse_quantity(text, kByteUnits, "size; write bytes such as 4096, 512MiB or 1.5GiB");
}

std::string format_bytes(int64_t bytes) { return format_quantity(bytes, kByteUnits); }

Result<int64_t> parse_millis(std::string_view text) {
  return parse_quantity(text, kTimeUnits, "duration; write 1500 (milliseconds), 30s, 5m, 2h or 7d");
}

std::string format_millis(int64_t millis) { return format_quantity(millis, kTimeUnits); }

Result<int64_t> parse_integer(std::string_view text) {
  int64_t value = 0;
  if (!parse_whole(text, value)) return refuse(text, "integer");
  return value;
}

Result<double> parse_number(std::string_view text) {
  double value = 0;
  if (!parse_whole(text, value) || !std::isfinite(value)) return refuse(text, "number");
  return value;
}

}  // namespace rayd
