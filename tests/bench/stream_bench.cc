// What the network and OpenSSL allow here: bytes through plain TCP connections, and through TLS
// connections with the cipher that daemons use. What transfers between nodes are compared with.
//
//   stream_bench serve ADDRESS             prints its port, serves until standard input ends
//   stream_bench ask ADDRESS:PORT BYTES TIMES [STREAMS]   prints a JSON line for tcp and for tls
//
// Blocking sockets, a thread for each connection at either end, from memory to memory that was
// touched before: as little as a transfer can do. `ask` is timed from the request to the last byte.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>

#include <csignal>
#include <cstring>
#include <memory>
#include <string_view>

#include "tests/bench/figures.h"

namespace rayd::bench {
namespace {

constexpr uint8_t kPlain = 0;
constexpr uint8_t kTls = 1;
constexpr size_t kMost = size_t{2} << 30;
/// As large a piece as a daemon's window: a connection's bytes in one call.
constexpr size_t kPiece = size_t{4} << 20;

[[noreturn]] void give_up(const char* what) {
  std::fprintf(stderr, "stream_bench: %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

struct Closing {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509* certificate) const { X509_free(certificate); }
};
template <class T>
using Owned = std::unique_ptr<T, Closing>;

Owned<SSL_CTX> make_context(const SSL_METHOD* method) {
  Owned<SSL_CTX> context(SSL_CTX_new(method));
  const bool good = SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION) == 1 &&
                    SSL_CTX_set_ciphersuites(context.get(), "TLS_AES_128_GCM_SHA256") == 1;
  require(good, "a TLS context");
  return context;
}

Owned<SSL_CTX> make_server_context() {
  auto context = make_context(TLS_server_method());
  const Owned<EVP_PKEY> key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  const Owned<X509> certificate(X509_new());
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 86'400);
  const bool good = X509_set_pubkey(certificate.get(), key.get()) == 1 &&
                    X509_sign(certificate.get(), key.get(), nullptr) > 0 &&
                    SSL_CTX_use_certificate(context.get(), certificate.get()) == 1 &&
                    SSL_CTX_use_PrivateKey(context.get(), key.get()) == 1;
  require(good, "a certificate");
  return context;
}

/// One connection, plain or not.
class Stream {
 public:
  explicit Stream(int socket) : socket_(socket) {
    const int yes = 1;
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  }
  ~Stream() { close(socket_); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  void start_tls(SSL_CTX& context, int (*handshake)(SSL*)) {
    tls_.reset(SSL_new(&context));
    SSL_set_fd(tls_.get(), socket_);
    require(handshake(tls_.get()) == 1, "a TLS handshake");
  }
  bool read(void* to, size_t bytes) {
    auto* at = static_cast<uint8_t*>(to);
    while (bytes > 0) {
      size_t got = 0;
      if (tls_ != nullptr) {
        if (SSL_read_ex(tls_.get(), at, bytes, &got) != 1) return false;
      } else {
        const ssize_t n = recv(socket_, at, bytes, 0);
        if (n <= 0) return false;
        got = static_cast<size_t>(n);
      }
      at += got;
      bytes -= got;
    }
    return true;
  }
  bool write(const void* from, size_t bytes) {
    const auto* at = static_cast<const uint8_t*>(from);
    while (bytes > 0) {
      size_t put = 0;
      const size_t piece = std::min(bytes, kPiece);
      if (tls_ != nullptr) {
        if (SSL_write_ex(tls_.get(), at, piece, &put) != 1) return false;
      } else {
        const ssize_t n = send(socket_, at, piece, MSG_NOSIGNAL);
        if (n <= 0) return false;
        put = static_cast<size_t>(n);
      }
      at += put;
      bytes -= put;
    }
    return true;
  }

 private:
  int socket_;
  Owned<SSL> tls_;
};

sockaddr_in address_of(const std::string& host, uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  if (inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) give_up("no such address");
  return address;
}

// ---- the serving end ----------------------------------------------------------------------------

/// Says how it goes on, then for every length that comes that many bytes.
void serve_one(int socket, SSL_CTX& context) {
  Stream stream(socket);
  uint8_t mode = kPlain;
  if (!stream.read(&mode, 1)) return;
  if (mode == kTls) stream.start_tls(context, SSL_accept);
  std::vector<char> bytes;
  uint64_t length = 0;
  while (stream.read(&length, sizeof length) && length <= kMost) {
    if (bytes.size() < length) bytes.resize(length, 'x');
    if (!stream.write(bytes.data(), length)) return;
  }
}

int serve(const std::string& host) {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = address_of(host, 0);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(listener, generic, size) != 0 || listen(listener, 16) != 0) give_up("listen");
  getsockname(listener, generic, &size);
  std::printf("%d\n", ntohs(address.sin_port));
  std::fflush(stdout);
  const auto context = make_server_context();
  std::thread([] {
    while (std::getchar() != EOF) continue;
    std::_Exit(0);
  }).detach();
  for (;;) {
    const int socket = accept(listener, nullptr, nullptr);
    if (socket >= 0) std::thread(serve_one, socket, std::ref(*context)).detach();
  }
}

// ---- the asking end -----------------------------------------------------------------------------

class Asker {
 public:
  Asker(const sockaddr_in& address, uint8_t mode, size_t streams) {
    context_ = make_context(TLS_client_method());
    for (size_t i = 0; i < streams; ++i) {
      const int made = socket(AF_INET, SOCK_STREAM, 0);
      if (connect(made, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        give_up("connect");
      streams_.push_back(std::make_unique<Stream>(made));
      require(streams_.back()->write(&mode, 1), "a beginning");
      if (mode == kTls) streams_.back()->start_tls(*context_, SSL_connect);
    }
  }

  /// Each stream brings its share.
  void fetch(std::vector<char>& memory) {
    const size_t share = memory.size() / streams_.size();
    std::vector<std::thread> others;
    for (size_t i = 1; i < streams_.size(); ++i)
      others.emplace_back([&, i] { fetch_on(*streams_[i], memory.data() + i * share, share); });
    fetch_on(*streams_[0], memory.data(), share);
    for (std::thread& other : others) other.join();
  }

 private:
  static void fetch_on(Stream& stream, char* to, uint64_t bytes) {
    require(stream.write(&bytes, sizeof bytes) && stream.read(to, bytes), "a stream of bytes");
  }

  Owned<SSL_CTX> context_;
  std::vector<std::unique_ptr<Stream>> streams_;
};

int ask(const sockaddr_in& address, size_t bytes, int times, size_t streams) {
  std::vector<char> memory(bytes, 'y');
  for (const uint8_t mode : {kPlain, kTls}) {
    Asker asker(address, mode, streams);
    asker.fetch(memory);  // warm: the other end has its memory, the connections have grown
    const Figure figure = one_by_one(times, Gap::kNone, [&](int) { asker.fetch(memory); });
    require(memory.front() == 'x' && memory[bytes / streams - 1] == 'x', "the bytes");
    const std::string name = std::string(mode == kTls ? "openssl " : "tcp ") +
                             std::to_string(bytes) + " x" + std::to_string(streams);
    std::printf(kJson, name.c_str(), "hot", figure.per_s, figure.p50_us, figure.p99_us,
                figure.p999_us, figure.cpu_s);
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace
}  // namespace rayd::bench

int main(int argc, char** argv) {
  using namespace rayd::bench;
  signal(SIGPIPE, SIG_IGN);
  const std::string_view verb = argc > 1 ? argv[1] : "";
  if (verb == "serve" && argc == 3) return serve(argv[2]);
  if (verb == "ask" && (argc == 5 || argc == 6)) {
    const std::string where = argv[2];
    const size_t colon = where.find(':');
    if (colon != std::string::npos) {
      const auto port = static_cast<uint16_t>(std::stoul(where.substr(colon + 1)));
      return ask(address_of(where.substr(0, colon), port), std::stoull(argv[3]), std::stoi(argv[4]),
                 argc == 6 ? std::stoul(argv[5]) : 1);
    }
  }
  std::fprintf(stderr, "stream_bench serve ADDRESS | ask ADDRESS:PORT BYTES TIMES [STREAMS]\n");
  return 2;
}
