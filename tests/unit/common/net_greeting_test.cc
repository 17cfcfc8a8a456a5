// Handshakes and hellos, with the bytes between both sides in hand.
#include <fcntl.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>

#include "common/net/openssl_keys.h"
#include "tests/unit/catch.h"
#include "tests/unit/common/net_tls_fixture.h"

using namespace rayd;
using namespace rayd::test;

namespace {

using Want = TlsSession::Want;

bool is_done(const Result<Want>& says) { return says.ok() && *says == Want::kNothing; }

bool contains(const std::vector<uint8_t>& bytes, std::span<const uint8_t> part) {
  return std::search(bytes.begin(), bytes.end(), part.begin(), part.end()) != bytes.end();
}

/// A client that speaks TLS but is none of ours; `prepare` says how it differs.
template <class Prepare>
Result<Want> greet_with(const Machine& head, Prepare prepare) {
  SocketPair sockets;
  ServerGreeting server(head.server, sockets.right.get());
  SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
  prepare(context);
  SSL* const ssl = SSL_new(context);
  SSL_set_fd(ssl, sockets.left.get());
  REQUIRE(::fcntl(sockets.left.get(), F_SETFL, O_NONBLOCK) == 0);
  Result<Want> says = Want::kRead;
  for (int round = 0; round < 20 && says.ok() && *says != Want::kNothing; ++round) {
    SSL_connect(ssl);
    says = server.step();
  }
  SSL_free(ssl);
  SSL_CTX_free(context);
  return says;
}

}  // namespace

TEST_CASE("two machines shake hands, and each knows who the other is") {
  const Machine head;
  const Machine node;
  Wire wire(node.client, head.server, head.identity.hash());
  wire.run(hello_of(Lane::kPeer));
  REQUIRE(is_done(wire.server_says));
  CHECK(wire.server.peer() == node.identity.hash());
  CHECK(wire.server.hello() == hello_of(Lane::kPeer));

  HelloAccepted accepted;
  accepted.protocol = 1;
  accepted.node = {9};
  auto server_link = wire.server.accept(accepted);
  REQUIRE(server_link.ok());
  CHECK(server_link->tls != nullptr);
  wire.server_says = Error{};  // it has nothing more to do
  wire.run(hello_of(Lane::kPeer));
  REQUIRE(is_done(wire.client_says));
  CHECK(std::get<HelloAccepted>(wire.client.answer()).node == NodeId{9});
  const Greeted client_link = wire.client.take();
  CHECK(client_link.seal_key == server_link->seal_key);
}

TEST_CASE("a client sends nothing to a machine with another key than the pinned") {
  const Machine head;
  const Machine impostor;
  const Machine node;
  Wire wire(node.client, impostor.server, head.identity.hash());
  Hello hello = hello_of(Lane::kPeer);
  hello.token = HelloToken{{1}, {}};
  wire.run(hello);
  REQUIRE_FALSE(wire.client_says.ok());
  CHECK(wire.client_says.error().code == ErrorCode::kNotAllowed);
  CHECK(wire.client_says.error().message.find(short_name(impostor.identity.hash())) !=
        std::string::npos);
  CHECK_FALSE(is_done(wire.server_says));
}

TEST_CASE("neither key, token nor program can be seen on the wire") {
  const Machine head;
  const Machine node;
  Wire wire(node.client, head.server, head.identity.hash());
  const Token token = make_token(head.identity.hash());
  const Hello hello = hello_with_token(token, Lane::kPeer, "a telling name");
  wire.run(hello);
  REQUIRE(is_done(wire.server_says));
  const std::string name = "a telling name";
  CHECK(wire.server.hello().program == name);
  CHECK_FALSE(contains(wire.to_server, token.secret.bytes));
  CHECK_FALSE(
      contains(wire.to_server, {reinterpret_cast<const uint8_t*>(name.data()), name.size()}));
}

TEST_CASE("a recorded greeting is of no use to who plays it again") {
  const Machine head;
  const Machine node;
  Wire first(node.client, head.server, head.identity.hash());
  const Token token = make_token(head.identity.hash());
  first.run(hello_with_token(token, Lane::kPeer, "rayd"));
  REQUIRE(is_done(first.server_says));

  Wire again(node.client, head.server, head.identity.hash());
  again.inject(first.to_server);
  CHECK_FALSE(again.server_says.ok());
}

TEST_CASE("a client that leaves at any byte of its greeting leaves nothing behind") {
  const Machine head;
  const Machine node;
  size_t whole = 0;
  {
    Wire wire(node.client, head.server, head.identity.hash());
    wire.run(hello_of(Lane::kPeer));
    REQUIRE(is_done(wire.server_says));
    whole = wire.to_server.size();
  }
  CHECK(whole > 500);
  size_t refused = 0;
  for (size_t bytes = 0; bytes < whole; ++bytes) {
    Wire wire(node.client, head.server, head.identity.hash());
    wire.run(hello_of(Lane::kPeer), bytes);
    if (!wire.server_says.ok() || *wire.server_says == Want::kNothing) continue;
    wire.cut();
    refused += wire.server_says.ok() ? 0 : 1;
  }
  CHECK(refused == whole);
}

TEST_CASE("a client without any byte is silent, and one with a byte is not") {
  const Machine head;
  Wire wire(head.client, head.server, head.identity.hash());
  CHECK(wire.server.is_silent());
  wire.inject({0x16});
  CHECK(wire.server_says.ok());
  CHECK_FALSE(wire.server.is_silent());
}

TEST_CASE("bytes that are no TLS are no greeting") {
  const Machine head;
  const std::string garbage[] = {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n",
                                 std::string(1000, '\0'), std::string(1000, '\xff'),
                                 std::string("\x16\x03\x01\xff\xff", 5) + std::string(70'000, 'x')};
  for (const std::string& bytes : garbage) {
    Wire wire(head.client, head.server, head.identity.hash());
    wire.inject({bytes.begin(), bytes.end()});
    REQUIRE_FALSE(wire.server_says.ok());
    CHECK(wire.server_says.error().code == ErrorCode::kCorrupt);
  }
}

TEST_CASE("an older TLS, a missing certificate and another kind of key are refused") {
  const Machine head;
  const auto use = [](SSL_CTX* context, EVP_PKEY* key, X509* certificate) {
    SSL_CTX_use_certificate(context, certificate);
    SSL_CTX_use_PrivateKey(context, key);
  };
  const Machine node;
  const auto& keys = node.identity.keys();
  CHECK(is_done(greet_with(head, [&](SSL_CTX* context) {
          use(context, keys.key.get(), keys.certificate.get());
        })) == false);  // it says no hello
  const auto old = greet_with(head, [&](SSL_CTX* context) {
    use(context, keys.key.get(), keys.certificate.get());
    SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
  });
  REQUIRE_FALSE(old.ok());
  CHECK(old.error().code == ErrorCode::kCorrupt);
  const auto bare = greet_with(head, [](SSL_CTX*) {});
  REQUIRE_FALSE(bare.ok());
  CHECK(bare.error().code == ErrorCode::kCorrupt);

  OpensslPtr<EVP_PKEY> other(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
  OpensslPtr<X509> certificate(X509_dup(keys.certificate.get()));
  X509_set_pubkey(certificate.get(), other.get());
  X509_sign(certificate.get(), other.get(), EVP_sha256());
  const auto curve =
      greet_with(head, [&](SSL_CTX* context) { use(context, other.get(), certificate.get()); });
  REQUIRE_FALSE(curve.ok());
}

TEST_CASE("no session can be resumed: a server hands out nothing to resume with") {
  const Machine head;
  const Machine node;
  Wire wire(node.client, head.server, head.identity.hash());
  wire.run(hello_of(Lane::kPeer));
  REQUIRE(is_done(wire.server_says));
  const size_t handshake = wire.to_client.size();
  wire.run(hello_of(Lane::kPeer));
  CHECK(wire.to_client.size() == handshake);  // no ticket follows it
}

TEST_CASE("a client does not go on in the clear, or in a protocol, that it did not offer") {
  const Machine head;
  const Machine node;
  for (const bool wrong_protocol : {true, false}) {
    Wire wire(node.client, head.server, head.identity.hash());
    const Hello hello = hello_of(Lane::kBulk);
    wire.run(hello);
    REQUIRE(is_done(wire.server_says));
    HelloAccepted accepted;
    accepted.protocol = wrong_protocol ? 9 : 1;
    accepted.plain_bulk = PlainBulk::kYes;  // taken back: the hello did not ask
    auto link = wire.server.accept(accepted);
    REQUIRE(link.ok());
    CHECK(link->tls != nullptr);
    wire.server_says = Error{};
    wire.run(hello);
    CHECK(wire.client_says.ok() == !wrong_protocol);
  }
}
