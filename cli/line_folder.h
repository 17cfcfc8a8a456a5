// Folds what many workers print alike: the first of equal lines is shown at once, the others of the
// next seconds become one line with their number. Pure; `logs` shows every line.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"

namespace rayd::cli {

class LineFolder {
 public:
  explicit LineFolder(Duration window = Duration::seconds(5)) : window_(window) {}

  /// The lines to show now: "(SOURCE) TEXT", and before it what `now` brought to its end.
  std::vector<std::string> add(std::string_view source, std::string_view text, Time now);
  /// What has been folded for the whole window.
  std::vector<std::string> tick(Time now);
  /// Everything that is held back.
  std::vector<std::string> finish();

 private:
  struct Folded {
    std::string source;  // of the last one
    uint64_t repeated = 0;
  };
  struct Open {
    std::string text;
    Time until;
  };

  void close_first(std::vector<std::string>& shown);

  Duration window_;
  std::map<std::string, Folded, std::less<>> folded_;  // by text
  std::deque<Open> open_;                              // the oldest first
};

}  // namespace rayd::cli
