#include "common/config/options.h"

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "common/base/check.h"
#include "common/config/nearest.h"
#include "common/config/quantity.h"

namespace rayd {
namespace {

Error wrong(std::string text) { return {ErrorCode::kInvalidArgument, std::move(text)}; }

// Numbers as people write them: 4 and not 4.0.
Json number_json(double value) {
  const Json number(value);
  const auto whole = number.integer();
  return whole ? Json(*whole) : number;
}

std::string number_text(double value) { return number_json(value).dump(); }

Status check_bounds(const Option& option, double value) {
  if (value >= option.least && value <= option.most) return {};
  return wrong("wants " + number_text(option.least) + " … " + number_text(option.most) +
               (option.unit.empty() ? "" : " " + std::string(option.unit)) + ", got " +
               number_text(value));
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t at = std::min(text.find(separator), text.size());
    parts.push_back(text.substr(0, at));
    if (at == text.size()) return parts;
    text.remove_prefix(at + 1);
  }
}

Status check_choice(const Option& option, std::string_view text) {
  const auto choices = split(option.choices, '|');
  if (std::find(choices.begin(), choices.end(), text) != choices.end()) return {};
  return wrong("wants one of " + std::string(option.choices) + ", got '" + std::string(text) + "'" +
               did_you_mean(text, choices));
}

Status check_text(const Option& option, std::string_view text) {
  if (option.form == Form::kChoice) return check_choice(option, text);
  if (option.form == Form::kName) return check_name(text);
  if (text.find('\0') != text.npos) return wrong("wants a text without zero bytes");
  return {};
}

// What set_option does for one type of field.
class Setter {
 public:
  Setter(const Option& option, Config& config) : option_(option), config_(config) {}

  Status from_text(std::string_view text) const {
    switch (option_.form) {
      case Form::kText:
      case Form::kChoice:
      case Form::kName: return store_text(text);
      case Form::kInteger: return store_number(parse_integer(text));
      case Form::kNumber: return store_number(parse_number(text));
      case Form::kBytes: return store_number(parse_bytes(text));
      case Form::kMillis: return store_number(parse_millis(text));
      case Form::kResources:
      case Form::kLabels: break;
    }
    if (option_.form == Form::kLabels && !text.starts_with('{')) return labels_from_pairs(text);
    const auto json = Json::parse(text);
    if (!json.ok())
      return wrong("wants a JSON object, got '" + std::string(text) + "' (" + json.error().message +
                   ")");
    return from_json(*json);
  }

  Status from_json(const Json& value) const {
    if (option_.form == Form::kResources) return resources_from(value);
    if (option_.form == Form::kLabels && value.string() == nullptr) return labels_from(value);
    if (const std::string* text = value.string()) {
      if (option_.form == Form::kInteger || option_.form == Form::kNumber) {
        return wrong("wants a number without quotes, got " + value.dump());
      }
      return from_text(*text);
    }
    const bool is_text = std::holds_alternative<std::string Config::*>(option_.field);
    if (!value.is_number() || is_text) {
      return wrong(std::string("wants ") + (is_text ? "a string" : "a number") + ", got " +
                   std::string(describe(value.kind())));
    }
    if (option_.form == Form::kNumber) return store_number(Result<double>(*value.number()));
    const auto whole = value.integer();
    if (!whole) return wrong("wants an integer, got " + value.dump());
    return store_number(Result<int64_t>(*whole));
  }

 private:
  template <class T>
  Status store_number(Result<T> parsed) const {
    if (!parsed.ok()) return parsed.error();
    const auto value = static_cast<double>(*parsed);
    if (auto bounds = check_bounds(option_, value); !bounds.ok()) return bounds;
    if (const auto* field = std::get_if<int64_t Config::*>(&option_.field)) {
      config_.** field = static_cast<int64_t>(*parsed);
    } else {
      config_.*std::get<double Config::*>(option_.field) = value;
    }
    return {};
  }

  Status store_text(std::string_view text) const {
    if (auto checked = check_text(option_, text); !checked.ok()) return checked;
    config_.*std::get<std::string Config::*>(option_.field) = text;
    return {};
  }

  Status resources_from(const Json& value) const {
    if (value.object() == nullptr) {
      return wrong("wants an object of numbers, got " + std::string(describe(value.kind())));
    }
    std::map<std::string, double> resources;
    for (const auto& [name, amount] : *value.object()) {
      if (auto checked = check_name(name); !checked.ok()) return checked;
      if (name == "CPU" || name == "GPU" || name == "memory") {
        return wrong("'" + name + "' has an option of its own: " +
                     (name == "CPU"   ? "num_cpus"
                      : name == "GPU" ? "num_gpus"
                                      : "memory"));
      }
      const auto number = amount.number();
      if (!number) return wrong("'" + name + "' wants a number, got " + amount.dump());
      if (auto bounds = check_bounds(option_, *number); !bounds.ok()) {
        return wrong("'" + name + "' " + bounds.error().message);
      }
      resources[name] = *number;
    }
    config_.*std::get<std::map<std::string, double> Config::*>(option_.field) = resources;
    return {};
  }

  Status labels_from(const Json& value) const {
    if (value.object() == nullptr) {
      return wrong("wants an object of strings, got " + std::string(describe(value.kind())));
    }
    std::map<std::string, std::string> labels;
    for (const auto& [name, text] : *value.object()) {
      for (const std::string_view part : split(name, '/'))
        if (auto checked = check_name(part); !checked.ok()) return checked;
      if (text.string() == nullptr) {
        return wrong("'" + name + "' wants a string, got " + text.dump());
      }
      labels[name] = *text.string();
    }
    config_.*std::get<std::map<std::string, std::string> Config::*>(option_.field) = labels;
    return {};
  }

  Status labels_from_pairs(std::string_view text) const {
    Json::Object members;
    if (!text.empty()) {
      for (const std::string_view pair : split(text, ',')) {
        const size_t equals = pair.find('=');
        if (equals == pair.npos) {
          return wrong("wants K=V,K=V or a JSON object, got '" + std::string(text) + "'");
        }
        members.emplace_back(pair.substr(0, equals), pair.substr(equals + 1));
      }
    }
    return labels_from(members);
  }

  const Option& option_;
  Config& config_;
};

std::string replace(std::string_view text, char from, char to) {
  std::string result(text);
  std::replace(result.begin(), result.end(), from, to);
  return result;
}

}  // namespace

const Option* find_option(std::string_view name) {
  for (const Option& option : options()) {
    if (option.name == name) return &option;
  }
  return nullptr;
}

std::vector<std::string_view> option_names() {
  std::vector<std::string_view> names;
  for (const Option& option : options()) names.push_back(option.name);
  return names;
}

std::string flag_of(const Option& option) { return "--" + replace(option.name, '_', '-'); }

std::string variable_of(const Option& option) {
  if (option.name == "address") return "RAY_ADDRESS";  // Ray's own name for it
  std::string name = "RAYD_";
  for (const char c : option.name) {
    name += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return name;
}

Status set_option_text(const Option& option, std::string_view text, Config& config) {
  return Setter(option, config).from_text(text);
}

Status set_option_json(const Option& option, const Json& value, Config& config) {
  return Setter(option, config).from_json(value);
}

Json option_value(const Option& option, const Config& config) {
  return std::visit(
      [&config](auto field) -> Json {
        const auto& value = config.*field;
        using Value = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<Value, double>) {
          return number_json(value);
        } else if constexpr (std::is_same_v<Value, std::string> || std::is_same_v<Value, int64_t>) {
          return value;
        } else {
          Json::Object members;
          for (const auto& [name, item] : value) {
            if constexpr (std::is_same_v<std::decay_t<decltype(item)>, double>) {
              members.emplace_back(name, number_json(item));
            } else {
              members.emplace_back(name, item);
            }
          }
          return members;
        }
      },
      option.field);
}

std::string option_text(const Option& option, const Config& config) {
  const Json value = option_value(option, config);
  return value.string() != nullptr ? *value.string() : value.dump();
}

Status check_name(std::string_view name) {
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  constexpr size_t kLongest = 64;
  const bool good = !name.empty() && name.size() <= kLongest &&
                    name.find_first_not_of(kAllowed) == name.npos && name[0] != '.' &&
                    name[0] != '-';
  if (good) return {};
  return wrong("'" + std::string(name.substr(0, 2 * kLongest)) +
               "' is no name; one has 1 … 64 characters of a-z A-Z 0-9 . _ - and does not begin "
               "with . or -");
}

std::string describe_options(uint8_t programs) {
  std::string text;
  for (const Option& option : options()) {
    if ((option.programs & programs) == 0) continue;
    const std::string_view value = !option.choices.empty() ? option.choices
                                   : option.unit.empty()   ? std::string_view("VALUE")
                                                           : option.unit;
    text += "  " + flag_of(option) + " " + std::string(value) + "\n      " +
            std::string(option.meaning);
    if (!option.fallback.empty()) text += " (default: " + std::string(option.fallback) + ")";
    text += " [" + variable_of(option) + "]\n";
  }
  return text;
}

}  // namespace rayd
