// Ctrl-C as something that can be waited for: SIGINT and SIGTERM are counted, and a descriptor is
// readable while one has not been taken.
//
// One a process; made by the verbs that cancel what they started. From the second signal on the
// process may also simply end: what was asked goes on.
#pragma once

#include "common/base/unique_fd.h"

namespace rayd::cli {

class Interrupts {
 public:
  Interrupts();
  /// Restores what the signals did before.
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  int fd() const { return event_.get(); }
  /// How many came since the last time.
  int take();
  /// The last signal that came; 0: none.
  static int last_signal();

 private:
  UniqueFd event_;
};

}  // namespace rayd::cli
