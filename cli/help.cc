#include "cli/help.h"

#include <algorithm>

#include "cli/table.h"

namespace rayd::cli {
namespace {

constexpr size_t kMeaningColumn = 30;

std::string entry(std::string left, std::string_view meaning) {
  std::string line = "  " + left;
  const size_t width = text_width(line);
  if (width + 2 > kMeaningColumn) {
    line += "\n" + std::string(kMeaningColumn, ' ');
  } else {
    line.append(kMeaningColumn - width, ' ');
  }
  return line + std::string(meaning) + "\n";
}

std::string entry(const Flag& flag) {
  std::string left{flag.name};
  if (flag.letter != 0) left = std::string("-") + flag.letter + ", " + left;
  const std::string_view value = flag.choices.empty() ? flag.value : flag.choices;
  if (!value.empty()) left += " " + std::string(value);
  return entry(left, flag.meaning);
}

std::string entries(std::span<const Flag> flags) {
  std::string text;
  for (const Flag& flag : flags) text += entry(flag);
  return text;
}

std::string option_entries(uint8_t wanted, uint8_t except) {
  std::string text;
  for (const Option& option : options()) {
    if ((option.programs & wanted) == 0 || (option.programs & except) != 0) continue;
    const std::string_view value = !option.choices.empty() ? option.choices
                                   : option.unit.empty()   ? std::string_view("VALUE")
                                                           : option.unit;
    std::string meaning{option.meaning};
    if (!option.fallback.empty()) meaning += " (default: " + std::string(option.fallback) + ")";
    text += entry(flag_of(option) + " " + std::string(value), meaning);
  }
  return text;
}

}  // namespace

std::string help(std::span<const Verb* const> verbs) {
  std::string text =
      "usage: rayctl VERB [FLAG]… [WORD]…\n\nTasks, actors and objects on this machine.\n\n";
  for (const Verb* verb : verbs) text += entry(std::string(verb->name), verb->summary);
  text += "\nEverywhere:\n" + entries(common_flags()) + option_entries(kEveryVerb, kNoGroup);
  text += "\nrayctl VERB --help tells more. Begin with: rayctl start --head\n";
  return text;
}

std::string help(const Verb& verb) {
  std::string text = "usage: rayctl " + std::string(verb.name) + " [FLAG]…";
  if (!verb.operands.empty()) text += " " + std::string(verb.operands);
  text += "\n\n" + std::string(verb.summary) + "\n";
  if (!verb.details.empty()) text += "\n" + std::string(verb.details) + "\n";
  std::string own = entries(verb.flags);
  if ((verb.groups & kDemandFlags) != 0) own += entries(demand_flags());
  if ((verb.groups & kProgressFlags) != 0) own += entries(progress_flags());
  if (!own.empty()) text += "\n" + own;
  if ((verb.programs & kDaemon) != 0) {
    text += "\nThe daemon's options:\n" + option_entries(kDaemon, kEveryVerb);
  }
  text += "\nEverywhere:\n" + entries(common_flags()) + option_entries(kEveryVerb, kNoGroup);
  return text;
}

}  // namespace rayd::cli
