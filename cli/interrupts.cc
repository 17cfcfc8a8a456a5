#include "cli/interrupts.h"

#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>

namespace rayd::cli {
namespace {

std::atomic<int> event_fd{-1};
std::atomic<int> signal_seen{0};
struct sigaction before[2];
constexpr int kSignals[] = {SIGINT, SIGTERM};

void on_signal(int number) {
  const int saved = errno;
  signal_seen.store(number);
  const uint64_t one = 1;
  static_cast<void>(!write(event_fd.load(), &one, sizeof one));
  errno = saved;
}

}  // namespace

Interrupts::Interrupts() : event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  event_fd.store(event_.get());
  struct sigaction action {};
  action.sa_handler = &on_signal;
  sigemptyset(&action.sa_mask);
  for (int i = 0; i < 2; ++i) sigaction(kSignals[i], &action, &before[i]);
}

Interrupts::~Interrupts() {
  for (int i = 0; i < 2; ++i) sigaction(kSignals[i], &before[i], nullptr);
  event_fd.store(-1);
}

int Interrupts::take() {
  uint64_t count = 0;
  if (read(event_.get(), &count, sizeof count) != sizeof count) return 0;
  return static_cast<int>(count);
}

int Interrupts::last_signal() { return signal_seen.load(); }

}  // namespace rayd::cli
