// Trace: what happened, line by line, and its hash. A line is made for everything, printed or not:
// the hash is that of what a person would read.
#pragma once

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <string>
#include <string_view>
#include <type_traits>

#include "common/base/clock.h"
#include "common/base/ids.h"

namespace rayd::sim {

// Ids in their shortest form: the word before them says what they are.
inline void put(std::string& out, std::string_view text) { out += text; }
inline void put(std::string& out, const char* text) { out += text; }
template <class Number>
requires std::is_integral_v<Number>
void put(std::string& out, Number number) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof(digits), number).ptr;
  out.append(digits, end);
}
inline void put(std::string& out, NodeId node) {
  out += 'n';
  put(out, node.value);
}
inline void put(std::string& out, ClientId client) {
  put(out, client.node);
  out += '.';
  put(out, client.serial);
}
inline void put(std::string& out, const Id& id) {
  put(out, id.client());
  out += '.';
  put(out, id.seq());
  if (id.index() == 0) return;
  out += '/';
  put(out, id.index());
}

/// Appends each in turn.
template <class... Parts>
void say(std::string& out, const Parts&... parts) {
  (put(out, parts), ...);
}

class Trace {
 public:
  enum class Show : bool { kNo, kYes };
  explicit Trace(Show show) : show_(show) {}

  template <class... Parts>
  void line(Time now, const Parts&... parts) {
    std::string& text = begin(now);
    say(text, parts...);
    end();
  }
  /// For a line that is made piece by piece: append to what this returns, then call end.
  std::string& begin(Time now) {
    line_.clear();
    put(line_, now.ns / 1000);
    line_ += ' ';
    return line_;
  }
  void end() {
    for (const char c : line_) hash_ = (hash_ ^ static_cast<uint8_t>(c)) * 0x100000001B3u;
    if (show_ == Show::kYes) std::printf("%s\n", line_.c_str());
    last_.push_back(line_);
    if (last_.size() > kKept) last_.pop_front();
  }

  uint64_t hash() const { return hash_; }
  const std::deque<std::string>& last() const { return last_; }

 private:
  static constexpr size_t kKept = 30;
  Show show_;
  uint64_t hash_ = 0xCBF29CE484222325u;
  std::string line_;
  std::deque<std::string> last_;
};

}  // namespace rayd::sim
