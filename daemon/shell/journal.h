// The head's journal: SQLite in WAL mode with full synchronisation, one exclusive connection, on a
// thread of its own. Rows are keyed, the latest wins. Records that arrive while a commit runs go
// into the next one (group commit).
//
// It holds the cluster's membership (epoch, ordinals), nodes, modules and jobs. Actors end with the
// head's process: their rows are counted and committed in order, and not kept.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/types/head_io.h"

namespace rayd::shell {

class Journal {
 public:
  /// Opens or creates. Throws std::runtime_error: unreadable, locked by another daemon, or written
  /// by a newer version.
  explicit Journal(const std::string& path);
  /// Commits what is queued.
  ~Journal();

  /// Before start(): everything that is there.
  std::vector<JournalRow> load();

  /// `on_committed(n)` is called on the journal's thread; `on_failed` once if the disk refuses, and
  /// nothing is committed after it.
  void start(std::function<void(uint64_t)> on_committed,
             std::function<void(std::string)> on_failed);
  /// From the control thread.
  void append(uint64_t number, JournalRow row);

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace rayd::shell
