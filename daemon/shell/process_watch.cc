#include "daemon/shell/process_watch.h"

#include <poll.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <utility>

namespace rayd {
namespace {

bool is_readable(int fd) {
  pollfd asked{fd, POLLIN, 0};
  return poll(&asked, 1, 0) > 0;
}

}  // namespace

struct ProcessWatch::State : std::enable_shared_from_this<State> {
  State(boost::asio::io_context& io, UniqueFd pidfd, std::function<void()> on_dead)
      : process(io, pidfd.get()), on_dead(std::move(on_dead)) {
    pidfd.release();  // the descriptor object has it
  }

  void wait() {
    process.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                       [weak = weak_from_this()](const boost::system::error_code& error) {
                         const auto self = weak.lock();
                         if (error || self == nullptr) return;
                         if (!is_readable(self->process.native_handle())) return self->wait();
                         self->on_dead();
                       });
  }

  boost::asio::posix::stream_descriptor process;
  std::function<void()> on_dead;
};

ProcessWatch::ProcessWatch(boost::asio::io_context& io, UniqueFd pidfd,
                           std::function<void()> on_dead)
    : state_(std::make_shared<State>(io, std::move(pidfd), std::move(on_dead))) {
  state_->wait();
}

ProcessWatch::~ProcessWatch() = default;

}  // namespace rayd
