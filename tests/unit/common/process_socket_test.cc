#include "common/base/process_socket.h"

#include <fcntl.h>
#include <poll.h>

#include "tests/unit/catch.h"

using namespace rayd;

namespace {

struct Ends {
  PacketSocket near;
  PacketSocket far;
};

Ends make_ends() {
  auto pair = make_packet_pair();
  REQUIRE(pair.ok());
  return {PacketSocket{std::move(pair->first)}, PacketSocket{std::move(pair->second)}};
}

}  // namespace

TEST_CASE("packets keep their bounds and their descriptors") {
  Ends ends = make_ends();
  int pipe_ends[2];
  REQUIRE(pipe2(pipe_ends, O_CLOEXEC) == 0);
  UniqueFd reader{pipe_ends[0]};
  Packet first{{1, 2, 3}, {}};
  first.fds.emplace_back(pipe_ends[1]);
  ends.near.send(std::move(first));
  ends.near.send({{4}, {}});

  Packet packet;
  REQUIRE(ends.far.receive(packet) == PacketSocket::Received::kPacket);
  CHECK(packet.bytes == std::vector<uint8_t>{1, 2, 3});
  REQUIRE(packet.fds.size() == 1);
  CHECK((fcntl(packet.fds[0].get(), F_GETFD) & FD_CLOEXEC) != 0);
  REQUIRE(write(packet.fds[0].get(), "x", 1) == 1);
  char byte = 0;
  REQUIRE(read(reader.get(), &byte, 1) == 1);
  CHECK(byte == 'x');

  REQUIRE(ends.far.receive(packet) == PacketSocket::Received::kPacket);
  CHECK(packet.bytes == std::vector<uint8_t>{4});
  CHECK(packet.fds.empty());
  CHECK(ends.far.receive(packet) == PacketSocket::Received::kNothing);
}

TEST_CASE("what the kernel does not take waits its turn, in order") {
  Ends ends = make_ends();
  uint8_t sent = 0;
  while (!ends.near.wants_write()) ends.near.send({std::vector<uint8_t>(60'000, sent++), {}});
  ends.near.send({std::vector<uint8_t>(10, sent++), {}});
  uint8_t received = 0;
  Packet packet;
  while (received < sent) {
    const auto outcome = ends.far.receive(packet);
    if (outcome == PacketSocket::Received::kNothing) {
      ends.near.flush();
      continue;
    }
    REQUIRE(outcome == PacketSocket::Received::kPacket);
    CHECK(packet.bytes.front() == received++);
  }
  CHECK_FALSE(ends.near.wants_write());
}

TEST_CASE("the largest packet passes") {
  Ends ends = make_ends();
  ends.near.send({std::vector<uint8_t>(PacketSocket::kMaxBytes, 7), {}});
  Packet packet;
  REQUIRE(ends.far.receive(packet) == PacketSocket::Received::kPacket);
  CHECK(packet.bytes.size() == PacketSocket::kMaxBytes);
}

TEST_CASE("a peer that is gone is seen after its last packet") {
  Ends ends = make_ends();
  ends.near.send({{1}, {}});
  ends.near = PacketSocket{};
  Packet packet;
  CHECK(ends.far.receive(packet) == PacketSocket::Received::kPacket);
  CHECK(ends.far.receive(packet) == PacketSocket::Received::kClosed);
  ends.far.send({{1}, {}});
  CHECK_FALSE(ends.far.wants_write());
}
