#include "client/runtime/start_hook.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

#include "client/runtime/describe.h"
#include "client/runtime/worker_entry.h"
#include "client/runtime/zygote.h"
#include "common/wire/keeper_wire.h"

namespace rayd {

namespace client {
// Absent where the hook stands alone, without the runtime.
[[gnu::weak]] int describe_main(int fd);
}  // namespace client

namespace {

enum class Role { kDriver, kZygote, kWorker, kDescribing };

// Found out before any constructor has run, so it is plain, zero-initialised data.
struct Start {
  Role role;
  int socket;                   // a zygote's, to the keeper; or where to describe oneself
  unsigned long long worker;    // a worker's name …
  int channel[kMaxChannelFds];  // … and descriptors
  int channel_size;
  char** environment;  // as it was given; the program's own setenv does not reach it
};
Start start;

/// The text after "PID:" if PID is this process: variables may leak into a child that a constructor
/// of a shared library starts, and that child is a driver like any other.
const char* mine(const char* variable) {
  const char* text = std::getenv(variable);
  if (text == nullptr) return nullptr;
  char* end = nullptr;
  const long pid = std::strtol(text, &end, 10);
  return pid == getpid() && *end == ':' ? end + 1 : nullptr;
}

/// Copies the list, not the strings, which live as long as the process.
char** copy_environment() {
  size_t size = 0;
  while (environ[size] != nullptr) ++size;
  auto** copy = static_cast<char**>(std::malloc((size + 1) * sizeof(char*)));
  if (copy != nullptr) std::memcpy(copy, environ, (size + 1) * sizeof(char*));
  return copy;
}

void read_role() {
  if (const char* text = mine(keeper::kZygoteVariable)) {
    start.role = Role::kZygote;
    start.socket = std::atoi(text);
    fcntl(start.socket, F_SETFD, FD_CLOEXEC);
  } else if (const char* worker = mine(kWorkerVariable)) {
    start.role = Role::kWorker;
    char* rest = nullptr;
    start.worker = std::strtoull(worker, &rest, 10);
    while (*rest != 0 && rest[1] != 0 && start.channel_size < kMaxChannelFds) {
      const int fd = static_cast<int>(std::strtol(rest + 1, &rest, 10));
      fcntl(fd, F_SETFD, FD_CLOEXEC);
      start.channel[start.channel_size++] = fd;
    }
  }
  const char* fd = std::getenv(client::kDescribeVariable);
  if (start.role == Role::kDriver && fd != nullptr && client::describe_main != nullptr) {
    start.role = Role::kDescribing;
    start.socket = std::atoi(fd);
    fcntl(start.socket, F_SETFD, FD_CLOEXEC);
  }
  unsetenv(keeper::kZygoteVariable);
  unsetenv(kWorkerVariable);
  unsetenv(client::kDescribeVariable);
  if (start.role == Role::kZygote) start.environment = copy_environment();
}

/// In place of main, in a zygote and in the workers it forks or executes.
int parked_main(int, char** argv, char**) {
  if (start.role == Role::kDescribing) return client::describe_main(start.socket);
  ray::internal::WorkerFds fds;
  if (start.role == Role::kZygote) {
    fds = run_zygote({UniqueFd{start.socket}, argv, start.environment});
  } else {
    fds.worker = ClientId::from_bits(start.worker);
    fds.channel.assign(start.channel, start.channel + start.channel_size);
    prepare_output();
  }
  return ray::internal::worker_main(fds);
}

}  // namespace
}  // namespace rayd

using MainFunction = int (*)(int, char**, char**);
using StartFunction = int (*)(MainFunction, int, char**, void (*)(), void (*)(), void (*)(), void*);

extern "C" [[gnu::visibility("default")]] int __libc_start_main(MainFunction main, int argc,
                                                                char** argv, void (*init)(),
                                                                void (*fini)(), void (*rtld_fini)(),
                                                                void* stack_end) {
  const auto real = reinterpret_cast<StartFunction>(dlsym(RTLD_NEXT, "__libc_start_main"));
  if (real == nullptr) {
    std::fprintf(stderr, "librayclient: the C library has no __libc_start_main: %s\n", dlerror());
    std::abort();
  }
  rayd::read_role();
  if (rayd::start.role != rayd::Role::kDriver) main = rayd::parked_main;
  return real(main, argc, argv, init, fini, rtld_fini, stack_end);
}
