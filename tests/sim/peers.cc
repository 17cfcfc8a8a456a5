// Sessions: what is said and heard. Connections are in peers_connect.cc.
#include "tests/sim/peers.h"

#include <utility>

#include "tests/sim/describe.h"
#include "tests/sim/peers_remote.h"

namespace rayd::sim {
namespace {

constexpr Duration kAckDelay = Duration::millis(20);
constexpr size_t kWriteBytes = size_t{128} << 10;
/// How long a daemon's loop takes to come to what is to be sent.
constexpr Duration kFlushDelay = Duration::micros(2);

std::string text_of(NodeId from, const LinkMessage& message) {
  std::string text;
  if (const auto* peer = std::get_if<PeerMessage>(&message)) describe(text, *peer);
  if (const auto* to_head = std::get_if<NodeToHead>(&message))
    describe(text, HeadInput{FromNode{from, *to_head}});
  if (const auto* to_node = std::get_if<HeadToNode>(&message))
    describe(text, NodeInput{FromHead{*to_node}});
  return text;
}

}  // namespace

Peers::Peers(World& world, Role role, Machine machine)
    : world_(world), role_(role), machine_(machine) {
  supervise();
}

Peers::~Peers() = default;

Peers::Remote* Peers::find(Kind kind, NodeId node) {
  if (kind == Kind::kHead) return head_.get();
  auto& table = kind == Kind::kNode ? nodes_ : members_;
  const auto it = table.find(node);
  return it == table.end() ? nullptr : it->second.get();
}

template <class Do>
void Peers::for_each(Do&& todo) {
  if (head_) todo(*head_);
  for (auto* table : {&nodes_, &members_})
    for (auto& [node, remote] : *table) todo(*remote);
  for (auto& [session, remote] : comers_) todo(*remote);
}

// ---- life ---------------------------------------------------------------------------------------

void Peers::end(End how) {
  if (!std::exchange(is_up_, false)) return;
  has_no_power_ = how == End::kNoPower;
  for_each([&](Remote& remote) {
    if (remote.dial) std::exchange(remote.dial, nullptr)->give_up();
    if (remote.pipe && has_no_power_) std::exchange(remote.pipe, nullptr)->vanish();
    close_pipe(remote);
    end_session(remote);
  });
}

void Peers::observe(const HeadToNode& message) {
  if (const auto* views = std::get_if<Views>(&message)) {
    for (const NodeView& view : views->changed) learn(view);
    return;
  }
  const auto* change = std::get_if<NodeStateChanged>(&message);
  if (change == nullptr || change->state != NodeState::kDead) return;
  const auto it = nodes_.find(change->node);
  if (it == nodes_.end()) return;
  const std::unique_ptr<Remote> dead = std::move(it->second);
  nodes_.erase(it);
  if (dead->dial) std::exchange(dead->dial, nullptr)->give_up();
  close_pipe(*dead);
  end_session(*dead);
}

void Peers::welcome(uint64_t session, const Welcome& welcome) {
  if (const auto comer = comers_.find(session); comer != comers_.end()) {
    comer->second->node = welcome.node;
    comer->second->out->to = comer->second->in->from = welcome.node;
    members_[welcome.node] = std::move(comer->second);
    comers_.erase(comer);
  }
  for (auto& [node, remote] : members_)
    if (remote->session_id == session) return send(*remote, HeadToNode{welcome});
}

// ---- sessions -----------------------------------------------------------------------------------

// What both ends remember with a session begins and ends with it.
void Peers::begin_session(Remote& remote, uint64_t id) {
  end_session(remote);
  remote.session_id = id;
  remote.session = net::PeerSession{};
  remote.encoder = wire::PeerEncoder{};
  remote.decoder = wire::PeerDecoder{};
  remote.connections = 0;
  // Who connects: the node to the head, the newer of two nodes.
  bool connects = remote.kind == Kind::kHead;
  Network::SessionKey key{UINT64_MAX, id};
  if (remote.kind == Kind::kNode) {
    connects = node_ > remote.node;
    key = {std::max(node_, remote.node).value, std::min(node_, remote.node).value};
  }
  const auto& flights = world_.network.session(key);
  remote.out = flights[connects ? 0 : 1];
  remote.in = flights[connects ? 1 : 0];
  remote.out->from = remote.in->to = node_;
  remote.out->to = remote.in->from = remote.node;
}

void Peers::end_session(Remote& remote) {
  if (!remote.in) return;
  remote.in->is_closed = true;
  remote.in->messages.clear();
}

template <class Message>
void Peers::send(Remote& remote, Message&& message) {
  scratch_.clear();
  if (const Status encoded = remote.encoder.encode(message, scratch_); !encoded.ok())
    return world_.violation("S: a message cannot be encoded: " + encoded.error().message);
  if (!remote.out->is_closed) remote.out->messages.emplace_back(std::forward<Message>(message));
  remote.session.send(Bytes::copy(scratch_));
  if (remote.pipe) remote.pipe->wake();
}

void Peers::to_peer(NodeId node, PeerMessage&& message) { send(meet(node), std::move(message)); }

void Peers::to_head(NodeToHead&& message) {
  if (head_ && head_->session_id != 0) send(*head_, std::move(message));
}

void Peers::to_member(NodeId member, HeadToNode&& message) {
  if (Remote* remote = find(Kind::kMember, member)) send(*remote, std::move(message));
}

std::optional<LinkMessage> Peers::decode(Remote& remote, ByteSpan frame) {
  const auto take = [&](auto&& message) -> std::optional<LinkMessage> {
    if (message) return LinkMessage{std::move(*message)};
    world_.violation("S: a message cannot be decoded: " + message.error().message);
    return std::nullopt;
  };
  switch (remote.kind) {
    case Kind::kNode: return take(remote.decoder.decode_peer_message(frame));
    case Kind::kHead: return take(remote.decoder.decode_head_to_node(frame));
    case Kind::kMember: break;
  }
  return take(remote.decoder.decode_node_to_head(frame));
}

void Peers::receive(Remote& remote, ByteSpan frame) {
  auto message = decode(remote, frame);
  if (!message) return;
  const auto next = std::exchange(remote.next, Remote::Next::kRight);
  if (next == Remote::Next::kForgotten) return;
  if (next == Remote::Next::kTwice) judge(remote, *message);
  if (judge(remote, *message)) hear(remote, std::move(*message));
}

// S: what is heard is what was said, each once and in order, whatever became of connections.
bool Peers::judge(Remote& remote, const LinkMessage& message) {
  const FlightRef flight = remote.in;
  const NodeId from = remote.node;
  if (flight->messages.empty() ||
      text_of(from, flight->messages.front()) != text_of(from, message)) {
    std::string what;
    say(what, "S: ", node_, " hears from ", from, " ", text_of(from, message),
        ", which is not what follows");
    world_.violation(what);
    return false;
  }
  flight->messages.pop_front();
  return true;
}

void Peers::hear(Remote& remote, LinkMessage&& message) {
  const FlightRef flight = remote.in;
  const NodeId from = remote.node;
  if (auto* said = std::get_if<NodeToHead>(&message)) {
    if (auto* announce = std::get_if<Announce>(said))
      announce->view.identity = key_of(*remote.machine);
    if (auto* changed = std::get_if<ViewChanged>(said))
      changed->view.identity = key_of(*remote.machine);
    if (from == NodeId{}) {
      auto* announce = std::get_if<Announce>(said);
      if (announce == nullptr || std::exchange(remote.announced, true))
        return world_.violation("S: who has no ordinal yet says more than its first words");
      return world_.head().input(
          NodeJoins{remote.session_id, std::move(*announce), BesideHead::kNo});
    }
  }
  if (const auto* said = std::get_if<HeadToNode>(&message)) {
    if (const auto* welcome = std::get_if<Welcome>(said); welcome && node_ == NodeId{})
      return take_welcome(*welcome);
    if (node_ == NodeId{}) return;
    observe(*said);
  }
  world_.arrive(flight, std::move(message));
}

void Peers::take_welcome(const Welcome& welcome) {
  node_ = welcome.node;
  head_->out->from = head_->in->to = node_;
  world_.on_joined(*this, welcome, options_);
}

void Peers::on_closed(Remote& remote) {
  remote.session.on_disconnected();
  remote.pipe.reset();
  switch (remote.kind) {
    case Kind::kHead: return dial_later(remote);
    case Kind::kNode:
      if (node_ > remote.node) dial_later(remote);
      return;
    case Kind::kMember: break;
  }
  if (remote.node != NodeId{}) {
    world_.count("closed_connection");
    return world_.head().input(NodeDisconnected{remote.node});
  }
  if (!remote.announced) comers_.erase(remote.session_id);
}

void Peers::close_pipe(Remote& remote) {
  remote.session.on_disconnected();
  if (remote.pipe) std::exchange(remote.pipe, nullptr)->close();
}

void Peers::on_ack_owed() {
  if (std::exchange(ack_timer_runs_, true)) return;
  world_.after(kAckDelay, [this] {
    ack_timer_runs_ = false;
    for_each([](Remote& remote) {
      if (remote.pipe) remote.pipe->acknowledge();
    });
  });
}

// ---- a pipe -------------------------------------------------------------------------------------

void Peers::Pipe::wake() {
  if (remote_ == nullptr || waits_for_room_ || std::exchange(is_flush_scheduled_, true)) return;
  peers_.world_.after(kFlushDelay, [self = shared_from_this()] {
    self->is_flush_scheduled_ = false;
    self->write(net::PeerSession::Ack::kIfDue);
  });
}

void Peers::Pipe::acknowledge() {
  if (remote_ != nullptr && !waits_for_room_ && remote_->session.owes_ack())
    write(net::PeerSession::Ack::kNow);
}

void Peers::Pipe::on_room() {
  if (!std::exchange(waits_for_room_, false)) return;
  write(net::PeerSession::Ack::kIfDue);
}

void Peers::Pipe::write(net::PeerSession::Ack ack) {
  while (remote_ != nullptr && !waits_for_room_) {
    if (sent_ == output_.size()) {
      output_.clear();
      sent_ = 0;
      remote_->session.write(output_, kWriteBytes, ack);
      if (output_.empty()) return;
    }
    sent_ += connection_->send(side_, ByteSpan{output_}.subspan(sent_));
    if (sent_ == output_.size()) continue;
    waits_for_room_ = true;
    peers_.world_.count("full_connection");
  }
}

void Peers::Pipe::on_bytes(ByteSpan bytes) {
  if (remote_ == nullptr) return;
  const auto self = shared_from_this();
  World& world = peers_.world_;
  last_heard_ = world.now;
  meter_.add(bytes, [&](uint64_t number) {
    if (number <= remote_->session.received()) world.count("duplicate_at_resume");
  });
  net::PeerSession& session = remote_->session;
  session.add(bytes);
  while (remote_ != nullptr) {
    const auto message = session.next();
    if (!message) {
      peers_.close_pipe(*remote_);
      return world.violation("S: " + message.error().message);
    }
    if (!message->has_value()) break;
    peers_.receive(*remote_, **message);
  }
  if (remote_ == nullptr) return;
  if (session.has_to_write()) wake();
  if (session.owes_ack()) peers_.on_ack_owed();
}

void Peers::Pipe::on_end() {
  if (remote_ == nullptr) return;
  if (meter_.is_within()) peers_.world_.count("half_frame_lost");
  const auto self = shared_from_this();
  Remote& remote = *std::exchange(remote_, nullptr);
  connection_->close(side_);
  peers_.on_closed(remote);
}

void Peers::Pipe::close() {
  if (std::exchange(remote_, nullptr) != nullptr) connection_->close(side_);
}

void Peers::Pipe::vanish() {
  if (std::exchange(remote_, nullptr) != nullptr) connection_->vanish(side_);
}

}  // namespace rayd::sim
