#include "cli/line_folder.h"

namespace rayd::cli {
namespace {

/// So many different texts are remembered at once.
constexpr size_t kMostOpen = 1'000;

std::string shown_line(std::string_view source, std::string_view text) {
  return "(" + std::string(source) + ") " + std::string(text);
}

}  // namespace

void LineFolder::close_first(std::vector<std::string>& shown) {
  const auto it = folded_.find(open_.front().text);
  if (it->second.repeated > 0) {
    shown.push_back(shown_line(it->second.source, it->first) + " [repeated " +
                    std::to_string(it->second.repeated) +
                    (it->second.repeated == 1 ? " time]" : " times]"));
  }
  folded_.erase(it);
  open_.pop_front();
}

std::vector<std::string> LineFolder::tick(Time now) {
  std::vector<std::string> shown;
  while (!open_.empty() && open_.front().until <= now) close_first(shown);
  return shown;
}

std::vector<std::string> LineFolder::add(std::string_view source, std::string_view text, Time now) {
  std::vector<std::string> shown = tick(now);
  if (const auto it = folded_.find(text); it != folded_.end()) {
    it->second.source = source;
    ++it->second.repeated;
    return shown;
  }
  if (open_.size() == kMostOpen) close_first(shown);
  folded_.emplace(text, Folded{std::string(source), 0});
  open_.push_back({std::string(text), now + window_});
  shown.push_back(shown_line(source, text));
  return shown;
}

std::vector<std::string> LineFolder::finish() {
  std::vector<std::string> shown;
  while (!open_.empty()) close_first(shown);
  return shown;
}

}  // namespace rayd::cli
