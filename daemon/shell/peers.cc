// Sessions: what is said and heard. Connections are in peers_connect.cc.
#include "daemon/shell/peers.h"

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <utility>

#include "daemon/shell/peers_remote.h"

namespace rayd::shell {
namespace {

/// How long an acknowledgement waits for something to travel with.
constexpr std::chrono::milliseconds kAckDelay{20};
constexpr size_t kKeptScratch = size_t{256} << 10;

}  // namespace

Peers::Peers(boost::asio::io_context& io, PeerEvents& events, const BatchClock& clock,
             const Identity& identity, PeersOptions options)
    : io_(io),
      events_(events),
      clock_(clock),
      options_(std::move(options)),
      client_context_(identity, TlsSide::kClient),
      ack_timer_(io),
      supervisor_(io) {
  supervise();
}

Peers::~Peers() = default;

// ---- who is there -------------------------------------------------------------------------------

Peers::Remote* Peers::find(NodeId node) {
  const auto it = nodes_.find(node);
  return it == nodes_.end() ? nullptr : it->second.get();
}

Peers::Remote* Peers::find_member(NodeId member) {
  const auto it = members_.find(member);
  return it == members_.end() ? nullptr : it->second.get();
}

std::optional<KeyHash> Peers::key_of(NodeId node) const {
  const auto it = nodes_.find(node);
  if (it == nodes_.end() || it->second->key.is_nil()) return std::nullopt;
  return it->second->key;
}

bool Peers::is_active() const { return clock_.now() - last_traffic_ < options_.spin_budget; }

void Peers::observe(const HeadToNode& message) {
  if (const auto* views = std::get_if<Views>(&message)) {
    for (const NodeView& view : views->changed) learn(view);
  } else if (const auto* change = std::get_if<NodeStateChanged>(&message)) {
    if (change->state != NodeState::kDead) return;
    nodes_.erase(change->node);
    dead_.insert(change->node);
  }
}

void Peers::welcome(uint64_t session, const Welcome& welcome) {
  const auto comer = comers_.find(session);
  if (comer != comers_.end()) {
    comer->second->node = welcome.node;
    members_[welcome.node] = std::move(comer->second);
    comers_.erase(comer);
  }
  for (auto& [node, remote] : members_)
    if (remote->session_id == session) return send(*remote, HeadToNode{welcome});
}

void Peers::note(Event::Level level, const std::string& name, const Remote& remote,
                 const std::string& text) {
  const std::string who = remote.kind == Kind::kHead ? "head" : to_string(remote.node);
  events_.on_peer_event(level, name, who + ": " + text);
}

// ---- out ----------------------------------------------------------------------------------------

template <class Message>
void Peers::send(Remote& remote, const Message& message) {
  scratch_.clear();
  if (const Status encoded = remote.encoder.encode(message, scratch_); !encoded.ok()) {
    // What cores send is within the limits; a value that is not cannot be replaced by nothing.
    return fail_session(remote, encoded.error());
  }
  remote.session.send(Bytes::copy(scratch_));
  if (scratch_.capacity() > kKeptScratch) scratch_.shrink_to_fit();
  last_traffic_ = clock_.now();
  if (remote.pipe) remote.pipe->wake();
}

void Peers::to_peer(NodeId node, const PeerMessage& message) {
  if (!dead_.contains(node)) send(meet(node), message);
}

void Peers::to_head(const NodeToHead& message) {
  if (head_ && head_->session_id != 0) send(*head_, message);
}

bool Peers::reaches_head() const { return head_ && head_->pipe; }

void Peers::to_member(NodeId member, const HeadToNode& message) {
  if (Remote* remote = find_member(member)) send(*remote, message);
}

// ---- in -----------------------------------------------------------------------------------------

// Handlers may end the session, or the remote: nothing of it is touched after one.
bool Peers::receive(Remote& remote, ByteSpan frame) {
  last_traffic_ = clock_.now();
  const auto refuse = [&](const Error& why) {
    fail_session(remote, why);
    return false;
  };
  switch (remote.kind) {
    case Kind::kNode: {
      auto message = remote.decoder.decode_peer_message(frame);
      if (!message) return refuse(message.error());
      events_.on_peer_message(remote.node, std::move(*message));
      return true;
    }
    case Kind::kHead: {
      auto message = remote.decoder.decode_head_to_node(frame);
      if (!message) return refuse(message.error());
      events_.on_head_message(std::move(*message));
      return true;
    }
    case Kind::kMember: break;
  }
  auto message = remote.decoder.decode_node_to_head(frame);
  if (!message) return refuse(message.error());
  if (auto* announce = std::get_if<Announce>(&*message)) announce->view.identity = remote.key;
  if (auto* changed = std::get_if<ViewChanged>(&*message)) changed->view.identity = remote.key;
  if (remote.node != NodeId{}) {
    events_.on_member_message(remote.node, std::move(*message));
    return true;
  }
  auto* announce = std::get_if<Announce>(&*message);
  if (announce == nullptr || std::exchange(remote.announced, true)) {
    return refuse({ErrorCode::kCorrupt, "it has no ordinal yet and speaks as if it had"});
  }
  events_.on_joins(remote.session_id, std::move(*announce));
  return true;
}

// A session that cannot go on: both ends' memories differ. Its ordinal is of no use any more; the
// head will find it silent, and it joins anew.
void Peers::fail_session(Remote& remote, const Error& why) {
  note(Event::Level::kError, "session_failed", remote, why.message);
  remote.failed = true;
  remote.pipe.reset();
  remote.session.on_disconnected();
  if (remote.kind == Kind::kMember && remote.node != NodeId{}) events_.on_member_lost(remote.node);
  if (remote.kind == Kind::kHead) dial_later(remote);
}

void Peers::on_closed(Remote& remote, const Error& why) {
  note(Event::Level::kInfo, "peer_disconnected", remote, why.message);
  remote.session.on_disconnected();
  remote.pipe.reset();
  switch (remote.kind) {
    case Kind::kHead: return dial_later(remote);
    case Kind::kNode:
      if (node_ > remote.node) dial_later(remote);
      return;
    case Kind::kMember: break;
  }
  if (remote.node != NodeId{}) return events_.on_member_lost(remote.node);
  if (!remote.announced) comers_.erase(remote.session_id);
}

void Peers::on_ack_owed() {
  if (std::exchange(ack_timer_runs_, true)) return;
  ack_timer_.expires_after(kAckDelay);
  ack_timer_.async_wait([this](boost::system::error_code error) {
    if (error) return;
    ack_timer_runs_ = false;
    // A pipe that breaks meanwhile is reset, the tables stay as they are.
    for (auto* table : {&nodes_, &members_})
      for (auto& [node, remote] : *table)
        if (remote->pipe) remote->pipe->acknowledge();
    if (head_ && head_->pipe) head_->pipe->acknowledge();
  });
}

}  // namespace rayd::shell
