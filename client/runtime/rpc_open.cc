#include "client/runtime/rpc_open.h"

#include "common/net/rpc_client.h"
#include "common/schema/control.capnp.h"

namespace rayd::client {
namespace {

constexpr Duration kPatience = Duration::seconds(30);
constexpr uint32_t kProtocol = 1;

class Opener {
 public:
  explicit Opener(const OpenRequest& request) : request_(request) {}

  Result<std::shared_ptr<RingSession>> run() {
    auto client = RpcClient::connect(loop_, request_.socket);
    if (!client) return client.error();
    client_ = std::move(*client);
    auto daemon = client_->bootstrap<schema::Daemon>();
    auto hello = daemon.helloRequest();
    hello.setProtocol(kProtocol);
    hello.setProgram(request_.name);
    if (auto answer = client_->wait(hello.send(), kPatience); !answer) return answer.error();

    auto open = daemon.openRingsRequest();
    open.setName(request_.name);
    open.setNameSpace(request_.name_space);
    auto opened = client_->wait(open.send(), kPatience);
    if (!opened) return opened.error();
    auto memory = client_->wait(opened->getRings().openRequest().send(), kPatience);
    if (!memory) return memory.error();
    return make_session(*opened, *memory);
  }

 private:
  Result<std::shared_ptr<RingSession>> make_session(schema::Daemon::OpenRingsResults::Reader opened,
                                                    schema::Rings::OpenResults::Reader memory) {
    shm::ChannelFds fds;
    fds.client_memory = receive(memory.getClientMemory());
    fds.daemon_memory = receive(memory.getDaemonMemory());
    fds.daemon_rope = receive(memory.getDaemonRope());
    fds.client_bell = receive(memory.getClientBell());
    auto writable = receive(memory.getStoreWritable());
    auto readable = receive(memory.getStoreReadable());
    if (failure_) return *failure_;
    auto channel = shm::ChannelPeer::open(std::move(fds));
    if (!channel) return channel.error();
    auto store = StoreView::open(std::move(writable), std::move(readable));
    if (!store) return store.error();

    SessionOptions options;
    options.self = {opened.getClient().getNode(), opened.getClient().getSerial()};
    options.name_space = opened.getNameSpace();
    options.default_lifetime = request_.default_lifetime;
    options.on_shutdown = request_.on_shutdown;
    const auto image = opened.getImage();
    if (image.size() != options.image.bytes.size()) {
      return Error{ErrorCode::kCorrupt, "the daemon named this program by a hash of wrong size"};
    }
    std::copy(image.begin(), image.end(), options.image.bytes.begin());
    return std::make_shared<RingSession>(std::move(options), std::move(*channel),
                                         std::move(*store));
  }

  UniqueFd receive(schema::Descriptor::Client descriptor) {
    auto fd = client_->receive_fd(descriptor, kPatience);
    if (!fd) {
      failure_ = fd.error();
      return {};
    }
    return UniqueFd{fd->release()};
  }

  const OpenRequest& request_;
  PollLoop loop_;
  std::unique_ptr<RpcClient> client_;
  std::optional<Error> failure_;
};

}  // namespace

Result<std::shared_ptr<RingSession>> open_session(const OpenRequest& request) {
  return Opener{request}.run();
}

}  // namespace rayd::client
