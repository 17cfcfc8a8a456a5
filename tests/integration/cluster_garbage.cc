// A client elsewhere that has a token and says what no client of ours would: every call is refused
// with its reason, and the daemon serves on. RAY_ADDRESS and RAYD_TOKEN say where.
#include <cstdlib>
#include <iostream>
#include <string>

#include "common/net/head_dial.h"
#include "common/net/rpc_client.h"
#include "common/schema/control.capnp.h"

using namespace rayd;

namespace {

constexpr Duration kPatience = Duration::seconds(30);

std::unique_ptr<HeadDial> head() {
  auto access = parse_head_access(std::getenv("RAY_ADDRESS"), std::getenv("RAYD_TOKEN"));
  if (!access) return nullptr;
  return std::make_unique<HeadDial>(*access, Identity::make_ephemeral(), "garbage");
}

/// A connection of its own, and a session that may be resumed.
class Guest {
 public:
  explicit Guest(PollLoop& loop) : loop_(loop), head_(head()) {
    auto link = head_->dial(kPatience);
    if (!link) fail("no connection: " + link.error().message);
    rpc_ = std::make_unique<RpcClient>(loop_, attach_link(loop_, std::move(*link)));
  }
  schema::Daemon::Client daemon() { return rpc_->bootstrap<schema::Daemon>(); }
  auto open() {
    auto request = daemon().openSessionRequest();
    request.setName("garbage");
    request.setResumable(true);
    auto opened = rpc_->wait(request.send(), kPatience);
    if (!opened) fail("no session: " + opened.error().message);
    return std::move(*opened);
  }
  template <class T>
  void refused(T&& promise, const std::string& what) {
    const auto answer = rpc_->wait(promise.ignoreResult(), kPatience);
    if (answer.ok()) fail(what + " was not refused");
    if (answer.error().code == ErrorCode::kUnavailable) {
      fail(what + " broke the connection: " + answer.error().message);
    }
  }
  RpcClient& rpc() { return *rpc_; }
  [[noreturn]] static void fail(const std::string& why) {
    std::cerr << why << std::endl;
    std::exit(1);
  }

 private:
  PollLoop& loop_;
  std::unique_ptr<HeadDial> head_;
  std::unique_ptr<RpcClient> rpc_;
};

void send_garbage(Guest& guest, schema::Session::Client session) {
  uint64_t chance = 7;
  for (int round = 0; round < 300; ++round) {
    auto request = session.sendRequest();
    request.setFirst(1);
    std::string bytes(static_cast<size_t>(round), '\0');
    for (char& byte : bytes)
      byte = static_cast<char>((chance = chance * 6364136223846793005 + 1) >> 56);
    request.initMessages(1).set(0, {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
    const auto answer = guest.rpc().wait(request.send(), kPatience);
    if (!answer && answer.error().code == ErrorCode::kUnavailable) Guest::fail("garbage broke it");
  }
}

}  // namespace

int main() {
  PollLoop loop;
  Guest guest{loop};
  auto opened = guest.open();
  schema::Session::Client session = opened.getSession();
  send_garbage(guest, session);

  auto after = session.receiveRequest();
  after.setAfter(1'000'000);
  guest.refused(after.send(), "an answer that was not given");
  auto reserve = session.reserveRequest();
  reserve.setValue(1);
  reserve.setBytes(UINT64_MAX);
  guest.refused(reserve.send(), "room for more than there is");
  auto write = session.writeRequest();
  write.setValue(9);
  write.setOffset(UINT64_MAX - 3);
  guest.refused(write.send(), "a part of nothing");
  auto read = session.readRequest();
  read.getObject().setHigh(1);
  read.getObject().setLow(1);
  guest.refused(read.send(), "an object of others");

  Guest stranger{loop};  // another key
  auto resume = stranger.daemon().resumeSessionRequest();
  resume.setClient(opened.getClient());
  stranger.refused(resume.send(), "resuming another's session");

  const auto status = guest.rpc().wait(guest.daemon().statusRequest().send(), kPatience);
  if (!status) Guest::fail("the daemon is not well: " + status.error().message);
  return 0;
}
