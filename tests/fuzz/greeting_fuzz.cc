// The beginning of a connection between machines, either side, against a stranger: bytes instead of
// a handshake, a handshake that is cut or changed at any byte, and, from a peer whose handshake was
// right, any bytes instead of a hello or of its answer. Nobody gets further than the rules say, and
// whoever is refused is refused in words of the contract.
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "common/base/check.h"
#include "common/net/greeting.h"

namespace {

using namespace rayd;
using Want = TlsSession::Want;

constexpr int kRounds = 40;

struct Machine {
  Identity identity = Identity::make_ephemeral();
  TlsContext client{identity, TlsSide::kClient};
  TlsContext server{identity, TlsSide::kServer};
};

const Machine& head() {
  static const Machine machine;
  return machine;
}
const Machine& stranger() {
  static const Machine machine;
  return machine;
}

class Sockets {
 public:
  Sockets() { RAY_CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends_) == 0); }
  ~Sockets() {
    cut_left();
    ::close(ends_[1]);
  }
  Sockets(const Sockets&) = delete;
  Sockets& operator=(const Sockets&) = delete;

  int left() const { return ends_[0]; }
  int right() const { return ends_[1]; }
  void cut_left() {
    if (ends_[0] >= 0) ::close(ends_[0]);
    ends_[0] = -1;
  }

 private:
  int ends_[2] = {-1, -1};
};

void check_error(const Error& error) {
  RAY_CHECK(error.code == ErrorCode::kCorrupt || error.code == ErrorCode::kUnavailable ||
            error.code == ErrorCode::kNotAllowed);
  RAY_CHECK(!error.message.empty());
}

bool is_done(const Result<Want>& says) { return says.ok() && *says == Want::kNothing; }

/// What the listener does with a greeting that came so far.
void end_server(ServerGreeting& server, Result<Want> says, const KeyHash* peer) {
  if (!says.ok()) return check_error(says.error());
  if (*says != Want::kNothing) return;
  RAY_CHECK(peer != nullptr);  // bytes alone are no greeting
  RAY_CHECK(server.peer() == *peer);
  server.refuse(HelloRefused{HelloRefused::Reason::kToken, "no"});
  for (int round = 0; round < kRounds; ++round) {
    says = server.step();
    if (!says.ok()) return check_error(says.error());
    if (*says == Want::kNothing) return;
  }
}

// ---- no handshake at all ------------------------------------------------------------------------

void send_plainly(int socket, ByteSpan bytes) {
  if (!bytes.empty() && ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0) return;
}

void bytes_at_server(ByteSpan bytes) {
  Sockets sockets;
  ServerGreeting server(head().server, sockets.right());
  send_plainly(sockets.left(), bytes);
  Result<Want> says = server.step();
  sockets.cut_left();
  for (int round = 0; round < kRounds && says.ok() && *says != Want::kNothing; ++round)
    says = server.step();
  end_server(server, std::move(says), nullptr);
}

void bytes_at_client(ByteSpan bytes) {
  Sockets sockets;
  ClientGreeting client(stranger().client, sockets.right(), head().identity.hash());
  Result<Want> says = client.step(Hello{});
  send_plainly(sockets.left(), bytes);
  for (int round = 0; round < kRounds && says.ok(); ++round) says = client.step(Hello{});
  sockets.cut_left();
  if (says.ok()) says = client.step(Hello{});
  RAY_CHECK(!is_done(says));
}

// ---- an honest handshake, changed on the way ----------------------------------------------------

/// Carries what one end said to the other, with one byte changed or the end of the world behind it.
class Carrier {
 public:
  Carrier(uint32_t at, uint8_t change) : left_(at), change_(change) {}

  bool carry(int from, int to) {
    uint8_t buffer[4096];
    const ssize_t got = ::recv(from, buffer, sizeof buffer, 0);
    if (got <= 0 || is_cut_) return false;
    auto size = static_cast<size_t>(got);
    if (left_ < size && change_ == 0) {
      size = left_;
      is_cut_ = true;
    } else if (left_ < size) {
      buffer[left_] ^= change_;
      change_ = 0;
      left_ = UINT32_MAX;
    } else {
      left_ -= static_cast<uint32_t>(size);
    }
    send_plainly(to, {buffer, size});
    return true;
  }

 private:
  uint32_t left_;
  uint8_t change_;
  bool is_cut_ = false;
};

void changed_handshake(uint32_t at, uint8_t change) {
  Sockets client_side;
  Sockets server_side;
  ClientGreeting client(stranger().client, client_side.right(), head().identity.hash());
  ServerGreeting server(head().server, server_side.right());
  Carrier to_server(at % 2'000, change);
  Carrier to_client(at / 2'000 % 4'000, change);
  Result<Want> client_says = Want::kRead;
  Result<Want> server_says = Want::kRead;
  for (int round = 0; round < kRounds; ++round) {
    if (client_says.ok() && *client_says != Want::kNothing) client_says = client.step(Hello{});
    to_server.carry(client_side.left(), server_side.left());
    if (server_says.ok() && *server_says != Want::kNothing) server_says = server.step();
    to_client.carry(server_side.left(), client_side.left());
  }
  RAY_CHECK(!is_done(client_says));  // nobody has answered
  if (!client_says.ok()) check_error(client_says.error());
  end_server(server, std::move(server_says), &stranger().identity.hash());
}

// ---- a right handshake, and then anything -------------------------------------------------------

void say(TlsSession& session, ByteSpan bytes) {
  const iovec piece{const_cast<uint8_t*>(bytes.data()), bytes.size()};
  if (!bytes.empty()) (void)session.send({&piece, 1});
  session.say_goodbye();
}

void hello_of_bytes(ByteSpan bytes) {
  Sockets sockets;
  ServerGreeting server(head().server, sockets.right());
  TlsSession client(stranger().client, sockets.left(), head().identity.hash());
  Result<Want> client_says = Want::kRead;
  Result<Want> says = Want::kRead;
  for (int round = 0; round < kRounds && says.ok() && *says != Want::kNothing; ++round) {
    if (!is_done(client_says)) {
      client_says = client.handshake();
      if (is_done(client_says)) say(client, bytes);
    }
    says = server.step();
  }
  RAY_CHECK(is_done(client_says));
  end_server(server, std::move(says), &stranger().identity.hash());
}

void answer_of_bytes(ByteSpan bytes) {
  Sockets sockets;
  ClientGreeting client(stranger().client, sockets.right(), head().identity.hash());
  TlsSession server(head().server, sockets.left(), std::nullopt);
  Result<Want> server_says = Want::kRead;
  Result<Want> says = Want::kRead;
  for (int round = 0; round < kRounds && says.ok() && *says != Want::kNothing; ++round) {
    says = client.step(Hello{});
    if (is_done(server_says)) continue;
    server_says = server.handshake();
    if (is_done(server_says)) say(server, bytes);
  }
  if (!says.ok()) return check_error(says.error());
  RAY_CHECK(is_done(says));
  if (std::holds_alternative<HelloAccepted>(client.answer())) {
    const Greeted greeted = client.take();
    RAY_CHECK(greeted.tls != nullptr);  // it did not ask for anything in the clear
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const ByteSpan rest{data + 1, std::min<size_t>(size - 1, 8'192)};
  switch (data[0] % 8) {
    case 0:
    case 1: bytes_at_server(rest); break;
    case 2: bytes_at_client(rest); break;
    case 3: {
      uint32_t at = 0;
      for (size_t i = 0; i < std::min<size_t>(rest.size(), 3); ++i) at = at << 8 | rest[i];
      changed_handshake(at, rest.size() > 3 ? rest[3] : uint8_t{0});
      break;
    }
    case 4:
    case 5: hello_of_bytes(rest); break;
    default: answer_of_bytes(rest);
  }
  return 0;
}
