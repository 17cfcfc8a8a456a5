// How a process ended, as its parent learnt it from wait: an exit status, a signal, or unknown.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

namespace rayd {

struct ProcessStatus {
  /// kLost: it is gone, but whoever reaped it died before telling.
  enum class Kind : uint8_t { kExited = 0, kSignalled = 1, kLost = 2 };

  Kind kind = Kind::kLost;
  int32_t code = 0;  // the exit status, or the signal's number

  auto operator<=>(const ProcessStatus&) const = default;
  bool succeeded() const { return kind == Kind::kExited && code == 0; }

  static ProcessStatus exited(int32_t status) { return {Kind::kExited, status}; }
  static ProcessStatus signalled(int32_t signal) { return {Kind::kSignalled, signal}; }
  static ProcessStatus lost() { return {}; }
  /// From the status word of waitpid.
  static ProcessStatus from_wait(int wait_status);
};

/// "exit status 3", "signal 9 (SIGKILL)", "an unknown end".
std::string to_string(const ProcessStatus& status);

}  // namespace rayd
