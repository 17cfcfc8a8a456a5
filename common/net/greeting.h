// The beginning of a connection, on either side, without a loop: the handshake of TLS, and a hello
// inside of it (common/schema/hello.capnp).
//
//   client   handshake ── hello ──▶ … answer ──▶ Link
//   server   handshake ── hello ──▶ its user judges ── accept() ──▶ Link
//                                                   └─ refuse() ──▶ say it, wait until it was read
//
// step() goes as far as the socket lets it and says what to wait for. The socket is its user's, and
// non-blocking.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <variant>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/net/bulk_seal.h"
#include "common/net/tls.h"
#include "common/types/hello.h"
#include "common/wire/hello_wire.h"

namespace rayd {

/// What is left of a greeting once it has succeeded: the session, if the connection keeps it.
struct Greeted {
  std::unique_ptr<TlsSession> tls;
  SealKey seal_key{};
};

/// Reads one message of hello.capnp's framing and not a byte more.
class HelloReader {
 public:
  /// True: bytes() is whole. kUnavailable when the peer left; kCorrupt when it is no hello.
  Result<bool> read(TlsSession& session);
  ByteSpan bytes() const { return {buffer_.data(), filled_}; }

 private:
  std::array<uint8_t, wire::kMaxHelloBytes> buffer_;
  size_t filled_ = 0;
  size_t size_ = wire::kHelloHeaderBytes;
};

class ServerGreeting {
 public:
  using Want = TlsSession::Want;

  ServerGreeting(const TlsContext& context, int socket);

  /// kNothing: the hello is there to be judged; after refuse(): all is said and read. Errors as
  /// handshake() has them, and kCorrupt for what is no hello.
  Result<Want> step();
  /// The peer sent nothing at all yet.
  bool is_silent() const { return session_->received_bytes() == 0; }

  // Once step() returned kNothing.
  const KeyHash& peer() const { return session_->peer(); }
  const Hello& hello() const { return *hello_; }
  /// kUnavailable when the peer is gone. `answer.plain_bulk` is kept only if the hello asked for it
  /// on the bulk lane.
  Result<Greeted> accept(HelloAccepted answer);
  /// Then step() goes on.
  void refuse(const HelloRefused& answer);

 private:
  Status say(const HelloAnswer& answer);
  Result<Want> step_refused();

  std::unique_ptr<TlsSession> session_;
  HelloReader reader_;
  std::optional<Hello> hello_;
  bool shaken_ = false;
  bool refused_ = false;
  int socket_ = -1;
  size_t discarded_ = 0;
};

class ClientGreeting {
 public:
  using Want = TlsSession::Want;

  ClientGreeting(const TlsContext& context, int socket, const KeyHash& pinned);

  /// kNothing: the answer is there. The hello is sent only to the pinned. Errors as ServerGreeting.
  Result<Want> step(const Hello& hello);
  const HelloAnswer& answer() const { return *answer_; }
  /// Once the answer is there and accepts.
  Greeted take();

 private:
  Status read_answer(const Hello& hello);

  std::unique_ptr<TlsSession> session_;
  HelloReader reader_;
  std::optional<HelloAnswer> answer_;
  bool said_ = false;
};

}  // namespace rayd
