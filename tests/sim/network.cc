#include "tests/sim/network.h"

#include <algorithm>
#include <charconv>

#include "tests/sim/world.h"

namespace rayd::sim {
namespace {

/// What a connection takes before its reader has read.
constexpr uint64_t kCapacity = 32 * 1024;

}  // namespace

KeyHash key_of(Machine machine) {
  KeyHash key;
  key.bytes[0] = 1;
  key.bytes[1] = static_cast<uint8_t>(machine >> 8);
  key.bytes[2] = static_cast<uint8_t>(machine);
  return key;
}

std::string address_of(Machine machine) { return "m" + std::to_string(machine); }

std::optional<Machine> machine_at(const std::string& address) {
  Machine machine = 0;
  if (address.empty() ||
      std::from_chars(address.data() + 1, address.data() + address.size(), machine).ec !=
          std::errc{})
    return std::nullopt;
  return machine;
}

// ---- a connection -------------------------------------------------------------------------------

Connection::Connection(World& world, Machine dialer, Machine acceptor)
    : world_(world), machines_{dialer, acceptor} {}

void Connection::push(Side from, Piece&& piece) {
  Way& way = ways_[from];
  const Side to = other(from);
  way.last = std::max(way.last, world_.now) +
             world_.network.delay(machines_[from], machines_[to], piece.bytes.size());
  way.bytes += piece.bytes.size();
  way.pieces.push_back(std::move(piece));
  world_.at(way.last, [self = shared_from_this(), from] { self->deliver(from); });
}

void Connection::answer(const GreetingAnswer& answer) {
  Piece piece;
  piece.answer = answer;
  push(kAcceptor, std::move(piece));
}

size_t Connection::send(Side from, ByteSpan bytes) {
  if (!readers_[other(from)]) return bytes.size();  // into the void
  Way& way = ways_[from];
  size_t room = std::min<size_t>(bytes.size(), kCapacity - std::min(kCapacity, way.bytes));
  if (world_.network.resets_in > 0 && !way.reset_after &&
      world_.random.chance(1, world_.network.resets_in))
    way.reset_after = world_.random.below(bytes.size() + 1);
  const bool breaks = way.reset_after && *way.reset_after <= room;
  if (breaks) room = *way.reset_after;
  if (way.reset_after) *way.reset_after -= room;
  ByteSpan rest = bytes.first(room);
  while (!rest.empty()) {
    const size_t part =
        world_.random.chance(1, 8) ? 1 + world_.random.below(rest.size()) : rest.size();
    push(from, Piece{{rest.begin(), rest.begin() + static_cast<ptrdiff_t>(part)}, {}, false});
    rest = rest.subspan(part);
  }
  if (breaks) {
    world_.count("connection_reset");
    reset();
  }
  return room;
}

void Connection::deliver(Side from) {
  Way& way = ways_[from];
  if (way.pieces.empty()) return;
  const Side to = other(from);
  const Time opens = world_.network.opens_at(machines_[from], machines_[to]);
  if (opens > world_.now) {
    const Duration again = world_.link_delay();
    world_.at(opens + again, [self = shared_from_this(), from] { self->deliver(from); });
    return;
  }
  Piece piece = std::move(way.pieces.front());
  way.pieces.pop_front();
  way.bytes -= piece.bytes.size();
  // It may be replaced, or closed, while it is called.
  if (const auto reader = readers_[to]) {
    if (piece.answer) {
      reader->on_answer(*piece.answer);
    } else if (piece.is_end) {
      readers_[to].reset();
      reader->on_end();
    } else {
      reader->on_bytes(piece.bytes);
    }
  }
  if (const auto sender = readers_[from]) sender->on_room();
}

// From some byte on.
void Connection::lose(Way& way) {
  if (way.bytes == 0) return;
  uint64_t kept = world_.random.below(way.bytes + 1);
  std::deque<Piece> pieces = std::exchange(way.pieces, {});
  way.bytes = 0;
  for (Piece& piece : pieces) {
    if (!piece.bytes.empty()) {
      if (kept == 0) return;
      if (piece.bytes.size() > kept) piece.bytes.resize(kept);
      kept -= piece.bytes.size();
      way.bytes += piece.bytes.size();
    }
    way.pieces.push_back(std::move(piece));
  }
}

void Connection::close(Side side) {
  if (!readers_[side]) return;
  readers_[side].reset();
  if (world_.random.chance(1, 2)) lose(ways_[side]);
  Piece end;
  end.is_end = true;
  push(side, std::move(end));
}

void Connection::vanish(Side side) {
  if (!readers_[side]) return;
  readers_[side].reset();
  lose(ways_[side]);
}

void Connection::reset() {
  for (const Side side : {kDialer, kAcceptor}) {
    lose(ways_[side]);
    Piece end;
    end.is_end = true;
    push(side, std::move(end));
  }
}

void Connection::reset_after(Side from, uint64_t bytes) { ways_[from].reset_after = bytes; }

// ---- machines -----------------------------------------------------------------------------------

// A connection and who reads from it hold each other.
Network::Network(World& world) : world_(world) {}

Network::~Network() {
  for (const auto& known : connections_) {
    const auto connection = known.lock();
    if (!connection) continue;
    for (const auto side : {Connection::kDialer, Connection::kAcceptor})
      connection->set_reader(side, nullptr);
  }
}

Peers& Network::add_node(Machine machine) {
  all_.push_back(std::make_unique<Peers>(world_, Peers::Role::kNode, machine));
  nodes_[machine] = all_.back().get();
  return *all_.back();
}

Peers& Network::add_head() {
  all_.push_back(std::make_unique<Peers>(world_, Peers::Role::kHead, kHeadMachine));
  head_ = all_.back().get();
  return *head_;
}

std::vector<Peers*> Network::joining() {
  std::vector<Peers*> joining;
  for (const auto& [machine, peers] : nodes_)
    if (peers->is_joining()) joining.push_back(peers);
  return joining;
}

// ---- what lies between --------------------------------------------------------------------------

void Network::cut(Machine from, Machine to, Duration duration) {
  Time& until = cut_until_[{from, to}];
  until = std::max(until, world_.now + duration);
}

void Network::cut_off(Machine machine, Duration duration) {
  world_.trace.line(world_.now, address_of(machine), " is cut off");
  for (Machine peer = 0; peer < next_machine_; ++peer) {
    if (peer == machine) continue;
    cut(machine, peer, duration);
    cut(peer, machine, duration);
  }
}

Time Network::opens_at(Machine from, Machine to) const {
  const auto it = cut_until_.find({from, to});
  return it == cut_until_.end() ? world_.now : std::max(world_.now, it->second);
}

bool Network::is_cut(Machine from, Machine to) const { return opens_at(from, to) > world_.now; }

void Network::slow_down(Machine from, Machine to, Duration duration) {
  Slow& slow = slow_[{from, to}];
  slow.until = world_.now + duration;
  slow.latency = Duration::millis(static_cast<int64_t>(1 + world_.random.below(200)));
  slow.ns_per_byte = 1'000 + world_.random.below(100'000);
}

Duration Network::delay(Machine from, Machine to, uint64_t bytes) {
  Duration delay = world_.link_delay();
  const auto it = slow_.find({from, to});
  if (it == slow_.end() || it->second.until <= world_.now) return delay;
  delay = delay + it->second.latency;
  delay.ns += static_cast<int64_t>(bytes * it->second.ns_per_byte);
  return delay;
}

// ---- connections --------------------------------------------------------------------------------

std::shared_ptr<Connection> Network::dial(const Greeting& greeting, Machine to,
                                          std::shared_ptr<Reader> dialer) {
  auto connection = std::make_shared<Connection>(world_, greeting.machine, to);
  connection->set_reader(Connection::kDialer, std::move(dialer));
  std::erase_if(connections_, [](const auto& known) { return known.expired(); });
  connections_.push_back(connection);
  const Time opens = opens_at(greeting.machine, to);
  // There and back for each handshake, then the greeting.
  Duration handshake;
  for (int i = 0; i < 3; ++i) handshake = handshake + delay(greeting.machine, to, 100);
  world_.at(opens + handshake, [this, connection, greeting] { arrive(connection, greeting); });
  return connection;
}

void Network::arrive(const std::shared_ptr<Connection>& connection, const Greeting& greeting) {
  const auto [from, to] = connection->machines();
  const Time opens = opens_at(from, to);
  if (opens > world_.now) {
    world_.at(opens + delay(from, to, 100),
              [this, connection, greeting] { arrive(connection, greeting); });
    return;
  }
  Peers* peers = greeting.to == kHeadNode && to == kHeadMachine ? head_ : nullptr;
  if (const auto it = nodes_.find(to); greeting.to != kHeadNode && it != nodes_.end())
    peers = it->second;
  if (peers != nullptr && peers->has_no_power()) return;
  if (peers == nullptr || !peers->is_up()) {
    GreetingAnswer nobody;
    connection->answer(nobody);
    return;
  }
  peers->on_arrival(greeting, connection);
}

std::vector<std::shared_ptr<Connection>> Network::open_connections() {
  std::vector<std::shared_ptr<Connection>> open;
  for (const auto& known : connections_)
    if (const auto connection = known.lock(); connection && connection->is_open())
      open.push_back(connection);
  return open;
}

std::array<FlightRef, 2>& Network::session(const SessionKey& key) {
  auto& flights = sessions_[key];
  for (FlightRef& flight : flights)
    if (!flight) flight = world_.new_flight();
  return flights;
}

}  // namespace rayd::sim
