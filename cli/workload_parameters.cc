#include "cli/workload_parameters.h"

#include <algorithm>
#include <cstdio>
#include <memory>

#include "cli/table.h"

namespace rayd::cli {
namespace {

using ray::ParamInfo;
using ray::ParamKind;

constexpr ParamKind kKinds[] = {
    ParamKind::kInteger, ParamKind::kNumber, ParamKind::kProbability, ParamKind::kFlag,
    ParamKind::kText,    ParamKind::kChoice, ParamKind::kSize,        ParamKind::kBytes,
    ParamKind::kInput,   ParamKind::kFile,   ParamKind::kOutput,      ParamKind::kSeed,
};

std::string member(const Json& json, std::string_view key) {
  const Json* value = json.find(key);
  return value == nullptr || value->string() == nullptr ? "" : *value->string();
}

bool is_set(const Json& json, std::string_view key) {
  const Json* value = json.find(key);
  return value != nullptr && value->boolean().value_or(false);
}

ParamInfo read_param(const Json& json) {
  ParamInfo param;
  param.name = member(json, "name");
  const std::string kind = member(json, "kind");
  for (const ParamKind known : kKinds) {
    if (ray::kind_name(known) == kind) param.kind = known;
  }
  param.meaning = member(json, "meaning");
  param.unit = member(json, "unit");
  param.default_text = member(json, "default");
  param.minimum = member(json, "minimum");
  param.maximum = member(json, "maximum");
  param.default_word = member(json, "default_word");
  param.execution = is_set(json, "execution");
  param.list = is_set(json, "list");
  const Json* choices = json.find("choices");
  if (choices == nullptr || choices->array() == nullptr) return param;
  for (const Json& choice : *choices->array()) {
    if (choice.string() != nullptr) param.choices.push_back(*choice.string());
  }
  return param;
}

/// A value as one would type it: text without quotes, a list with commas.
std::string typed(const Json& value) {
  if (value.string() != nullptr) return *value.string();
  if (value.array() == nullptr) return value.dump();
  std::string text;
  for (const Json& item : *value.array()) text += (text.empty() ? "" : ",") + typed(item);
  return text;
}

/// {"grid": "64x64", "steps": 100} as words; a mistake otherwise.
std::string add_words_of_file(const std::string& file, const ReadFile& read,
                              std::vector<std::string>& words) {
  const auto text = read(file);
  if (!text) return "-f " + file + ": wanted a file that can be read";
  const auto json = Json::parse(*text);
  if (!json) return "-f " + file + ": " + json.error().message;
  if (json->object() == nullptr) return "-f " + file + ": wanted a JSON object of parameters";
  for (const auto& [key, value] : *json->object()) words.push_back(key + "=" + typed(value));
  return {};
}

std::string range_text(const ParamInfo& param) {
  if (!param.choices.empty()) {
    std::string text;
    for (const std::string& choice : param.choices) text += (text.empty() ? "" : "|") + choice;
    return text;
  }
  if (!param.minimum.empty() && !param.maximum.empty()) {
    return param.minimum + " … " + param.maximum;
  }
  if (!param.minimum.empty()) return "≥ " + param.minimum;
  return param.maximum.empty() ? "" : "≤ " + param.maximum;
}

}  // namespace

ray::WorkloadInfo read_workload_info(const Json& entry) {
  ray::WorkloadInfo info;
  info.name = member(entry, "name");
  info.summary = member(entry, "summary");
  const Json* params = entry.find("params");
  if (params == nullptr || params->array() == nullptr) return info;
  for (const Json& param : *params->array()) info.params.push_back(read_param(param));
  return info;
}

Result<std::vector<JobParameter>> make_parameters(const ray::WorkloadInfo& info,
                                                  const ParameterSources& sources,
                                                  const ReadFile& read) {
  std::string text;
  const auto add = [&](const std::string& line) { text += (text.empty() ? "" : "\n") + line; };
  std::vector<std::string> words;
  for (const std::string& file : sources.json_files) {
    if (const std::string wrong = add_words_of_file(file, read, words); !wrong.empty()) add(wrong);
  }
  // What stands on the command line wins over files.
  for (const std::string& word : sources.words) {
    const std::string key = word.substr(0, word.find('=') + 1);
    std::erase_if(words, [&](const std::string& other) {
      return !key.empty() && other.starts_with(key) &&
             std::find(sources.words.begin(), sources.words.end(), other) == sources.words.end();
    });
    words.push_back(word);
  }
  ray::Mistakes mistakes;
  ray::Arguments arguments = ray::parse_words(words, mistakes);
  ray::attach_inputs(arguments, read, mistakes);
  for (const ray::Mistake& mistake : ray::check(info, arguments)) {
    const bool known = std::any_of(mistakes.begin(), mistakes.end(), [&](const auto& other) {
      return other.parameter == mistake.parameter;
    });
    if (!known) mistakes.push_back(mistake);
  }
  for (const ray::Mistake& mistake : mistakes) add(mistake.text());
  if (!text.empty()) {
    return Error{ErrorCode::kInvalidArgument,
                 text + "\n  rayctl submit " + info.name + " --help shows all parameters"};
  }
  std::vector<JobParameter> parameters;
  for (const auto& [name, value] : arguments.values) {
    JobParameter& parameter = parameters.emplace_back(JobParameter{name, value, std::nullopt});
    const auto input = arguments.inputs.find(name);
    if (input != arguments.inputs.end()) parameter.content = input->second.content;
  }
  return parameters;
}

std::string describe(const ray::WorkloadInfo& info) {
  std::string text = "usage: rayctl submit " + info.name + " [KEY=VALUE]…\n";
  if (!info.summary.empty()) text += "\n" + info.summary + "\n";
  std::vector<std::vector<std::string>> cells;
  for (const ParamInfo& param : info.params) {
    std::string type{ray::kind_name(param.kind)};
    if (!param.unit.empty()) type += " (" + param.unit + ")";
    std::string meaning = param.meaning;
    if (param.execution) meaning += " (never changes the result)";
    cells.push_back({param.name, type, range_text(param),
                     param.default_word.empty() ? param.default_text : param.default_word,
                     meaning});
  }
  if (!cells.empty()) {
    text += "\n" + format_table({"PARAMETER", "TYPE", "RANGE", "DEFAULT", "MEANING"}, cells, {});
  }
  return text +
         "\nA value @FILE is a file's content, @- standard input. rayctl submit --help shows "
         "the flags.\n";
}

std::optional<std::string> read_whole_file(const std::string& name) {
  struct Close {
    void operator()(std::FILE* file) const {
      if (file != stdin) std::fclose(file);
    }
  };
  const std::unique_ptr<std::FILE, Close> file{name == "-" ? stdin
                                                           : std::fopen(name.c_str(), "rbe")};
  if (!file) return std::nullopt;
  std::string content;
  char buffer[65536];
  while (const size_t size = std::fread(buffer, 1, sizeof buffer, file.get())) {
    content.append(buffer, size);
  }
  if (std::ferror(file.get()) != 0) return std::nullopt;
  return content;
}

}  // namespace rayd::cli
