// Opens drivers' rings beside connections that end, from several threads: `cluster_open SOCKET
// THREADS OPENINGS`. Every opening must be answered; the first that is not ends it with 1.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "common/net/rpc_client.h"
#include "common/schema/control.capnp.h"

namespace {

using namespace rayd;

constexpr Duration kPatience = Duration::seconds(20);

std::atomic<bool> failed = false;

/// A connection that opens a driver's rings and ends.
Status connect_once(const std::string& socket, const std::string& name) {
  PollLoop loop;
  auto client = RpcClient::connect(loop, socket);
  if (!client) return client.error();
  auto daemon = (*client)->bootstrap<schema::Daemon>();
  auto hello = daemon.helloRequest();
  hello.setProtocol(1);
  hello.setProgram(name);
  if (auto answer = (*client)->wait(hello.send(), kPatience); !answer) return answer.error();
  auto open = daemon.openRingsRequest();
  open.setName(name);
  if (auto answer = (*client)->wait(open.send(), kPatience); !answer) return answer.error();
  return {};
}

void open_many(const std::string& socket, int openings) {
  for (int i = 0; i < openings && !failed; ++i) {
    const Status status = connect_once(socket, "cluster_open");
    if (status.ok()) continue;
    std::fprintf(stderr, "opening %d: %s\n", i, status.error().message.c_str());
    failed = true;
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  std::vector<std::thread> threads;
  for (int i = 0; i < std::atoi(argv[2]); ++i) {
    threads.emplace_back(open_many, argv[1], std::atoi(argv[3]));
  }
  for (std::thread& thread : threads) thread.join();
  return failed ? 1 : 0;
}
