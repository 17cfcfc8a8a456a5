// Network: machines, what lies between them, and TCP connections over it.
//
//   Peers ──Dial──▶ Network ──arrival──▶ Peers        a dial is answered or not, as on a network
//   Pipe ──bytes──▶ Connection ──pieces, late──▶ Pipe
//
// A connection delivers bytes in order or not at all. Between two machines bytes may be slow, may
// have to wait while a cut lasts, one way or both, and a connection may be reset behind any byte:
// what was on the way is lost, whole frames and halves.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/clock.h"
#include "common/base/ids.h"
#include "common/types/identity.h"
#include "tests/sim/session.h"

namespace rayd::sim {

class Peers;
class World;

/// Machine 0 is the head's.
using Machine = uint32_t;
inline constexpr Machine kHeadMachine = 0;

KeyHash key_of(Machine machine);
std::string address_of(Machine machine);
std::optional<Machine> machine_at(const std::string& address);

/// The first words of a connection.
struct Greeting {
  Machine machine = 0;  // who speaks; its key is proved
  NodeId node;          // 0: it has no ordinal yet
  NodeId to;
  uint64_t session = 0;
  uint64_t received = 0;
};
struct GreetingAnswer {
  enum class Verdict : uint8_t { kAccepted, kLater, kDead };
  Verdict verdict = Verdict::kLater;
  uint64_t session = 0;
  uint64_t received = 0;
};

/// Who hears one end of a connection.
class Reader {
 public:
  virtual ~Reader() = default;
  virtual void on_answer(const GreetingAnswer&) {}
  virtual void on_bytes(ByteSpan bytes) = 0;
  virtual void on_room() {}
  virtual void on_end() = 0;
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  enum Side : uint8_t { kDialer, kAcceptor };
  static Side other(Side side) { return side == kDialer ? kAcceptor : kDialer; }

  Connection(World& world, Machine dialer, Machine acceptor);

  void set_reader(Side side, std::shared_ptr<Reader> reader) { readers_[side] = std::move(reader); }
  void answer(const GreetingAnswer& answer);
  /// How many of them the connection has room for.
  size_t send(Side from, ByteSpan bytes);
  /// This end closes: what is on the way to the other arrives in part, then the end.
  void close(Side side);
  /// This end's machine is without power: nobody is told.
  void vanish(Side side);
  /// Both ends are told; what is on the way is lost from some byte on.
  void reset();
  /// The same, when so many bytes more were sent that way.
  void reset_after(Side from, uint64_t bytes);
  bool is_open() const { return readers_[0] && readers_[1]; }
  const std::array<Machine, 2>& machines() const { return machines_; }

 private:
  struct Piece {
    std::vector<uint8_t> bytes;
    std::optional<GreetingAnswer> answer;
    bool is_end = false;
  };
  struct Way {
    std::deque<Piece> pieces;
    uint64_t bytes = 0;
    Time last;
    std::optional<uint64_t> reset_after;
  };

  void push(Side from, Piece&& piece);
  void deliver(Side from);
  void lose(Way& way);

  World& world_;
  std::array<Machine, 2> machines_;
  std::array<Way, 2> ways_;  // by sender
  std::array<std::shared_ptr<Reader>, 2> readers_;
};

class Network {
 public:
  explicit Network(World& world);
  ~Network();

  // ---- machines -------------------------------------------------------------------------------
  Machine new_machine() { return next_machine_++; }
  /// A daemon on this machine. It stays known when it has ended.
  Peers& add_node(Machine machine);
  Peers& add_head();
  Peers& head() { return *head_; }
  std::vector<Peers*> joining();

  // ---- what lies between ------------------------------------------------------------------------
  /// Nothing passes from the one to the other for so long.
  void cut(Machine from, Machine to, Duration duration);
  /// To and from everybody.
  void cut_off(Machine machine, Duration duration);
  bool is_cut(Machine from, Machine to) const;
  /// When something can pass: now, or the end of a cut.
  Time opens_at(Machine from, Machine to) const;
  void slow_down(Machine from, Machine to, Duration duration);
  /// For `bytes` on their way.
  Duration delay(Machine from, Machine to, uint64_t bytes);
  /// From now on connections break by themselves, once in so many writes; 0: never.
  uint64_t resets_in = 0;
  /// Of 100 resumed sessions, so many are told less than what arrived.
  uint64_t stale_resumes = 0;

  // ---- connections ------------------------------------------------------------------------------
  std::shared_ptr<Connection> dial(const Greeting& greeting, Machine to,
                                   std::shared_ptr<Reader> dialer);
  std::vector<std::shared_ptr<Connection>> open_connections();

  // ---- sessions ---------------------------------------------------------------------------------
  using SessionKey = std::pair<uint64_t, uint64_t>;
  /// What is on the way in each direction; [0] is said by who connects.
  std::array<FlightRef, 2>& session(const SessionKey& key);

 private:
  void arrive(const std::shared_ptr<Connection>& connection, const Greeting& greeting);

  World& world_;
  Machine next_machine_ = kHeadMachine + 1;
  std::vector<std::unique_ptr<Peers>> all_;
  Peers* head_ = nullptr;
  std::map<Machine, Peers*> nodes_;  // the newest of each machine
  std::map<std::pair<Machine, Machine>, Time> cut_until_;
  struct Slow {
    Time until;
    Duration latency;
    uint64_t ns_per_byte = 0;
  };
  std::map<std::pair<Machine, Machine>, Slow> slow_;
  std::vector<std::weak_ptr<Connection>> connections_;
  std::map<SessionKey, std::array<FlightRef, 2>> sessions_;
};

}  // namespace rayd::sim
