// Prints what a daemon says of itself as one JSON object: `cluster_state SOCKET`. It needs nothing
// of the command line, so that what the tests look with is not what they look at.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "common/net/rpc_client.h"
#include "common/schema/control.capnp.h"

namespace {

using namespace rayd;

constexpr Duration kPatience = Duration::seconds(30);

template <class T>
T value_or_exit(Result<T> result) {
  if (result) return std::move(*result);
  std::fprintf(stderr, "cluster_state: %s\n", result.error().message.c_str());
  std::exit(1);
}

void print_list(RpcClient& client, schema::Daemon::Client daemon, const char* kind) {
  auto request = daemon.listRequest();
  request.setKind(kind);
  const auto answer = value_or_exit(client.wait(request.send(), kPatience));
  std::printf(", \"%s\": [", kind);
  const char* between = "";
  for (const auto item : answer.getItems()) {
    std::printf("%s{\"id\": \"%s\"", between, item.getId().cStr());
    for (const auto field : item.getFields()) {
      std::printf(", \"%s\": %s", field.getKey().cStr(), field.getJson().cStr());
    }
    std::printf("}");
    between = ", ";
  }
  std::printf("]");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  PollLoop loop;
  const auto client = value_or_exit(RpcClient::connect(loop, argv[1]));
  auto daemon = client->bootstrap<schema::Daemon>();
  auto hello = daemon.helloRequest();
  hello.setProtocol(1);
  hello.setProgram("cluster_state");
  value_or_exit(client->wait(hello.send(), kPatience));
  const auto answer = value_or_exit(client->wait(daemon.statusRequest().send(), kPatience));
  const auto status = answer.getStatus();
  std::printf("{\"store_used\": %llu, \"store_capacity\": %llu",
              static_cast<unsigned long long>(status.getStoreUsedBytes()),
              static_cast<unsigned long long>(status.getStoreCapacityBytes()));
  for (const char* kind : {"nodes", "jobs", "tasks", "actors", "objects", "workers"}) {
    print_list(*client, daemon, kind);
  }
  std::printf("}\n");
  return 0;
}
