#include "daemon/shell/rpc_session.h"

#include <algorithm>
#include <cstring>

#include "common/wire/hot_lane.h"
#include "daemon/shell/rpc_poll.h"
#include "daemon/shell/rpc_values.h"

namespace rayd::shell {
namespace {

constexpr uint32_t kMaxWaitMs = 60'000;
constexpr uint32_t kMaxReadBytes = 4 << 20;

class DescriptorServer final : public schema::Descriptor::Server {
 public:
  explicit DescriptorServer(UniqueFd fd) : fd_(std::move(fd)) {}
  kj::Maybe<int> getFd() override { return fd_.get(); }

 private:
  UniqueFd fd_;
};

class RingsServer final : public schema::Rings::Server {
 public:
  explicit RingsServer(OpenedRings&& opened) : opened_(std::move(opened)) {}

  kj::Promise<void> open(OpenContext context) override {
    if (!opened_.channel.client_memory) {
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
  static schema::Descriptor::Client descriptor(UniqueFd& fd) {
    return kj::heap<DescriptorServer>(std::move(fd));
  }

  OpenedRings opened_;
};

class SessionServer final : public schema::Session::Server {
 public:
  SessionServer(boost::asio::io_context& io, std::shared_ptr<RemoteSession> session)
      : io_(io), session_(std::move(session)) {}
  ~SessionServer() { session_->on_connection_gone(); }

  kj::Promise<void> send(SendContext context) override {
    throw_unless(session_->touch());
    const auto params = context.getParams();
    uint64_t number = params.getFirst();
    for (const auto data : params.getMessages()) {
      const uint64_t next = session_->taken() + 1;
      if (number > next || !session_->has_room()) break;
      if (number++ < next) continue;  // it came before
      throw_unless(session_->take(read_message(data)));
    }
    context.getResults().setTaken(session_->taken());
    return kj::READY_NOW;
  }

  kj::Promise<void> receive(ReceiveContext context) override {
    throw_unless(session_->touch());
    const uint64_t after = context.getParams().getAfter();
    value_or_throw(session_->answers(after));  // forgets what has arrived
    const auto subscribe = [this, after](LongPoll::Wake wake) -> LongPoll::Undo {
      session_->on_answers(after, std::move(wake));
      return [] {};  // a wake whose poll is gone does nothing
    };
    const uint32_t max_wait_ms = std::min(context.getParams().getMaxWaitMs(), kMaxWaitMs);
    return LongPoll::wait(io_, max_wait_ms, subscribe).then([this, context, after]() mutable {
      const RemoteSession::Answers got = value_or_throw(session_->answers(after));
      auto results = context.getResults();
      results.setFirst(got.first);
      results.setFinished(got.finished);
      auto list = results.initAnswers(static_cast<unsigned>(got.answers.size()));
      for (unsigned i = 0; i < list.size(); ++i) {
        const ByteSpan bytes = value_or_throw(encoder_.encode(got.answers[i]));
        list.set(i, {bytes.data(), bytes.size()});
      }
    });
  }

  kj::Promise<void> reserve(ReserveContext context) override {
    throw_unless(session_->touch());
    PromisedCallback<uint64_t> reserved;
    const auto params = context.getParams();
    session_->reserve(params.getValue(), params.getBytes(), reserved.callback());
    return reserved.take();
  }

  kj::Promise<void> write(WriteContext context) override {
    throw_unless(session_->touch());
    const auto params = context.getParams();
    const auto bytes = params.getBytes();
    throw_unless(
        session_->write(params.getValue(), params.getOffset(), {bytes.begin(), bytes.size()}));
    return kj::READY_NOW;
  }

  kj::Promise<void> read(ReadContext context) override {
    throw_unless(session_->touch());
    const auto params = context.getParams();
    ObjectId object;
    object.high = params.getObject().getHigh();
    object.low = params.getObject().getLow();
    const uint64_t most = std::min(params.getMaxBytes(), kMaxReadBytes);
    const ByteSpan bytes = value_or_throw(session_->read(object, params.getOffset(), most));
    context.getResults().setBytes({bytes.data(), bytes.size()});
    return kj::READY_NOW;
  }

  kj::Promise<void> end(EndContext) override {
    session_->end();
    return kj::READY_NOW;
  }

 private:
  ClientMessage read_message(capnp::Data::Reader data) {
    std::vector<uint64_t> words((data.size() + 7) / 8);
    std::memcpy(words.data(), data.begin(), data.size());
    return value_or_throw(wire::decode_client_message(
        {reinterpret_cast<const uint8_t*>(words.data()), data.size()}, session_->client()));
  }

  boost::asio::io_context& io_;
  std::shared_ptr<RemoteSession> session_;
  wire::Encoder encoder_;
};

}  // namespace

kj::Own<schema::Rings::Server> make_rings(OpenedRings&& opened) {
  return kj::heap<RingsServer>(std::move(opened));
}

kj::Own<schema::Session::Server> make_session(boost::asio::io_context& io,
                                              std::shared_ptr<RemoteSession> session) {
  return kj::heap<SessionServer>(io, std::move(session));
}

}  // namespace rayd::shell
