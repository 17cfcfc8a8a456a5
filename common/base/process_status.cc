#include "common/base/process_status.h"

#include <csignal>
#include <cstring>

#include <sys/wait.h>

namespace rayd {

ProcessStatus ProcessStatus::from_wait(int wait_status) {
  if (WIFEXITED(wait_status)) return exited(WEXITSTATUS(wait_status));
  if (WIFSIGNALED(wait_status)) return signalled(WTERMSIG(wait_status));
  return lost();
}

std::string to_string(const ProcessStatus& status) {
  switch (status.kind) {
    case ProcessStatus::Kind::kExited: return "exit status " + std::to_string(status.code);
    case ProcessStatus::Kind::kSignalled: {
      const char* name = sigabbrev_np(status.code);
      return "signal " + std::to_string(status.code) +
             (name == nullptr ? "" : " (SIG" + std::string{name} + ")");
    }
    case ProcessStatus::Kind::kLost: break;
  }
  return "an unknown end";
}

}  // namespace rayd
