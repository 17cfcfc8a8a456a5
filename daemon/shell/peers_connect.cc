// Connections: made, taken, replaced, watched.
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <utility>

#include "common/net/asio_socket.h"
#include "daemon/shell/peers_remote.h"

namespace rayd::shell {
namespace {

constexpr Duration kDialTimeout = Duration::seconds(5);
constexpr Duration kProbeTimeout = Duration::seconds(3);  // whoever joins waits for it
constexpr std::chrono::seconds kSupervision{1};
/// A connection that carries no answer for so long is made anew; the session goes on.
constexpr Duration kSilence = Duration::seconds(3);

/// Of sessions between two nodes, which are theirs for as long as both ordinals live.
constexpr uint64_t kNodeSession = 1;

bool is_final(HelloRefused::Reason reason) {
  switch (reason) {
    case HelloRefused::Reason::kVersion:
    case HelloRefused::Reason::kToken:
    case HelloRefused::Reason::kIdentity:
    case HelloRefused::Reason::kDeadNode:
    case HelloRefused::Reason::kOtherCluster:
    case HelloRefused::Reason::kUnreachable: return true;
    case HelloRefused::Reason::kUnknown:
    case HelloRefused::Reason::kNotHere:
    case HelloRefused::Reason::kBusy: return false;
  }
  return false;
}

}  // namespace

// ---- making -------------------------------------------------------------------------------------

void Peers::connect_to_head(const DialTarget& head, std::optional<HelloToken> token,
                            Announce announce) {
  token_ = token;
  announce_ = std::move(announce);
  head_ = std::make_unique<Remote>(*this, Kind::kHead, NodeId{});
  head_->key = head.pinned;
  head_->address = to_string(head.address);
  dial(*head_);
}

void Peers::set_node(NodeId node) {
  node_ = node;
  token_.reset();
}

// Known by name before the head says where it is: another node may speak of it sooner.
Peers::Remote& Peers::meet(NodeId node) {
  auto& remote = nodes_[node];
  if (!remote) {
    remote = std::make_unique<Remote>(*this, Kind::kNode, node);
    remote->begin_session(kNodeSession);
  }
  return *remote;
}

void Peers::learn(const NodeView& view) {
  if (view.node == node_ || view.node == NodeId{}) return;
  Remote& remote = meet(view.node);
  remote.key = KeyHash{view.identity};
  const bool moved = remote.address != view.address;
  remote.address = view.address;
  if (moved && node_ > view.node && !remote.pipe) dial(remote);
}

Hello Peers::hello_of(const Remote& remote) const {
  Hello hello;
  hello.program = options_.program;
  hello.lane = Lane::kPeer;
  hello.cluster = cluster_;
  hello.node = node_;
  hello.to = remote.node;
  if (remote.kind == Kind::kHead && node_ == NodeId{}) {
    hello.token = token_;
    hello.reached_at = announce_.view.address;
  }
  hello.resume = {remote.session_id, remote.session.received()};
  return hello;
}

std::optional<std::pair<DialTarget, Hello>> Peers::head_target(Lane lane) const {
  if (!head_ || node_ == NodeId{}) return std::nullopt;
  Hello hello;
  hello.program = options_.program;
  hello.lane = lane;
  hello.cluster = cluster_;
  hello.node = node_;
  return std::pair{DialTarget{*parse_host_port(head_->address), head_->key}, hello};
}

std::optional<std::pair<DialTarget, Hello>> Peers::bulk_target(NodeId node) const {
  const auto it = nodes_.find(node);
  if (it == nodes_.end() || node_ == NodeId{}) return std::nullopt;
  const auto address = where(*it->second);
  if (!address) return std::nullopt;
  Hello hello;
  hello.program = options_.program;
  hello.lane = Lane::kBulk;
  hello.cluster = cluster_;
  hello.node = node_;
  hello.to = node;
  return std::pair{DialTarget{*address, it->second->key}, hello};
}

std::optional<HostPort> Peers::where(const Remote& remote) const {
  // The node beside the head may listen everywhere; it is where the head is.
  const bool beside_head = remote.address.starts_with(':') && head_;
  const auto address = parse_host_port(beside_head ? head_->address : remote.address);
  if (!address) return std::nullopt;
  return *address;
}

void Peers::dial(Remote& remote) {
  const auto address = where(remote);
  if (!address) return;
  remote.retry.cancel();
  remote.dial = std::make_unique<AsioDial>(
      io_, client_context_, DialTarget{*address, remote.key}, hello_of(remote), kDialTimeout,
      [this, &remote](DialResult result) { on_dialled(remote, std::move(result)); });
}

void Peers::dial_later(Remote& remote) {
  remote.dial.reset();
  remote.retry.expires_after(remote.backoff.next());
  remote.retry.async_wait([this, &remote](boost::system::error_code error) {
    if (!error) dial(remote);
  });
}

void Peers::on_dialled(Remote& remote, DialResult result) {
  remote.dial.reset();
  if (auto* refused = std::get_if<HelloRefused>(&result)) return on_refused(remote, *refused);
  if (auto* error = std::get_if<Error>(&result)) {
    if (remote.kind == Kind::kHead) events_.on_head_unreachable(*error);
    return dial_later(remote);
  }
  auto& dialled = std::get<Dialled>(result);
  remote.backoff.reset();
  if (remote.kind == Kind::kHead) {
    cluster_ = dialled.accepted.cluster;
    if (announce_.view.address.starts_with(':')) {
      // It listens everywhere: by the way to the head the others may come too.
      HostPort local = *parse_host_port("x" + announce_.view.address);
      local.host = host_of(local_address(dialled.link.socket.get()));
      announce_.view.address = to_string(local);
    }
    if (dialled.accepted.resume.session != remote.session_id || node_ == NodeId{}) {
      // Another process, or the first time: what the old one had not heard, the core says again.
      remote.begin_session(dialled.accepted.resume.session);
    }
  }
  if (const Status attached =
          attach(remote, std::move(dialled.link), dialled.accepted.resume.received);
      !attached.ok()) {
    return fail_session(remote, attached.error());
  }
  note(Event::Level::kInfo, "peer_connected", remote, to_string(dialled.to));
  if (remote.kind == Kind::kHead && node_ == NodeId{}) send(remote, NodeToHead{announce_});
}

void Peers::on_refused(Remote& remote, const HelloRefused& why) {
  if (remote.kind == Kind::kHead && is_final(why.reason)) return events_.on_head_refused(why);
  note(Event::Level::kDebug, "peer_refused", remote, why.text);
  dial_later(remote);
}

Status Peers::attach(Remote& remote, Link link, uint64_t peer_received) {
  remote.pipe.reset();
  remote.session.on_disconnected();
  if (const Status resumed = remote.session.on_connected(peer_received); !resumed.ok()) {
    return resumed;
  }
  remote.pipe = std::make_unique<PeerPipe>(attach_link(io_, std::move(link)), remote.session,
                                           remote, clock_.now());
  return {};
}

// ---- taking -------------------------------------------------------------------------------------

void Peers::on_arrival(std::unique_ptr<Arrival> arrival) {
  const Hello& hello = arrival->hello();
  if (!hello.cluster.is_nil() && hello.cluster != cluster_) {
    return arrival->refuse(refusal(HelloRefused::Reason::kOtherCluster,
                                   "this machine belongs to another cluster; end the daemon there "
                                   "(rayctl stop) and join with a token of this one"),
                           "another cluster");
  }
  if (hello.to == NodeId{}) return arrive_at_head(std::move(arrival));
  if (hello.to == node_) return arrive_at_node(std::move(arrival));
  arrival->refuse(refusal(HelloRefused::Reason::kNotHere, to_string(hello.to) + " is not here"),
                  "it looks for " + to_string(hello.to));
}

void Peers::arrive_at_head(std::unique_ptr<Arrival> arrival) {
  const Hello& hello = arrival->hello();
  if (head_) {
    return arrival->refuse(
        refusal(HelloRefused::Reason::kNotHere, "the head of this cluster is another machine"),
        "the head is not here");
  }
  if (hello.node == NodeId{}) return consider(std::move(arrival));
  const auto key = events_.member_key(hello.node);
  if (!key || *key != arrival->key()) {
    return arrival->refuse(
        refusal(HelloRefused::Reason::kDeadNode, to_string(hello.node) + " is no member any more"),
        to_string(hello.node) + " is dead, or not this machine");
  }
  auto& member = members_[hello.node];
  if (member && member->failed) {
    return arrival->refuse(refusal(HelloRefused::Reason::kDeadNode,
                                   "the session with " + to_string(hello.node) + " has failed"),
                           "its session has failed");
  }
  // One session in an epoch, whichever its hello names: it may not have heard of this one yet, or
  // be an old hello that a cut has held up, and must not end what has been said since.
  const bool returns = !member;
  if (returns) {
    member = std::make_unique<Remote>(*this, Kind::kMember, hello.node);
    member->key = *key;
    member->begin_session(events_.epoch() << 32 | next_session_++);
  }
  const uint64_t session = member->session_id;
  accept(*member, *arrival);
  if (returns) events_.on_returns(session);
}

// Who may join is tried first: a member that others cannot connect to would be of little use, and
// nobody would know why.
void Peers::consider(std::unique_ptr<Arrival> arrival) {
  const Hello& hello = arrival->hello();
  if (auto refused = events_.may_join(arrival->key(), hello.token)) {
    return arrival->refuse(*refused, "may not join: " + refused->text);
  }
  if (hello.reached_at.empty()) return join(*arrival);
  const bool at_its_host = hello.reached_at.starts_with(':');
  auto address = parse_host_port(at_its_host ? "x" + hello.reached_at : hello.reached_at);
  if (!address) {
    return arrival->refuse(refusal(HelloRefused::Reason::kUnreachable, address.error().message),
                           "a bad address");
  }
  if (at_its_host) address->host = host_of(arrival->from());
  Hello question;
  question.program = options_.program;
  question.lane = Lane::kProbe;
  const DialTarget target{*address, arrival->key()};
  const uint64_t id = next_probe_++;
  Probe& probe = probes_[id];
  probe.arrival = std::move(arrival);
  probe.dial =
      std::make_unique<AsioDial>(io_, client_context_, target, question, kProbeTimeout,
                                 [this, id](const DialResult& result) { on_probed(id, result); });
}

void Peers::on_probed(uint64_t id, const DialResult& result) {
  const std::unique_ptr<Arrival> arrival = std::move(probes_.at(id).arrival);
  probes_.erase(id);
  const auto* failed = std::get_if<Error>(&result);
  if (failed == nullptr) return join(*arrival);
  const std::string& address = arrival->hello().reached_at;
  const std::string text = "the head cannot connect to this machine at " + address + " (" +
                           failed->message +
                           "): open that port here, or say how others reach it with --advertise "
                           "ADDR[:PORT]";
  arrival->refuse(refusal(HelloRefused::Reason::kUnreachable, text), text);
}

void Peers::on_probe(std::unique_ptr<Arrival> arrival) {
  if (!head_ || arrival->key() != head_->key) {
    return arrival->refuse(refusal(HelloRefused::Reason::kIdentity, "only the head may ask this"),
                           "a probe, and not by the head");
  }
  HelloAccepted answer;
  answer.cluster = cluster_;
  static_cast<void>(arrival->accept(answer));  // that it was answered is all there is to say
}

void Peers::join(Arrival& arrival) {
  const uint64_t session = events_.epoch() << 32 | next_session_++;
  auto& comer = comers_[session];
  comer = std::make_unique<Remote>(*this, Kind::kMember, NodeId{});
  comer->key = arrival.key();
  comer->begin_session(session);
  accept(*comer, arrival);
  if (!comer->pipe) comers_.erase(session);
}

void Peers::arrive_at_node(std::unique_ptr<Arrival> arrival) {
  Remote* remote = find(arrival->hello().node);
  if (remote == nullptr || remote->key.is_nil()) {
    return arrival->refuse(refusal(HelloRefused::Reason::kBusy, "the head has not named it yet"),
                           to_string(arrival->hello().node) + " is not known yet");
  }
  if (remote->key != arrival->key()) {
    return arrival->refuse(refusal(HelloRefused::Reason::kIdentity, "this is another machine's"),
                           "not the key of " + to_string(remote->node));
  }
  if (remote->failed) {
    return arrival->refuse(
        refusal(HelloRefused::Reason::kNotHere, "this session has failed, see the log"),
        "its session has failed");
  }
  accept(*remote, *arrival);
}

void Peers::accept(Remote& remote, Arrival& arrival) {
  const std::string from = to_string(arrival.from());  // an answered arrival says nothing more
  const uint64_t peer_received =
      arrival.hello().resume.session == remote.session_id ? arrival.hello().resume.received : 0;
  HelloAccepted answer;
  answer.cluster = cluster_;
  answer.node = arrival.hello().node;
  answer.answerer = arrival.hello().to;
  answer.epoch = events_.epoch();
  answer.resume = {remote.session_id, remote.session.received()};
  auto link = arrival.accept(answer);
  if (!link) return note(Event::Level::kInfo, "peer_left", remote, link.error().message);
  if (const Status attached = attach(remote, std::move(*link), peer_received); !attached.ok()) {
    return fail_session(remote, attached.error());
  }
  note(Event::Level::kInfo, "peer_connected", remote, from);
}

// ---- watching -----------------------------------------------------------------------------------

// A cut that no end was told of: the connection is made anew, by the one who makes it.
void Peers::supervise() {
  supervisor_.expires_after(kSupervision);
  supervisor_.async_wait([this](boost::system::error_code error) {
    if (error) return;
    supervise();
    const Time now = clock_.now();
    const auto is_silent = [&](const Remote& remote) {
      return remote.pipe && now - remote.pipe->last_heard() > kSilence;
    };
    const auto replace = [&](Remote& remote) {
      note(Event::Level::kInfo, "peer_silent", remote, "connecting again");
      remote.pipe.reset();
      remote.session.on_disconnected();
      dial_later(remote);
    };
    // The dead have been told so while they were connected; they come again as others.
    std::erase_if(members_, [&](const auto& entry) {
      return !entry.second->pipe && !events_.member_key(entry.first);
    });
    if (head_ && is_silent(*head_)) replace(*head_);
    for (auto& [node, remote] : nodes_)
      if (node_ > node && is_silent(*remote) && remote->session.has_unacked()) replace(*remote);
  });
}

}  // namespace rayd::shell
