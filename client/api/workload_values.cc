#include "client/api/workload_values.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <numeric>

#include "client/api/ray/workload.h"

namespace ray {
namespace internal {
namespace {

struct Unit {
  std::string_view name;
  int64_t bytes;
};
constexpr Unit kUnits[] = {
    {"TiB", int64_t{1} << 40},
    {"GiB", int64_t{1} << 30},
    {"MiB", int64_t{1} << 20},
    {"KiB", int64_t{1} << 10},
    {"TB", 1'000'000'000'000},
    {"GB", 1'000'000'000},
    {"MB", 1'000'000},
    {"kB", 1'000},
    {"KB", 1'000},
    {"T", int64_t{1} << 40},
    {"G", int64_t{1} << 30},
    {"M", int64_t{1} << 20},
    {"K", int64_t{1} << 10},
    {"k", int64_t{1} << 10},
    {"B", 1},
};

/// The whole of `text` as a number, or nothing. A leading plus is accepted.
template <class T>
std::optional<T> whole(std::string_view text) {
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<double> whole_number(std::string_view text) {
  const std::optional<double> value = whole<double>(text);
  return value && std::isfinite(*value) ? value : std::nullopt;
}

std::optional<int64_t> whole_bytes(std::string_view text) {
  for (const Unit& unit : kUnits) {
    if (!text.ends_with(unit.name)) continue;
    const auto number = whole_number(text.substr(0, text.size() - unit.name.size()));
    if (!number || *number < 0) return std::nullopt;
    const double bytes = *number * static_cast<double>(unit.bytes);
    if (bytes >= 0x1p63) return std::nullopt;
    return static_cast<int64_t>(bytes);
  }
  return whole<int64_t>(text);
}

std::optional<Size> whole_size(std::string_view text) {
  const size_t cross = text.find_first_of("xX");
  if (cross == std::string_view::npos) return std::nullopt;
  const auto width = whole<int64_t>(text.substr(0, cross));
  const auto height = whole<int64_t>(text.substr(cross + 1));
  if (!width || !height || *width < 1 || *height < 1) return std::nullopt;
  return Size{*width, *height};
}

std::optional<bool> whole_flag(std::string_view text) {
  for (const std::string_view yes : {"true", "yes", "on", "1"}) {
    if (text == yes) return true;
  }
  for (const std::string_view no : {"false", "no", "off", "0"}) {
    if (text == no) return false;
  }
  return std::nullopt;
}

std::string with_limits(const ParamInfo& param, std::string wanted) {
  if (!param.unit.empty()) wanted += " (" + param.unit + ")";
  if (!param.minimum.empty() && !param.maximum.empty()) {
    wanted += " from " + param.minimum + " to " + param.maximum;
  } else if (!param.minimum.empty()) {
    wanted += ", at least " + param.minimum;
  } else if (!param.maximum.empty()) {
    wanted += ", at most " + param.maximum;
  }
  return wanted;
}

/// What a value of this kind looks like, for a message.
std::string wanted_text(const ParamInfo& param) {
  switch (param.kind) {
    case ParamKind::kInteger: return with_limits(param, "an integer");
    case ParamKind::kNumber: return with_limits(param, "a number");
    case ParamKind::kProbability: return with_limits(param, "a probability");
    case ParamKind::kFlag: return "true or false";
    case ParamKind::kSize: return "WIDTHxHEIGHT, such as 640x480";
    case ParamKind::kBytes: return with_limits(param, "an amount of memory, such as 64MiB");
    case ParamKind::kSeed: return "an integer from 0 to 18446744073709551615";
    case ParamKind::kOutput: return "a file name, such as out/last.png, that stays in its folder";
    case ParamKind::kChoice: break;
    default: return "a text";
  }
  std::string wanted;
  for (const std::string& choice : param.choices) {
    wanted += (wanted.empty() ? "" : &choice == &param.choices.back() ? " or " : ", ") + choice;
  }
  return wanted;
}

template <class T>
std::optional<ParamValue> within(const ParamInfo& param, std::optional<T> value) {
  if (!value) return std::nullopt;
  const auto low = whole<T>(param.minimum);
  const auto high = whole<T>(param.maximum);
  if ((low && *value < *low) || (high && *value > *high)) return std::nullopt;
  return ParamValue(*value);
}

template <class T>
std::optional<ParamValue> any(std::optional<T> value) {
  return value ? std::optional<ParamValue>(*value) : std::nullopt;
}

std::optional<ParamValue> parse_typed(const ParamInfo& param, const std::string& text) {
  switch (param.kind) {
    case ParamKind::kInteger: return within(param, whole<int64_t>(text));
    case ParamKind::kNumber:
    case ParamKind::kProbability: return within(param, whole_number(text));
    case ParamKind::kFlag: return any(whole_flag(text));
    case ParamKind::kSize: return any(whole_size(text));
    case ParamKind::kBytes: return within(param, whole_bytes(text));
    case ParamKind::kSeed: return any(whole<uint64_t>(text));
    case ParamKind::kOutput:
      return text.empty() || is_result_name(text) ? std::optional<ParamValue>(text) : std::nullopt;
    case ParamKind::kChoice: {
      const auto& choices = param.choices;
      const bool known = std::find(choices.begin(), choices.end(), text) != choices.end();
      return known ? std::optional<ParamValue>(text) : std::nullopt;
    }
    default: return ParamValue(text);
  }
}

}  // namespace

std::optional<ParamValue> parse_value(const ParamInfo& param, const std::string& text,
                                      const Input* input, std::string& wanted) {
  if (!param.default_word.empty() && text == param.default_word) return ParamValue(text);
  if (text.starts_with('@') && input == nullptr) {
    wanted = "the content of this file to come with the submission";
    return std::nullopt;
  }
  if (param.kind == ParamKind::kInput) return input ? *input : Input{"", text};
  std::string typed = input ? input->content : text;
  while (input != nullptr && (typed.ends_with('\n') || typed.ends_with('\r'))) typed.pop_back();
  std::optional<ParamValue> value = parse_typed(param, typed);
  if (!value) {
    wanted = wanted_text(param);
    if (!param.default_word.empty()) wanted += ", or " + param.default_word;
    const std::string nearest = nearest_name(typed, param.choices);
    if (!nearest.empty()) wanted += " (did you mean \"" + nearest + "\"?)";
  }
  return value;
}

size_t edit_distance(std::string_view from, std::string_view to) {
  from = from.substr(0, 100);
  to = to.substr(0, 100);
  // Three rows of the optimal string alignment table: two lines back, one line back, this line.
  std::array<std::vector<size_t>, 3> rows;
  for (auto& row : rows) row.resize(to.size() + 1);
  auto& [before, last, now] = rows;
  std::iota(last.begin(), last.end(), size_t{0});
  for (size_t i = 1; i <= from.size(); ++i) {
    now[0] = i;
    for (size_t j = 1; j <= to.size(); ++j) {
      const size_t replaced = last[j - 1] + (from[i - 1] == to[j - 1] ? 0 : 1);
      now[j] = std::min({last[j] + 1, now[j - 1] + 1, replaced});
      const bool swapped = i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1];
      if (swapped) now[j] = std::min(now[j], before[j - 2] + 1);
    }
    std::swap(before, last);
    std::swap(last, now);
  }
  return last[to.size()];
}

template <class T>
static std::string to_text(T value) {
  char buffer[40];
  return std::string(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr);
}

std::string number_text(int64_t value) { return to_text(value); }
std::string number_text(double value) { return to_text(value); }

std::string bytes_text(int64_t value) {
  for (const Unit& unit : kUnits) {
    const bool binary = unit.name.size() == 3;
    if (binary && value != 0 && value % unit.bytes == 0) {
      return to_text(value / unit.bytes) + std::string(unit.name);
    }
  }
  return to_text(value);
}

}  // namespace internal

std::string_view kind_name(ParamKind kind) {
  constexpr std::string_view kNames[] = {"integer", "number", "probability", "flag",
                                         "text",    "choice", "size",        "bytes",
                                         "input",   "file",   "output",      "seed"};
  return kNames[static_cast<size_t>(kind)];
}

}  // namespace ray
