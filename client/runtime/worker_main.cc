// What a worker process does in place of its program's main (worker_entry.h).
#include <cstdio>

#include "client/runtime/executor.h"
#include "client/runtime/worker_entry.h"
#include "common/shm/worker_fds.h"
#include "ray/internal/function.h"

namespace ray::internal {
namespace {

int fail(const std::string& why) {
  std::fprintf(stderr, "rayd worker: %s\n", why.c_str());
  return 1;
}

}  // namespace

int worker_main(const WorkerFds& given) {
  using namespace rayd;
  if (given.channel.size() != shm::kWorkerFdCount) {
    return fail("got " + std::to_string(given.channel.size()) + " descriptors");
  }
  for (const std::string& clash : registration_errors()) return fail(clash);
  const auto take = [&](shm::WorkerFd which) { return UniqueFd{given.channel[which]}; };
  shm::ChannelFds fds;
  fds.client_memory = take(shm::kFdClientMemory);
  fds.daemon_memory = take(shm::kFdDaemonMemory);
  fds.daemon_rope = take(shm::kFdDaemonRope);
  fds.client_bell = take(shm::kFdClientBell);
  fds.claim_memory = take(shm::kFdClaimMemory);
  auto channel = shm::ChannelPeer::open(std::move(fds));
  if (!channel) return fail(channel.error().message);
  auto store = client::StoreView::open(take(shm::kFdStoreWritable), take(shm::kFdStoreReadable));
  if (!store) return fail(store.error().message);

  client::SessionOptions options;
  options.self = given.worker;
  const auto session = std::make_shared<client::RingSession>(
      std::move(options), std::move(*channel), std::move(*store));
  install_runtime(session);
  return client::run_executor(session, {given.channel[shm::kFdControl]});
}

}  // namespace ray::internal
