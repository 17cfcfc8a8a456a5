#include "common/net/greeting.h"

#include <sys/socket.h>

#include <cstring>
#include <utility>

namespace rayd {
namespace {

constexpr const char* kSealLabel = "EXPORTER-rayd-bulk-seal";
constexpr size_t kMostDiscarded = 64 * 1024;  // of what a refused peer goes on saying

Status send_whole(TlsSession& session, const Bytes& bytes) {
  const iovec piece{const_cast<uint8_t*>(bytes.data()), bytes.size()};
  // The session takes a message this small whole, and keeps what the socket has no room for.
  const Sent sent = session.send({&piece, 1});
  if (sent.outcome == IoOutcome::kDone && sent.bytes == bytes.size()) return {};
  return Error{ErrorCode::kUnavailable, "the connection broke before the hello was through"};
}

Greeted finish(std::unique_ptr<TlsSession> session, PlainBulk plain) {
  Greeted greeted;
  greeted.seal_key = session->export_key(kSealLabel);
  if (plain == PlainBulk::kNo) greeted.tls = std::move(session);
  return greeted;
}

}  // namespace

Result<bool> HelloReader::read(TlsSession& session) {
  while (filled_ < size_) {
    const Received received = session.receive({buffer_.data() + filled_, size_ - filled_});
    switch (received.outcome) {
      case IoOutcome::kDone: break;
      case IoOutcome::kWouldBlock: return false;
      default:
        return Error{ErrorCode::kUnavailable,
                     received.outcome == IoOutcome::kEnd || received.error == 0
                         ? "it ended the connection without a word"
                         : std::string("the connection broke: ") + std::strerror(received.error)};
    }
    filled_ += received.bytes;
    if (filled_ == wire::kHelloHeaderBytes) {
      const Result<size_t> size = wire::hello_size(bytes());
      if (!size.ok()) return size.error();
      size_ = *size;
    }
  }
  return true;
}

// Server -------------------------------------------------------------------------------------

ServerGreeting::ServerGreeting(const TlsContext& context, int socket)
    : session_(std::make_unique<TlsSession>(context, socket, std::nullopt)), socket_(socket) {
  RAY_CHECK(context.side() == TlsSide::kServer);
}

Result<ServerGreeting::Want> ServerGreeting::step() {
  if (refused_) return step_refused();
  if (!shaken_) {
    const Result<Want> shaken = session_->handshake();
    if (!shaken.ok() || *shaken != Want::kNothing) return shaken;
    shaken_ = true;
  }
  if (hello_) return Want::kNothing;
  const Result<bool> whole = reader_.read(*session_);
  if (!whole.ok()) return whole.error();
  if (!*whole) return Want::kRead;
  Result<Hello> hello = wire::decode_hello(reader_.bytes());
  if (!hello.ok()) return hello.error();
  hello_.emplace(std::move(*hello));
  return Want::kNothing;
}

Status ServerGreeting::say(const HelloAnswer& answer) {
  RAY_CHECK(hello_.has_value());
  return send_whole(*session_, wire::encode(answer));
}

Result<Greeted> ServerGreeting::accept(HelloAccepted answer) {
  if (hello_->lane != Lane::kBulk || hello_->plain_bulk == PlainBulk::kNo) {
    answer.plain_bulk = PlainBulk::kNo;
  }
  const Status said = say(answer);
  if (!said.ok()) return said.error();
  if (answer.plain_bulk == PlainBulk::kYes && session_->has_output()) {
    return Error{ErrorCode::kUnavailable, "the peer does not read"};
  }
  return finish(std::move(session_), answer.plain_bulk);
}

void ServerGreeting::refuse(const HelloRefused& answer) {
  refused_ = true;
  if (say(answer).ok()) session_->say_goodbye();
}

/// Closing while the peer still sends would reset the connection, and the answer with it.
Result<ServerGreeting::Want> ServerGreeting::step_refused() {
  const Sent flushed = session_->flush();
  if (flushed.outcome == IoOutcome::kFailed) return Want::kNothing;
  if (flushed.outcome == IoOutcome::kWouldBlock) return Want::kWrite;
  ::shutdown(socket_, SHUT_WR);
  uint8_t ignored[4096];
  while (discarded_ < kMostDiscarded) {
    const Received received = receive(socket_, ignored, 0);
    if (received.outcome == IoOutcome::kWouldBlock) return Want::kRead;
    if (received.outcome != IoOutcome::kDone) break;
    discarded_ += received.bytes;
  }
  return Want::kNothing;
}

// Client -------------------------------------------------------------------------------------

ClientGreeting::ClientGreeting(const TlsContext& context, int socket, const KeyHash& pinned)
    : session_(std::make_unique<TlsSession>(context, socket, pinned)) {}

Result<ClientGreeting::Want> ClientGreeting::step(const Hello& hello) {
  if (!said_) {
    const Result<Want> shaken = session_->handshake();
    if (!shaken.ok() || *shaken != Want::kNothing) return shaken;
    const Status sent = send_whole(*session_, wire::encode(hello));
    if (!sent.ok()) return sent.error();
    said_ = true;
  }
  if (answer_) return Want::kNothing;
  const Sent flushed = session_->flush();
  if (flushed.outcome == IoOutcome::kWouldBlock) return Want::kWrite;
  const Result<bool> whole = reader_.read(*session_);
  if (!whole.ok()) return whole.error();
  if (!*whole) return Want::kRead;
  if (const Status read = read_answer(hello); !read.ok()) return read.error();
  return Want::kNothing;
}

Status ClientGreeting::read_answer(const Hello& hello) {
  Result<HelloAnswer> answer = wire::decode_hello_answer(reader_.bytes());
  if (!answer.ok()) return answer.error();
  if (const auto* accepted = std::get_if<HelloAccepted>(&*answer)) {
    const bool spoken =
        accepted->protocol >= hello.protocols.min && accepted->protocol <= hello.protocols.max;
    if (!spoken) return Error{ErrorCode::kCorrupt, "it answers in a protocol that nobody offered"};
    if (accepted->plain_bulk == PlainBulk::kYes && hello.plain_bulk == PlainBulk::kNo) {
      return Error{ErrorCode::kNotAllowed, "it wants to go on without encryption"};
    }
  }
  answer_.emplace(std::move(*answer));
  return {};
}

Greeted ClientGreeting::take() {
  RAY_CHECK(answer_ && std::holds_alternative<HelloAccepted>(*answer_));
  return finish(std::move(session_), std::get<HelloAccepted>(*answer_).plain_bulk);
}

}  // namespace rayd
