#include "daemon/shell/rpc_session.h"

#include <cstring>

#include "common/wire/hot_lane.h"
#include "daemon/shell/rpc_poll.h"
#include "daemon/shell/rpc_values.h"

namespace rayd::shell {
namespace {

class DescriptorServer final : public schema::Descriptor::Server {
 public:
  explicit DescriptorServer(shm::UniqueFd fd) : fd_(std::move(fd)) {}
  kj::Maybe<int> getFd() override { return fd_.get(); }

 private:
  shm::UniqueFd fd_;
};

class RingsServer final : public schema::Rings::Server {
 public:
  explicit RingsServer(OpenedRings&& opened) : opened_(std::move(opened)) {}

  kj::Promise<void> open(OpenContext context) override {
    if (!opened_.channel.client_memory.valid()) {
      throw_error({ErrorCode::kInvalidArgument, "the rings were opened before"});
    }
    auto results = context.getResults();
    results.setClientMemory(descriptor(opened_.channel.client_memory));
    results.setDaemonMemory(descriptor(opened_.channel.daemon_memory));
    results.setDaemonRope(descriptor(opened_.channel.daemon_rope));
    results.setClientBell(descriptor(opened_.channel.client_bell));
    results.setStoreWritable(descriptor(opened_.store_writable));
    results.setStoreReadable(descriptor(opened_.store_readable));
    return kj::READY_NOW;
  }

 private:
  static schema::Descriptor::Client descriptor(shm::UniqueFd& fd) {
    return kj::heap<DescriptorServer>(std::move(fd));
  }

  OpenedRings opened_;
};

class SessionServer final : public schema::Session::Server {
 public:
  SessionServer(boost::asio::io_context& io, std::unique_ptr<RemoteSession> session)
      : io_(io), session_(std::move(session)) {}

  kj::Promise<void> send(SendContext context) override {
    for (const auto data : context.getParams().getMessages()) {
      std::vector<uint64_t> words((data.size() + 7) / 8);
      std::memcpy(words.data(), data.begin(), data.size());
      auto message = wire::decode_client_message(
          {reinterpret_cast<const uint8_t*>(words.data()), data.size()}, session_->client());
      throw_unless(session_->send(value_or_throw(std::move(message))));
    }
    return kj::READY_NOW;
  }

  kj::Promise<void> receive(ReceiveContext context) override {
    const auto subscribe = [this](LongPoll::Wake wake) -> LongPoll::Undo {
      session_->on_answers(std::move(wake));
      return [] {};  // a wake whose poll is gone does nothing
    };
    return LongPoll::wait(io_, context.getParams().getMaxWaitMs(), subscribe)
        .then([this, context]() mutable {
          const std::vector<ClientAnswer> answers = session_->take_answers();
          auto list = context.getResults().initAnswers(static_cast<unsigned>(answers.size()));
          for (unsigned i = 0; i < list.size(); ++i) {
            const ByteSpan bytes = value_or_throw(encoder_.encode(answers[i]));
            list.set(i, {bytes.data(), bytes.size()});
          }
        });
  }

 private:
  boost::asio::io_context& io_;
  std::unique_ptr<RemoteSession> session_;
  wire::Encoder encoder_;
};

}  // namespace

kj::Own<schema::Rings::Server> make_rings(OpenedRings&& opened) {
  return kj::heap<RingsServer>(std::move(opened));
}

kj::Own<schema::Session::Server> make_session(boost::asio::io_context& io,
                                              std::unique_ptr<RemoteSession> session) {
  return kj::heap<SessionServer>(io, std::move(session));
}

}  // namespace rayd::shell
