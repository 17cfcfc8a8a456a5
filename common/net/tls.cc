#include "common/net/tls.h"

#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "common/net/crypto.h"
#include "common/net/openssl_keys.h"

namespace rayd {
namespace {

constexpr size_t kRecordBytes = 16 * 1024;
constexpr size_t kReadAheadBytes = 64 * 1024;
constexpr size_t kKeptMemory = 4 * 1024;         // that an idle session keeps for its output
constexpr long kMaxCertificateBytes = 4 * 1024;  // ours have about 300

/// The socket as OpenSSL sees it: it takes everything that is written, and keeps what the kernel
/// had no room for. So OpenSSL never has half a record to write, which would tie its user to
/// offering the same bytes again.
struct TlsSocket {
  int fd = -1;
  uint64_t received = 0;
  bool ended = false;        // the peer's side
  bool was_emptied = false;  // the last read found less than it had room for
  int broken = 0;            // errno
  std::vector<uint8_t> kept;
  size_t kept_sent = 0;

  bool has_kept() const { return kept_sent < kept.size(); }
  ssize_t send_some(const void* data, size_t size);
  void flush();
};

/// Returns how much the kernel took; notes a failure.
ssize_t TlsSocket::send_some(const void* data, size_t size) {
  ssize_t sent = 0;
  do {
    sent = ::send(fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent >= 0) return sent;
  if (errno != EAGAIN && errno != EWOULDBLOCK) broken = errno;
  return 0;
}

void TlsSocket::flush() {
  while (has_kept() && broken == 0) {
    const ssize_t sent = send_some(kept.data() + kept_sent, kept.size() - kept_sent);
    if (sent == 0 && broken == 0) return;
    kept_sent += static_cast<size_t>(sent);
  }
  kept_sent = 0;
  kept.clear();
  if (kept.capacity() > kKeptMemory) kept = {};
}

TlsSocket& socket_of(BIO* bio) { return *static_cast<TlsSocket*>(BIO_get_data(bio)); }

int bio_read(BIO* bio, char* space, int size) {
  TlsSocket& socket = socket_of(bio);
  BIO_clear_retry_flags(bio);
  ssize_t got = 0;
  do {
    got = ::recv(socket.fd, space, static_cast<size_t>(size), MSG_DONTWAIT);
  } while (got < 0 && errno == EINTR);
  socket.was_emptied = got < size;
  if (got > 0) {
    socket.received += static_cast<uint64_t>(got);
  } else if (got == 0) {
    socket.ended = true;
  } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
    BIO_set_retry_read(bio);
  } else {
    socket.broken = errno;
  }
  return static_cast<int>(got);
}

int bio_write(BIO* bio, const char* data, int size) {
  TlsSocket& socket = socket_of(bio);
  BIO_clear_retry_flags(bio);
  ssize_t sent = 0;
  if (!socket.has_kept()) sent = socket.send_some(data, static_cast<size_t>(size));
  if (socket.broken != 0) return -1;
  socket.kept.insert(socket.kept.end(), data + sent, data + size);
  return size;
}

long bio_control(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_EOF) return socket_of(bio).ended ? 1 : 0;
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

const BIO_METHOD* socket_method() {
  static const BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "rayd socket");
    RAY_CHECK(made != nullptr);
    BIO_meth_set_read(made, bio_read);
    BIO_meth_set_write(made, bio_write);
    BIO_meth_set_ctrl(made, bio_control);
    return made;
  }();
  return method;
}

/// Whom the peer must be and who it is.
struct PeerCheck {
  std::optional<KeyHash> pinned;
  std::optional<KeyHash> peer;
  bool is_another = false;
};

/// Stands in for OpenSSL's judgement of chains, names and dates. That the peer has the key of the
/// certificate it showed is proved by its signature, which OpenSSL checks next.
int judge_certificate(X509_STORE_CTX* store, void*) {
  const int index = SSL_get_ex_data_X509_STORE_CTX_idx();
  auto* const ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, index));
  auto& check = *static_cast<PeerCheck*>(SSL_get_app_data(ssl));
  const X509* const shown = X509_STORE_CTX_get0_cert(store);
  X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
  if (shown == nullptr) return 0;
  const Result<KeyHash> hash = key_hash_of(*shown);
  if (!hash.ok()) return 0;
  check.peer = *hash;
  check.is_another = check.pinned && *check.pinned != *hash;
  if (check.is_another) return 0;
  X509_STORE_CTX_set_error(store, X509_V_OK);
  return 1;
}

}  // namespace

struct TlsContext::Shared {
  ~Shared() { SSL_CTX_free(context); }
  SSL_CTX* context = nullptr;
};

TlsContext::TlsContext(const Identity& identity, TlsSide side)
    : shared_(std::make_unique<Shared>()), side_(side), own_(identity.hash()) {
  SSL_CTX* const context =
      SSL_CTX_new(side == TlsSide::kServer ? TLS_server_method() : TLS_client_method());
  RAY_CHECK(context != nullptr);
  shared_->context = context;
  bool ok = SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1;
  ok = ok && SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1;
  ok = ok && SSL_CTX_set_ciphersuites(context,
                                      "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256") == 1;
  ok = ok && SSL_CTX_set1_groups_list(context, "X25519") == 1;
  ok = ok && SSL_CTX_set1_sigalgs_list(context, "ed25519") == 1;
  ok = ok && SSL_CTX_use_certificate(context, identity.keys().certificate.get()) == 1;
  ok = ok && SSL_CTX_use_PrivateKey(context, identity.keys().key.get()) == 1;
  ok = ok && SSL_CTX_set_num_tickets(context, 0) == 1;
  RAY_CHECK(ok);
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION | SSL_OP_PRIORITIZE_CHACHA |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_max_early_data(context, 0);
  SSL_CTX_set_max_cert_list(context, kMaxCertificateBytes);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_cert_verify_callback(context, judge_certificate, nullptr);
}

TlsContext::~TlsContext() = default;

struct TlsSession::State {
  struct Ended {
    IoOutcome outcome = IoOutcome::kEnd;
    int error = 0;
  };

  ~State() { SSL_free(ssl); }

  /// What a failed read or write of the session means to its user.
  int cause() const {
    if (socket.broken != 0) return socket.broken;
    return socket.ended ? ECONNRESET : EPROTO;
  }

  SSL* ssl = nullptr;
  TlsSocket socket;
  PeerCheck check;
  bool read_all = false;       // nothing is left to receive until the socket has more
  bool useless = false;        // OpenSSL gave up on the session
  std::optional<Ended> ended;  // how receiving ended, told again and again
};

TlsSession::TlsSession(const TlsContext& context, int socket, const std::optional<KeyHash>& pinned)
    : state_(std::make_unique<State>()) {
  RAY_CHECK(pinned.has_value() == (context.side() == TlsSide::kClient));
  state_->ssl = SSL_new(context.shared_->context);
  BIO* const bio = BIO_new(socket_method());
  RAY_CHECK(state_->ssl != nullptr && bio != nullptr);
  state_->socket.fd = socket;
  state_->check.pinned = pinned;
  BIO_set_data(bio, &state_->socket);
  BIO_set_init(bio, 1);
  SSL_set_bio(state_->ssl, bio, bio);  // which owns it
  SSL_set_app_data(state_->ssl, &state_->check);
  if (context.side() == TlsSide::kClient) {
    SSL_set_connect_state(state_->ssl);
  } else {
    SSL_set_accept_state(state_->ssl);
  }
}

TlsSession::~TlsSession() = default;

Result<TlsSession::Want> TlsSession::handshake() {
  State& state = *state_;
  if (!state.useless) {
    openssl_reason();  // forget what others left
    const int done = SSL_do_handshake(state.ssl);
    const int reason = SSL_get_error(state.ssl, done);
    state.socket.flush();
    if (state.socket.broken == 0) {
      if (done == 1) return has_output() ? Want::kWrite : Want::kNothing;
      if (reason == SSL_ERROR_WANT_READ) return has_output() ? Want::kWrite : Want::kRead;
    }
    state.useless = true;
  }
  const std::string said = openssl_reason();
  if (state.check.is_another) {
    return Error{ErrorCode::kNotAllowed, "it has the identity " + short_name(*state.check.peer) +
                                             "…, not " + short_name(*state.check.pinned) + "…"};
  }
  if (state.socket.broken != 0) {
    return Error{ErrorCode::kUnavailable,
                 std::string("the connection broke: ") + std::strerror(state.socket.broken)};
  }
  if (state.socket.ended) {
    return Error{ErrorCode::kUnavailable, "it ended the connection in the middle of the handshake"};
  }
  return Error{ErrorCode::kCorrupt, "no handshake of ours (" + said + ")"};
}

uint64_t TlsSession::received_bytes() const { return state_->socket.received; }

const KeyHash& TlsSession::peer() const {
  RAY_CHECK(state_->check.peer && SSL_is_init_finished(state_->ssl));
  return *state_->check.peer;
}

std::array<uint8_t, 32> TlsSession::export_key(const std::string& label) const {
  std::array<uint8_t, 32> key;
  RAY_CHECK(SSL_export_keying_material(state_->ssl, key.data(), key.size(), label.data(),
                                       label.size(), nullptr, 0, 0) == 1);
  return key;
}

Received TlsSession::receive(std::span<uint8_t> space) {
  State& state = *state_;
  Received received;
  state.read_all = false;
  while (received.bytes < space.size()) {
    if (state.ended) {
      if (received.bytes > 0) return received;
      received.outcome = state.ended->outcome;
      received.error = state.ended->error;
      return received;
    }
    openssl_reason();
    size_t got = 0;
    const int done =
        SSL_read_ex(state.ssl, space.data() + received.bytes, space.size() - received.bytes, &got);
    if (done == 1) {
      received.bytes += got;
      // The system call that would only say that there is no more is worth being saved.
      if (!state.socket.was_emptied || SSL_has_pending(state.ssl) == 1) continue;
      state.read_all = true;
      return received;
    }
    const int reason = SSL_get_error(state.ssl, done);
    if (reason == SSL_ERROR_WANT_READ) {
      state.read_all = true;
      if (received.bytes == 0) received.outcome = IoOutcome::kWouldBlock;
      return received;
    }
    if (reason == SSL_ERROR_ZERO_RETURN) {
      state.ended = State::Ended{IoOutcome::kEnd, 0};
    } else {
      state.ended = State::Ended{IoOutcome::kFailed, state.cause()};
      state.useless = true;
    }
  }
  return received;
}

Sent TlsSession::send(std::span<const iovec> pieces) {
  Sent sent = flush();
  if (sent.outcome != IoOutcome::kDone) return sent;
  uint8_t gathered[kRecordBytes];
  size_t offset = 0;  // in the first of the pieces left
  while (!pieces.empty() && !has_output()) {
    const auto* const first = static_cast<const uint8_t*>(pieces[0].iov_base) + offset;
    std::span<const uint8_t> record{first, pieces[0].iov_len - offset};
    if (record.size() >= kRecordBytes || pieces.size() == 1) {
      record = record.first(std::min(record.size(), kRecordBytes));
      offset += record.size();
    } else {
      size_t filled = 0;
      while (!pieces.empty() && filled < kRecordBytes) {
        const size_t take = std::min(pieces[0].iov_len - offset, kRecordBytes - filled);
        std::memcpy(gathered + filled, static_cast<const uint8_t*>(pieces[0].iov_base) + offset,
                    take);
        filled += take;
        offset += take;
        if (offset < pieces[0].iov_len) break;
        pieces = pieces.subspan(1);
        offset = 0;
      }
      record = {gathered, filled};
    }
    if (!pieces.empty() && offset == pieces[0].iov_len) {
      pieces = pieces.subspan(1);
      offset = 0;
    }
    if (record.empty()) continue;
    const Sent taken = give_to_openssl(record);
    if (taken.outcome != IoOutcome::kDone) return sent.bytes > 0 ? sent : taken;
    sent.bytes += record.size();
  }
  return sent;
}

/// One record; all of it or a failure.
Sent TlsSession::give_to_openssl(std::span<const uint8_t> record) {
  State& state = *state_;
  if (!state.useless) {
    openssl_reason();
    size_t written = 0;
    if (SSL_write_ex(state.ssl, record.data(), record.size(), &written) == 1) {
      return {IoOutcome::kDone, written, 0};
    }
    state.useless = true;
  }
  return {IoOutcome::kFailed, 0, state.socket.broken != 0 ? state.socket.broken : EPIPE};
}

bool TlsSession::has_output() const { return state_->socket.has_kept(); }

Sent TlsSession::flush() {
  state_->socket.flush();
  if (state_->socket.broken != 0) return {IoOutcome::kFailed, 0, state_->socket.broken};
  return {has_output() ? IoOutcome::kWouldBlock : IoOutcome::kDone, 0, 0};
}

void TlsSession::say_goodbye() {
  if (state_->useless || !SSL_is_init_finished(state_->ssl)) return;
  openssl_reason();
  SSL_shutdown(state_->ssl);
  openssl_reason();
}

void TlsSession::start_streaming() {
  SSL_set_default_read_buffer_len(state_->ssl, kReadAheadBytes);
  SSL_set_read_ahead(state_->ssl, 1);
}

bool TlsSession::may_have_more() const { return !state_->read_all; }

}  // namespace rayd
