#include "client/api/ray/workload_params.h"

#include <algorithm>
#include <utility>

#include "client/api/workload_values.h"

namespace ray {
namespace {

std::string shortened(std::string_view text) {
  constexpr size_t kShown = 60;
  std::string shown;
  for (const char c : text.substr(0, kShown)) shown += static_cast<uint8_t>(c) < 0x20 ? ' ' : c;
  return text.size() > kShown ? shown + "…" : shown;
}

const ParamInfo* find(const std::vector<ParamInfo>& params, std::string_view name) {
  const auto it = std::find_if(params.begin(), params.end(),
                               [&](const ParamInfo& param) { return param.name == name; });
  return it == params.end() ? nullptr : &*it;
}

std::string lines(const Mistakes& mistakes) {
  std::string text;
  for (const Mistake& mistake : mistakes) {
    if (!text.empty()) text += '\n';
    text += mistake.text();
  }
  return text;
}

Mistake unknown_parameter(const WorkloadInfo& info, const std::string& name) {
  std::vector<std::string> names;
  for (const ParamInfo& param : info.params) names.push_back(param.name);
  std::string wanted;
  for (const std::string& known : names) wanted += (wanted.empty() ? "one of " : ", ") + known;
  return {name, "", wanted, nearest_name(name, names)};
}

const Input* input_of(const Arguments& arguments, const std::string& name) {
  const auto it = arguments.inputs.find(name);
  return it == arguments.inputs.end() ? nullptr : &it->second;
}

}  // namespace

std::string Mistake::text() const {
  if (parameter.empty()) return given + ": wanted " + wanted;
  if (!given.empty()) return parameter + "=" + given + ": wanted " + wanted;
  const std::string unknown = "unknown parameter \"" + parameter + "\": ";
  if (!nearest.empty()) return unknown + "did you mean \"" + nearest + "\"?";
  return unknown + "wanted " + wanted;
}

ParameterError::ParameterError(Mistakes mistakes)
    : std::invalid_argument(lines(mistakes)), mistakes_(std::move(mistakes)) {}

std::string nearest_name(std::string_view given, const std::vector<std::string>& names) {
  std::string best;
  size_t best_distance = 0;
  for (const std::string& name : names) {
    const size_t distance = internal::edit_distance(given, name);
    const size_t similar = std::max<size_t>(1, std::max(given.size(), name.size()) / 3);
    if (distance > similar || (!best.empty() && distance >= best_distance)) continue;
    best = name;
    best_distance = distance;
  }
  return best;
}

Arguments parse_words(const std::vector<std::string>& words, Mistakes& mistakes) {
  Arguments arguments;
  for (const std::string& word : words) {
    const size_t equals = word.find('=');
    if (equals == std::string::npos || equals == 0) {
      mistakes.push_back({"", shortened(word), "KEY=VALUE", ""});
      continue;
    }
    const std::string key = word.substr(0, equals);
    const std::string value = word.substr(equals + 1);
    if (!arguments.values.emplace(key, value).second) {
      mistakes.push_back({key, shortened(value), "each parameter once", ""});
    }
  }
  return arguments;
}

void attach_inputs(Arguments& arguments,
                   const std::function<std::optional<std::string>(const std::string&)>& read,
                   Mistakes& mistakes) {
  std::string standard_input_of;
  for (const auto& [key, value] : arguments.values) {
    if (!value.starts_with('@')) continue;
    const std::string name = value.substr(1);
    if (name == "-" && !std::exchange(standard_input_of, key).empty()) {
      mistakes.push_back({key, value, "standard input for one parameter only", ""});
      continue;
    }
    std::optional<std::string> content = read(name);
    if (content) {
      arguments.inputs[key] = Input{name, std::move(*content)};
    } else {
      mistakes.push_back({key, shortened(value), "a file that can be read", ""});
    }
  }
}

Mistakes check(const WorkloadInfo& info, const Arguments& arguments) {
  Mistakes mistakes;
  for (const auto& [name, text] : arguments.values) {
    const ParamInfo* param = find(info.params, name);
    if (param == nullptr) {
      mistakes.push_back(unknown_parameter(info, name));
      continue;
    }
    std::string wanted;
    if (!internal::parse_value(*param, text, input_of(arguments, name), wanted)) {
      mistakes.push_back({name, text.empty() ? "(nothing)" : shortened(text), wanted, ""});
    }
  }
  return mistakes;
}

Param& Param::default_word(std::string_view word) {
  info_.default_word = word;
  return *this;
}

std::string Param::limit_text_of(int64_t limit) { return internal::number_text(limit); }
std::string Param::limit_text_of(double limit) { return internal::number_text(limit); }

Params::Params() = default;

Param& Params::declare(std::string_view name, ParamKind kind, std::string_view meaning) {
  const bool taken = name == "seed" || std::any_of(params_.begin(), params_.end(),
                                                   [&](auto& p) { return p->info_.name == name; });
  if (taken) {
    throw std::logic_error("ray::Params: \"" + std::string(name) +
                           "\" is declared twice (every workload has \"seed\" already)");
  }
  params_.push_back(std::make_unique<Param>());
  Param& param = *params_.back();
  param.info_.name = name;
  param.info_.kind = kind;
  param.info_.meaning = meaning;
  return param;
}

void Params::set_default(Param& param, std::string text) {
  param.info_.default_text = std::move(text);
}

Param& Params::flag(std::string_view name, bool& field, std::string_view meaning) {
  Param& param = declare(name, ParamKind::kFlag, meaning);
  set_default(param, field ? "true" : "false");
  param.assign_ = [&field](const Param::Value& value) { field = std::get<bool>(value); };
  return param;
}

Param& Params::string(std::string_view name, std::string& field, ParamKind kind,
                      std::string_view meaning) {
  Param& param = declare(name, kind, meaning);
  set_default(param, field);
  param.assign_ = [&field](const Param::Value& value) { field = std::get<std::string>(value); };
  return param;
}

Param& Params::text(std::string_view name, std::string& field, std::string_view meaning) {
  return string(name, field, ParamKind::kText, meaning);
}

Param& Params::choice(std::string_view name, std::string& field, std::vector<std::string> choices,
                      std::string_view meaning) {
  Param& param = string(name, field, ParamKind::kChoice, meaning);
  param.info_.choices = std::move(choices);
  return param;
}

Param& Params::file(std::string_view name, std::string& field, std::string_view meaning) {
  return string(name, field, ParamKind::kFile, meaning);
}

Param& Params::output(std::string_view name, std::string& field, std::string_view meaning) {
  return string(name, field, ParamKind::kOutput, meaning);
}

Param& Params::size(std::string_view name, Size& field, std::string_view meaning) {
  Param& param = declare(name, ParamKind::kSize, meaning);
  set_default(param, std::to_string(field.width) + "x" + std::to_string(field.height));
  param.assign_ = [&field](const Param::Value& value) { field = std::get<Size>(value); };
  return param;
}

Param& Params::bytes(std::string_view name, int64_t& field, std::string_view meaning) {
  Param& param = declare(name, ParamKind::kBytes, meaning);
  set_default(param, internal::bytes_text(field));
  param.assign_ = [&field](const Param::Value& value) { field = std::get<int64_t>(value); };
  return param;
}

Param& Params::input(std::string_view name, Input& field, std::string_view meaning) {
  Param& param = declare(name, ParamKind::kInput, meaning);
  set_default(param, field.content);
  param.assign_ = [&field](const Param::Value& value) { field = std::get<Input>(value); };
  return param;
}

std::vector<ParamInfo> Params::describe() const {
  std::vector<ParamInfo> infos;
  for (const auto& param : params_) {
    infos.push_back(param->info_);
    ParamInfo& info = infos.back();
    if (!info.default_word.empty()) info.default_text = info.default_word;
  }
  ParamInfo seed;
  seed.name = "seed";
  seed.kind = ParamKind::kSeed;
  seed.meaning = "where all chance starts: the same seed, the same result";
  seed.default_text = "0";
  infos.push_back(std::move(seed));
  return infos;
}

void Params::assign(const Arguments& arguments) {
  const std::vector<ParamInfo> infos = describe();
  for (size_t i = 0; i < infos.size(); ++i) {
    const auto it = arguments.values.find(infos[i].name);
    if (it == arguments.values.end()) continue;
    if (!infos[i].default_word.empty() && it->second == infos[i].default_word) continue;
    std::string wanted;
    const auto value =
        internal::parse_value(infos[i], it->second, input_of(arguments, it->first), wanted);
    if (!value) continue;  // check() has named it
    if (i < params_.size()) {
      params_[i]->assign_(*value);
    } else {
      seed_ = std::get<uint64_t>(*value);
    }
  }
}

}  // namespace ray
