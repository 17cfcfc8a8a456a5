#include "daemon/shell/process_watch.h"

#include <signal.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <memory>

#include "common/base/process_tree.h"
#include "tests/unit/catch.h"

using namespace rayd;

namespace {

using Descriptor = boost::asio::posix::stream_descriptor;

/// A process that waits to be killed.
struct Child {
  Child() : pid(fork()) {
    if (pid == 0) {
      for (;;) pause();
    }
  }
  ~Child() {
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
  }
  pid_t pid;
};

std::unique_ptr<Descriptor> ringing_descriptor(boost::asio::io_context& io) {
  return std::make_unique<Descriptor>(io, eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
}

}  // namespace

TEST_CASE("the death of a process is told once") {
  boost::asio::io_context io;
  int deaths = 0;
  auto child = std::make_unique<Child>();
  const ProcessWatch watch{io, open_pidfd(child->pid), [&] { ++deaths; }};
  io.poll();
  CHECK(deaths == 0);
  kill(child->pid, SIGKILL);
  while (deaths == 0) io.run_one();
  io.restart();
  io.poll();
  CHECK(deaths == 1);
}

TEST_CASE("a watch that is gone tells nothing") {
  boost::asio::io_context io;
  int deaths = 0;
  auto child = std::make_unique<Child>();
  auto watch = std::make_unique<ProcessWatch>(io, open_pidfd(child->pid), [&] { ++deaths; });
  kill(child->pid, SIGKILL);
  waitid(P_PID, static_cast<id_t>(child->pid), nullptr, WEXITED | WNOWAIT);
  watch.reset();
  io.poll();
  CHECK(deaths == 0);
}

TEST_CASE("an event of a closed descriptor is not the death of the next process") {
  boost::asio::io_context io;
  int deaths = 0;
  Child child;
  // Both ring at once. Whichever is heard first closes the other, whose event is in Asio's queue by
  // then, and watches the process: by the record of the descriptor that it closed.
  auto first = ringing_descriptor(io);
  auto second = ringing_descriptor(io);
  std::unique_ptr<ProcessWatch> watch;
  const auto on_ring = [&](std::unique_ptr<Descriptor>& other) {
    if (watch) return;
    other.reset();
    watch = std::make_unique<ProcessWatch>(io, open_pidfd(child.pid), [&] { ++deaths; });
  };
  first->async_wait(Descriptor::wait_read, [&](const auto&) { on_ring(second); });
  second->async_wait(Descriptor::wait_read, [&](const auto&) { on_ring(first); });
  io.poll();
  REQUIRE(watch != nullptr);
  CHECK(deaths == 0);
  kill(child.pid, SIGKILL);
  while (deaths == 0) io.run_one();
  CHECK(deaths == 1);
}
