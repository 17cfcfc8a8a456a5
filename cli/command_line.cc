// CLI11 takes the flags apart; which words are the verb and which are operands is decided here.
#include "cli/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "common/config/json.h"
#include "common/config/nearest.h"
#include "common/config/quantity.h"

namespace rayd::cli {
namespace {

using Words = std::vector<std::string>;

struct SplitWords {
  Words before;  // up to the first `--`
  Words behind;
};

SplitWords split_at_dashes(const Words& words) {
  const auto dashes = std::find(words.begin(), words.end(), "--");
  SplitWords split{{words.begin(), dashes}, {}};
  if (dashes != words.end()) split.behind.assign(dashes + 1, words.end());
  return split;
}

bool is_flag(const std::string& word) { return word.size() > 1 && word[0] == '-'; }

/// "-5", "-.5", "-1e3", "-[…": a dash that no flag begins with.
bool is_number_like(const std::string& word) {
  return word.size() > 1 && word[0] == '-' &&
         (word[1] == '.' || (word[1] >= '0' && word[1] <= '9'));
}

std::vector<const Flag*> flags_of(const Verb& verb) {
  std::vector<const Flag*> flags;
  const auto add = [&](std::span<const Flag> more) {
    for (const Flag& flag : more) flags.push_back(&flag);
  };
  add(verb.flags);
  if ((verb.groups & kDemandFlags) != 0) add(demand_flags());
  if ((verb.groups & kProgressFlags) != 0) add(progress_flags());
  add(common_flags());
  return flags;
}

std::string in_quotes(std::string_view text) { return "'" + std::string(text) + "'"; }

// ---- the verb -----------------------------------------------------------------------------------

/// Whether the word before a verb stands with a value in the next word ("--cluster a status").
bool takes_next_word(const std::string& word) {
  if (word.find('=') != word.npos) return false;
  const auto takes = [&](const Flag& flag) {
    const bool named = word == flag.name || (word.size() == 2 && word[1] == flag.letter);
    return named && flag.type != FlagType::kSwitch;
  };
  if (std::any_of(common_flags().begin(), common_flags().end(), takes)) return true;
  return std::any_of(options().begin(), options().end(), [&](const Option& option) {
    return (option.programs & kEveryVerb) != 0 && flag_of(option) == word;
  });
}

size_t index_of_verb(const Words& words) {
  size_t i = 0;
  while (i < words.size() && is_flag(words[i])) i += takes_next_word(words[i]) ? 2 : 1;
  return std::min(i, words.size());
}

Error unknown_verb(std::span<const Verb* const> verbs, const std::string& given,
                   std::string_view family) {
  std::vector<std::string_view> names;
  for (const Verb* verb : verbs) {
    if (family.empty()) {
      names.push_back(verb->name.substr(0, verb->name.find(' ')));
    } else if (verb->name.starts_with(family)) {
      names.push_back(verb->name.substr(family.size()));
    }
  }
  const auto& later = later_verbs();
  if (family.empty() && std::find(later.begin(), later.end(), given) != later.end()) {
    return {ErrorCode::kInvalidArgument,
            "'" + given + "' is not there yet; rayctl --help shows what this version has"};
  }
  std::string text = in_quotes(std::string(family) + given) + " is no verb";
  const std::string hint = did_you_mean(given, names);
  if (!family.empty() && hint.empty()) {
    text += "; there are";
    for (const std::string_view name : names) text += " " + std::string(name);
  }
  return {ErrorCode::kInvalidArgument, text + hint + (hint.empty() ? "; see rayctl --help" : "")};
}

/// Finds the verb and takes its words away.
Result<const Verb*> take_verb(std::span<const Verb* const> verbs, Words& words) {
  const size_t at = index_of_verb(words);
  if (at == words.size()) return static_cast<const Verb*>(nullptr);
  const std::string first = words[at];
  const auto named = [&](const std::string& name) {
    return std::find_if(verbs.begin(), verbs.end(),
                        [&](const Verb* verb) { return verb->name == name; });
  };
  words.erase(words.begin() + static_cast<ptrdiff_t>(at));
  if (const auto verb = named(first); verb != verbs.end()) return *verb;
  const std::string family = first + " ";
  const bool is_family = std::any_of(
      verbs.begin(), verbs.end(), [&](const Verb* verb) { return verb->name.starts_with(family); });
  if (!is_family) return unknown_verb(verbs, first, {});
  const size_t second = index_of_verb(words);
  if (second == words.size()) return unknown_verb(verbs, "", family);
  const std::string rest = words[second];
  const auto verb = named(family + rest);
  if (verb == verbs.end()) return unknown_verb(verbs, rest, family);
  words.erase(words.begin() + static_cast<ptrdiff_t>(second));
  return *verb;
}

// ---- its flags ----------------------------------------------------------------------------------

Status check_value(const Flag& flag, const std::string& value) {
  switch (flag.type) {
    case FlagType::kSwitch:
    case FlagType::kText: return {};
    case FlagType::kInteger: {
      const auto number = parse_integer(value);
      return number ? Status{} : Status{number.error()};
    }
    case FlagType::kNumber: {
      const auto number = parse_number(value);
      return number ? Status{} : Status{number.error()};
    }
    case FlagType::kBytes: {
      const auto bytes = parse_bytes(value);
      return bytes ? Status{} : Status{bytes.error()};
    }
    case FlagType::kDuration: {
      const auto duration = parse_duration(value);
      return duration ? Status{} : Status{duration.error()};
    }
    case FlagType::kJson: {
      const auto json = Json::parse(value);
      return json ? Status{} : Status{json.error()};
    }
    case FlagType::kChoice: break;
  }
  std::vector<std::string_view> choices;
  for (std::string_view rest = flag.choices; !rest.empty();) {
    choices.push_back(rest.substr(0, rest.find('|')));
    rest.remove_prefix(std::min(rest.size(), choices.back().size() + 1));
  }
  if (std::find(choices.begin(), choices.end(), value) != choices.end()) return {};
  return Error{ErrorCode::kInvalidArgument, "wants " + std::string(flag.choices) + ", got " +
                                                in_quotes(value) + did_you_mean(value, choices)};
}

class FlagParser {
 public:
  FlagParser(const Verb& verb, ParsedCommand& command)
      : verb_(verb), command_(command), flags_(flags_of(verb)) {}

  /// What is wrong, one a line; nothing when all is well.
  std::string parse(Words words) {
    app_.set_help_flag();
    app_.allow_extras();
    for (const Flag* flag : flags_) add(*flag);
    for (const Option& option : options()) {
      if ((option.programs & verb_.programs) == 0) continue;
      option_rows_.emplace_back(&option, add_option(flag_of(option)));
    }
    std::reverse(words.begin(), words.end());  // CLI11 takes words from the back
    try {
      app_.parse(std::move(words));
    } catch (const CLI::ArgumentMismatch& mismatch) {
      return missing_value(mismatch.what());
    } catch (const CLI::ParseError& error) {
      return error.what();
    }
    take_values();
    take_operands();
    return mistakes_;
  }

  /// False: the flags were too wrong to tell what the operands are.
  bool saw_operands() const { return saw_operands_; }

 private:
  CLI::Option* add_option(const std::string& names) {
    // Values are read raw from results(): CLI11 would take "[1,2]" apart.
    CLI::Option* option = app_.add_option(names, [](const CLI::results_t&) { return true; });
    option->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    return option;
  }

  void add(const Flag& flag) {
    std::string names{flag.name};
    if (flag.letter != 0) names += std::string(",-") + flag.letter;
    if (flag.type == FlagType::kSwitch) {
      rows_.emplace_back(&flag, app_.add_flag(names));
    } else {
      rows_.emplace_back(&flag, add_option(names));
    }
  }

  /// CLI11 says "--out: 1 required TEXT missing".
  std::string missing_value(const std::string& told) const {
    const std::string name = told.substr(0, told.find(':'));
    for (const auto& [flag, option] : rows_) {
      if (option->check_name(name)) {
        return std::string(flag->name) + " wants " + std::string(flag->value);
      }
    }
    for (const auto& [row, option] : option_rows_) {
      if (option->check_name(name)) return name + " wants a value";
    }
    return told;
  }

  void take_values() {
    for (const auto& [flag, option] : rows_) {
      if (option->count() == 0) continue;
      auto& values = command_.flags[std::string(flag->name)];
      if (flag->type == FlagType::kSwitch) continue;
      values = option->results();
      if (values.size() > 1 && flag->repeat == Repeat::kNo) {
        mistake(std::string(flag->name) + " is given more than once");
      }
      for (const std::string& value : values) {
        if (const Status good = check_value(*flag, value); !good.ok()) {
          mistake(std::string(flag->name) + " " + good.error().message);
        }
      }
    }
    for (const auto& [row, option] : option_rows_) {
      for (const std::string& value : option->results()) {
        command_.settings.push_back({std::string(row->name), value});
      }
    }
  }

  void take_operands() {
    saw_operands_ = true;
    std::vector<std::string> names;
    for (const Flag* flag : flags_) names.emplace_back(flag->name);
    const std::vector<std::string_view> known(names.begin(), names.end());
    for (const std::string& word : app_.remaining()) {
      if (!is_flag(word) || is_number_like(word)) {
        command_.operands.push_back(word);
      } else {
        std::string text = unknown_flag(word, verb_.programs, known);
        if (text.find("did you mean") == text.npos) {
          text += " of rayctl " + std::string(verb_.name) + "; words with a dash go behind --";
        }
        mistake(text);
      }
    }
  }

  void mistake(const std::string& text) { mistakes_ += (mistakes_.empty() ? "" : "\n") + text; }

  const Verb& verb_;
  ParsedCommand& command_;
  std::vector<const Flag*> flags_;
  CLI::App app_;
  std::vector<std::pair<const Flag*, CLI::Option*>> rows_;
  std::vector<std::pair<const Option*, CLI::Option*>> option_rows_;
  std::string mistakes_;
  bool saw_operands_ = false;
};

std::string check_operand_count(const Verb& verb, size_t count) {
  if (count < verb.least_operands) {
    return "rayctl " + std::string(verb.name) + " wants " + std::string(verb.operands);
  }
  if (verb.most_operands != kAnyNumber && count > verb.most_operands) {
    if (verb.operands.empty()) return "rayctl " + std::string(verb.name) + " takes no words";
    return "rayctl " + std::string(verb.name) + " takes no more than " + std::string(verb.operands);
  }
  return {};
}

/// rayctl without a verb: --help, --version, or nothing at all, which is a question too.
Result<ParsedCommand> without_verb(const Words& words) {
  ParsedCommand command;
  command.asks = ParsedCommand::Asks::kHelp;
  for (const std::string& word : words) {
    if (word == "--version" || word == "-V") command.asks = ParsedCommand::Asks::kVersion;
    const bool known = word == "--version" || word == "-V" || word == "--help" || word == "-h";
    if (known) continue;
    return Error{ErrorCode::kInvalidArgument,
                 "there is no verb before '" + word + "'; rayctl --help shows them"};
  }
  return command;
}

const std::string* last(const ParsedCommand& command, std::string_view flag) {
  const auto found = command.flags.find(flag);
  return found == command.flags.end() || found->second.empty() ? nullptr : &found->second.back();
}

template <class T>
std::optional<T> parsed(const std::string* text, Result<T> (*parse)(std::string_view)) {
  if (text == nullptr) return std::nullopt;
  return *parse(*text);
}

}  // namespace

std::optional<std::string> ParsedCommand::text(std::string_view flag) const {
  const std::string* value = last(*this, flag);
  return value == nullptr ? std::nullopt : std::optional<std::string>(*value);
}
const std::vector<std::string>& ParsedCommand::all(std::string_view flag) const {
  static const std::vector<std::string> none;
  const auto found = flags.find(flag);
  return found == flags.end() ? none : found->second;
}
std::optional<int64_t> ParsedCommand::integer(std::string_view flag) const {
  return parsed(last(*this, flag), &parse_integer);
}
std::optional<double> ParsedCommand::number(std::string_view flag) const {
  return parsed(last(*this, flag), &parse_number);
}
std::optional<Duration> ParsedCommand::duration(std::string_view flag) const {
  return parsed(last(*this, flag), &parse_duration);
}
std::optional<int64_t> ParsedCommand::bytes(std::string_view flag) const {
  return parsed(last(*this, flag), &parse_bytes);
}

Result<Duration> parse_duration(std::string_view text) {
  if (const auto seconds = parse_number(text); seconds && *seconds >= 0 && *seconds <= 1e9) {
    return Duration{static_cast<int64_t>(*seconds * 1e9)};
  }
  const auto millis = parse_millis(text);
  if (!millis) {
    return Error{ErrorCode::kInvalidArgument,
                 "wants a duration such as 30s, 5m or 1.5h, got " + in_quotes(text)};
  }
  return Duration::millis(*millis);
}

Result<ParsedCommand> parse_command_line(std::span<const Verb* const> verbs, const Words& words) {
  SplitWords split = split_at_dashes(words);
  const auto verb = take_verb(verbs, split.before);
  const bool asks_help = std::any_of(split.before.begin(), split.before.end(),
                                     [](auto& word) { return word == "--help" || word == "-h"; });
  if (!verb) return verb.error();
  if (*verb == nullptr) return without_verb(split.before);

  ParsedCommand command;
  command.verb = *verb;
  FlagParser parser{**verb, command};
  std::string mistakes = parser.parse(split.before);
  command.operands.insert(command.operands.end(), split.behind.begin(), split.behind.end());
  if (asks_help) {
    command.asks = ParsedCommand::Asks::kHelp;
    return command;
  }
  const std::string wrong = check_operand_count(**verb, command.operands.size());
  if (parser.saw_operands() && !wrong.empty()) {
    mistakes += (mistakes.empty() ? "" : "\n") + wrong;
  }
  if (!mistakes.empty()) return Error{ErrorCode::kInvalidArgument, mistakes};
  return command;
}

}  // namespace rayd::cli
