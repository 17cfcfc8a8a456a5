// Connections: made, taken, replaced, watched.
#include <utility>

#include "tests/sim/peers_remote.h"

namespace rayd::sim {
namespace {

constexpr Duration kDialTimeout = Duration::seconds(5);
constexpr Duration kSupervision = Duration::seconds(1);
constexpr Duration kSilence = Duration::seconds(3);
constexpr uint64_t kNodeSession = 1;

}  // namespace

// ---- making -------------------------------------------------------------------------------------

void Peers::connect_to_head(NodeOptions options) {
  options_ = std::move(options);
  head_ = std::make_unique<Remote>();
  head_->kind = Kind::kHead;
  head_->machine = kHeadMachine;
  dial(*head_);
}

Peers::Remote& Peers::meet(NodeId node) {
  auto& remote = nodes_[node];
  if (!remote) {
    remote = std::make_unique<Remote>();
    remote->node = node;
    begin_session(*remote, kNodeSession);
  }
  return *remote;
}

void Peers::learn(const NodeView& view) {
  if (view.node == node_ || view.node == NodeId{}) return;
  Remote& remote = meet(view.node);
  const auto machine = machine_at(view.address);
  const bool moved = remote.machine != machine;
  remote.machine = machine;
  if (moved && node_ > view.node && !remote.pipe) dial(remote);
}

void Peers::dial(Remote& remote) {
  if (!remote.machine) return;
  ++remote.retries;
  Greeting greeting;
  greeting.machine = machine_;
  greeting.node = node_;
  greeting.to = remote.node;
  greeting.session = remote.session_id;
  greeting.received = remote.session.received();
  remote.dial = std::make_shared<Dial>(*this, remote.kind, remote.node);
  remote.dial->begin(greeting, *remote.machine);
}

void Peers::dial_later(Remote& remote) {
  if (remote.dial) std::exchange(remote.dial, nullptr)->give_up();
  const auto pause = Duration::millis(remote.backoff.next().count());
  world_.after(pause, [this, kind = remote.kind, node = remote.node, number = ++remote.retries] {
    Remote* still = is_up_ ? find(kind, node) : nullptr;
    if (still != nullptr && still->retries == number) dial(*still);
  });
}

void Peers::on_dialled(Remote& remote, const GreetingAnswer& answer,
                       const std::shared_ptr<Connection>& connection) {
  using Verdict = GreetingAnswer::Verdict;
  remote.dial.reset();
  if (answer.verdict != Verdict::kAccepted) {
    connection->close(Connection::kDialer);
    if (answer.verdict == Verdict::kDead && remote.kind == Kind::kHead && node_ != NodeId{}) {
      world_.count("refused_dead");
      return world_.begin_anew(node_);
    }
    return dial_later(remote);
  }
  remote.backoff.reset();
  if (remote.kind == Kind::kHead && (answer.session != remote.session_id || node_ == NodeId{}))
    begin_session(remote, answer.session);
  attach(remote, connection, Connection::kDialer, answer.received);
  if (remote.kind == Kind::kHead && node_ == NodeId{})
    send(remote, NodeToHead{node::first_words(options_)});
}

void Peers::on_dial_failed(Remote& remote) {
  world_.count("dial_failed");
  dial_later(remote);
}

void Peers::attach(Remote& remote, const std::shared_ptr<Connection>& connection,
                   Connection::Side side, uint64_t peer_received) {
  close_pipe(remote);
  if (++remote.connections > 1) {
    world_.count("session_resumed");
    if (world_.random.chance(world_.network.stale_resumes, 100))
      peer_received -= std::min<uint64_t>(peer_received, 1 + world_.random.below(4));
    if (world_.is_broken(Break::kResumesTooFar) && remote.session.has_unacked()) ++peer_received;
    if (world_.is_broken(Break::kForgetsAtResume)) remote.next = Remote::Next::kForgotten;
    if (world_.is_broken(Break::kTwiceAtResume)) remote.next = Remote::Next::kTwice;
  }
  if (const Status resumed = remote.session.on_connected(peer_received); !resumed.ok())
    return world_.violation("S: " + resumed.error().message);
  remote.pipe = std::make_shared<Pipe>(*this, remote, connection, side);
  connection->set_reader(side, remote.pipe);
  remote.pipe->wake();
}

// ---- an attempt ---------------------------------------------------------------------------------

void Peers::Dial::begin(const Greeting& greeting, Machine to) {
  connection_ = peers_.world_.network.dial(greeting, to, shared_from_this());
  peers_.world_.after(kDialTimeout, [self = shared_from_this()] { self->on_end(); });
}

void Peers::Dial::give_up() {
  if (connection_) std::exchange(connection_, nullptr)->close(Connection::kDialer);
}

// Null: nobody waits for it any more.
Peers::Remote* Peers::Dial::awaited() {
  if (!connection_ || !peers_.is_up_) return nullptr;
  Remote* remote = peers_.find(kind_, node_);
  return remote != nullptr && remote->dial.get() == this ? remote : nullptr;
}

void Peers::Dial::on_answer(const GreetingAnswer& answer) {
  const auto self = shared_from_this();
  if (Remote* remote = awaited())
    peers_.on_dialled(*remote, answer, std::exchange(connection_, nullptr));
}

void Peers::Dial::on_end() {
  const auto self = shared_from_this();
  Remote* remote = awaited();
  give_up();
  if (remote != nullptr) peers_.on_dial_failed(*remote);
}

// ---- taking -------------------------------------------------------------------------------------

void Peers::on_arrival(const Greeting& greeting, const std::shared_ptr<Connection>& connection) {
  if (greeting.to == kHeadNode && role_ == Role::kHead) return arrive_at_head(greeting, connection);
  if (greeting.to == node_ && node_ != NodeId{}) return arrive_at_node(greeting, connection);
  connection->answer({});
}

void Peers::arrive_at_head(const Greeting& greeting,
                           const std::shared_ptr<Connection>& connection) {
  if (greeting.node == NodeId{}) return join(greeting, connection);
  const auto key = world_.head().key_of(greeting.node);
  if (!key || *key != sim::key_of(greeting.machine))
    return connection->answer({GreetingAnswer::Verdict::kDead, 0, 0});
  auto& member = members_[greeting.node];
  const bool returns = !member;  // one session in an epoch, as in the daemon
  if (!returns && member->session_id != greeting.session) world_.count("older_greeting");
  if (returns) {
    member = std::make_unique<Remote>();
    member->kind = Kind::kMember;
    member->node = greeting.node;
    member->machine = greeting.machine;
    begin_session(*member, world_.head().new_session());
  }
  const uint64_t session = member->session_id;
  accept(*member, greeting, connection);
  if (returns) world_.head().input(NodeConnected{session});
}

void Peers::join(const Greeting& greeting, const std::shared_ptr<Connection>& connection) {
  const uint64_t session = world_.head().new_session();
  auto& comer = comers_[session];
  comer = std::make_unique<Remote>();
  comer->kind = Kind::kMember;
  comer->machine = greeting.machine;
  begin_session(*comer, session);
  accept(*comer, greeting, connection);
}

void Peers::arrive_at_node(const Greeting& greeting,
                           const std::shared_ptr<Connection>& connection) {
  Remote* remote = find(Kind::kNode, greeting.node);
  if (remote == nullptr || remote->machine != greeting.machine) {
    world_.count("not_named_yet");
    return connection->answer({});
  }
  accept(*remote, greeting, connection);
}

void Peers::accept(Remote& remote, const Greeting& greeting,
                   const std::shared_ptr<Connection>& connection) {
  const bool resumes = greeting.session == remote.session_id;
  connection->answer(
      {GreetingAnswer::Verdict::kAccepted, remote.session_id, remote.session.received()});
  attach(remote, connection, Connection::kAcceptor, resumes ? greeting.received : 0);
}

// ---- watching -----------------------------------------------------------------------------------

// A cut that no end was told of: the connection is made anew, by the one who makes it.
void Peers::supervise() {
  world_.after(kSupervision, [this] {
    if (!is_up_) return;
    supervise();
    const auto replace_if_silent = [&](Remote& remote) {
      if (!remote.pipe || world_.now - remote.pipe->last_heard() <= kSilence) return;
      world_.count("silent_connection");
      close_pipe(remote);
      dial_later(remote);
    };
    std::erase_if(members_, [&](const auto& entry) {
      return !entry.second->pipe && !world_.head().key_of(entry.first);
    });
    if (head_) replace_if_silent(*head_);
    for (auto& [node, remote] : nodes_)
      if (node_ > node && remote->session.has_unacked()) replace_if_silent(*remote);
  });
}

}  // namespace rayd::sim
