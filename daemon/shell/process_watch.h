// ProcessWatch: tells once that a process is dead, by its pidfd.
//
// Asio may end a wait on a descriptor that has nothing to say: it uses the record of a closed
// descriptor again for the next one, while events for the old one are still in its queue. A socket
// is read and found empty; here a living process would be taken for a dead one. So the pidfd itself
// is asked first.
#pragma once

#include <functional>
#include <memory>

#include "common/base/unique_fd.h"

namespace boost::asio {
class io_context;
}

namespace rayd {

class ProcessWatch {
 public:
  /// `on_dead` is called from the io_context, and may destroy the watch.
  ProcessWatch(boost::asio::io_context& io, UniqueFd pidfd, std::function<void()> on_dead);
  /// Nothing is told any more.
  ~ProcessWatch();
  ProcessWatch(const ProcessWatch&) = delete;
  ProcessWatch& operator=(const ProcessWatch&) = delete;

 private:
  struct State;
  std::shared_ptr<State> state_;  // its handlers hold it weakly
};

}  // namespace rayd
