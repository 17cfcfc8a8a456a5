// TLS 1.3 between machines that know each other by key, over a non-blocking socket and without a
// loop: handshake, receive and send go as far as the socket lets them and say what they wait for.
//
// Both sides show a self-signed Ed25519 certificate and prove to have its key. There is no
// authority and nothing else in a certificate counts: a client pins the hash of the server's key
// and sends nothing to another; a server learns the client's, and whoever holds the session judges
// it. No tickets, no resumption, no early data: a recorded handshake is of no use to anybody.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "common/base/result.h"
#include "common/net/identity.h"
#include "common/net/socket_io.h"
#include "common/types/identity.h"

namespace rayd {

enum class TlsSide : bool { kClient, kServer };

/// What all sessions of one identity share, on one side. Immutable; any thread.
class TlsContext {
 public:
  TlsContext(const Identity& identity, TlsSide side);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  TlsSide side() const { return side_; }
  const KeyHash& own() const { return own_; }

 private:
  friend class TlsSession;
  struct Shared;

  std::unique_ptr<Shared> shared_;
  TlsSide side_;
  KeyHash own_;
};

/// One connection's session. The socket is its user's, who keeps it open, non-blocking, for as long
/// as the session lives. One thread at a time.
class TlsSession {
 public:
  enum class Want { kNothing, kRead, kWrite };

  /// A client's `pinned` is whom it wants to talk to; a server's is nothing: anybody may ask.
  TlsSession(const TlsContext& context, int socket, const std::optional<KeyHash>& pinned);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  /// kNothing: it is done; else what to wait for before calling again. kNotAllowed: the server has
  /// another key than the pinned; kCorrupt: that is no peer of ours (garbage, another version,
  /// no certificate); kUnavailable: the connection broke.
  Result<Want> handshake();
  /// Bytes that came from the peer so far: 0 tells a silent one.
  uint64_t received_bytes() const;
  /// Whose key the peer proved to have. Precondition: the handshake is done.
  const KeyHash& peer() const;
  /// 32 bytes that both sides of this session derive alike and nobody else can.
  std::array<uint8_t, 32> export_key(const std::string& label) const;

  /// As a ByteStream's. Before start_streaming() nothing beyond the record that is needed is taken
  /// from the socket.
  Received receive(std::span<uint8_t> space);
  /// Data that was accepted and that the socket had no room for is kept: see has_output().
  Sent send(std::span<const iovec> pieces);
  /// Whether flush() is needed once the socket can be written.
  bool has_output() const;
  /// kDone: nothing is kept any more; kWouldBlock; kFailed.
  Sent flush();
  /// Says goodbye, behind all that was sent; then the socket's sending side may be shut down.
  void say_goodbye();

  /// From here on it may read ahead, for many small messages with one system call.
  void start_streaming();
  /// Whether receive() may have more although the socket has not: its last call filled all space.
  bool may_have_more() const;

 private:
  struct State;

  Sent give_to_openssl(std::span<const uint8_t> bytes);

  std::unique_ptr<State> state_;
};

}  // namespace rayd
