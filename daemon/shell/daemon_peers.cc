// Other machines: joining them, or being joined, and what they say.
#include <chrono>
#include <cstdio>
#include <stdexcept>

#include "common/base/daemon_process.h"
#include "common/net/token.h"
#include "daemon/shell/daemon_core.h"
#include "daemon/shell/network.h"
#include "daemon/shell/rpc_front.h"

namespace rayd::shell {
namespace {

/// How long a machine that wants to join tries to reach the head.
constexpr Duration kJoinPatience = Duration::seconds(20);
/// How long one that ends waits until the head has written that down.
constexpr std::chrono::seconds kLeavePatience{2};

}  // namespace

void DaemonCore::open_network() {
  const Config& config = options_.config;
  if (options_.role == DaemonRole::kHead && config.bind.empty()) return;
  NetworkOptions network;
  network.identity_dir = options_.places.state_dir;
  network.bind = config.bind;
  network.advertise = config.advertise;
  network.peers.program = "rayd " + options_.version;
  network.peers.spin_budget = spin_budget_;
  network_ = std::make_unique<Network>(io_, *this, clock_, std::move(network));
  transfers_ = std::make_unique<Transfers>(io_, *this, store_, network_->peers().client_context());
}

// ---- joining ------------------------------------------------------------------------------------

void DaemonCore::join() {
  const auto address = parse_host_port(options_.config.address);
  if (!address)
    return fail_to_start({address.error().code, "--address: " + address.error().message});
  const auto token = parse_token(options_.token);
  if (!token) return fail_to_start({token.error().code, "the token: " + token.error().message});
  join_deadline_ = now_boottime() + kJoinPatience;
  rpc_->links().connect_to_head(network_->peers().client_context(),
                                [this] { return network_->peers().head_target(Lane::kControl); });
  network_->peers().connect_to_head({*address, token->head}, HelloToken{token->id, token->secret},
                                    node::first_words(node_options()));
}

void DaemonCore::on_head_unreachable(const Error& why) {
  if (cores_.has_joined()) return;
  const bool is_another = why.code == ErrorCode::kNotAllowed;  // than the token names
  if (is_another || now_boottime() >= join_deadline_) fail_to_start(why);
}

void DaemonCore::on_head_refused(const HelloRefused& why) {
  if (cores_.has_joined()) return begin_anew(why.text);
  fail_to_start(
      {ErrorCode::kNotAllowed, "the head at " + options_.config.address + " refuses: " + why.text});
}

void DaemonCore::fail_to_start(const Error& why) {
  log(Event::Level::kError, "join_failed", why.message);
  std::fprintf(stderr, "rayd: %s\n", why.message.c_str());
  if (options_.ready_fd >= 0) say_ready(not_ready_line(why));
  exit_status_ = 1;
  stop(StopWorker::How::kKill);
}

// The head has declared this ordinal dead: all it held is over, and so are its workers and clients.
void DaemonCore::begin_anew(const std::string& why) {
  if (begins_anew_) return;
  log(Event::Level::kWarn, "begins_anew", why);
  begins_anew_ = true;
  stop(StopWorker::How::kKill);
}

// So that what this node owned is over for the others at once, not when its lease has run out.
void DaemonCore::leave() {
  if (cores_.has_head() || begins_anew_ || !cores_.has_joined()) return;
  if (!network_->peers().reaches_head()) return;
  membership_ = Membership::kLeaves;
  network_->peers().to_head(NodeToHead{Leave{}});
  bool in_time = true;
  timer_.expires_after(kLeavePatience);
  timer_.async_wait([&](boost::system::error_code error) {
    if (!error) in_time = false;
  });
  while (in_time && membership_ != Membership::kLeft && network_->peers().reaches_head()) {
    io_.run_one();
  }
  timer_.cancel();
  io_.poll();  // the handler above holds what is on this stack
}

void DaemonCore::on_welcome(const Welcome& welcome) {
  epoch_ = welcome.epoch;
  if (cores_.has_joined()) return cores_.feed(NodeInput{FromHead{HeadToNode{welcome}}});
  network_->peers().set_node(welcome.node);
  NodeOptions options = node_options();
  options.address = network_->peers().own_address();
  log(Event::Level::kInfo, "joined", "as " + to_string(welcome.node) + " at " + options.address);
  cores_.welcome(std::move(options), welcome);
}

// ---- what they say ------------------------------------------------------------------------------

void DaemonCore::on_peer_message(NodeId from, PeerMessage&& message) {
  cores_.feed(NodeInput{FromPeer{from, std::move(message)}});
}

void DaemonCore::on_head_message(HeadToNode&& message) {
  if (const auto* welcome = std::get_if<Welcome>(&message)) return on_welcome(*welcome);
  if (!cores_.has_joined()) return;
  const auto* change = std::get_if<NodeStateChanged>(&message);
  if (change != nullptr && change->node == cores_.node_id() && change->state == NodeState::kDead) {
    if (membership_ == Membership::kStays) begin_anew("the head has declared this node dead");
    membership_ = Membership::kLeft;
    return;
  }
  learn(message);
  cores_.feed(NodeInput{FromHead{std::move(message)}});
}

void DaemonCore::observe(const HeadToNode& message) {
  if (!network_) return;
  if (const auto* welcome = std::get_if<Welcome>(&message)) {
    if (cores_.has_head()) network_->peers().set_node(welcome->node);
  } else {
    learn(message);
  }
}

void DaemonCore::learn(const HeadToNode& message) {
  network_->peers().observe(message);
  const auto* change = std::get_if<NodeStateChanged>(&message);
  if (change == nullptr || change->state != NodeState::kDead) return;
  transfers_->forget(change->node);
  rpc_->links().forget(change->node);
}

void DaemonCore::on_member_message(NodeId from, NodeToHead&& message) {
  cores_.feed(HeadInput{FromNode{from, std::move(message)}});
}

void DaemonCore::on_joins(uint64_t session, Announce&& announce) {
  cores_.feed(HeadInput{NodeJoins{session, std::move(announce), BesideHead::kNo}});
}

void DaemonCore::on_returns(uint64_t session) { cores_.feed(HeadInput{NodeConnected{session}}); }

void DaemonCore::on_member_lost(NodeId member) { cores_.feed(HeadInput{NodeDisconnected{member}}); }

std::optional<KeyHash> DaemonCore::member_key(NodeId member) const {
  return cores_.has_head() ? cores_.head().key_of(member) : std::nullopt;
}

std::optional<HelloRefused> DaemonCore::may_join(const KeyHash& key,
                                                 const std::optional<HelloToken>& token) {
  if (token) {
    const auto verdict = cores_.head().verify(
        unix_ms_now(), {token->id, hash_secret(token->secret)}, TokenRole::kJoin);
    if (verdict == head::TokenVerdict::kGood) return std::nullopt;
    log(Event::Level::kWarn, "join_refused",
        short_name(key) + ": " + to_string(token->id) + " is " + head::name_of(verdict));
    return refusal(HelloRefused::Reason::kToken,
                   head::refusal_of(verdict, TokenRole::kJoin).message);
  }
  if (cores_.head().knows(key)) return std::nullopt;
  return refusal(HelloRefused::Reason::kIdentity,
                 "this machine is not known here; join with a token: rayctl token create --role "
                 "join, at the head");
}

uint64_t DaemonCore::epoch() const { return cores_.has_head() ? cores_.head().epoch() : epoch_; }

// Members by their key, everybody else by a token.
void DaemonCore::on_control_arrival(std::unique_ptr<Arrival> arrival) {
  const Hello& hello = arrival->hello();
  auto peer = judge(*arrival);
  if (auto* refused = std::get_if<HelloRefused>(&peer)) {
    const std::string why = refused->text;
    return arrival->refuse(std::move(*refused), why);
  }
  HelloAccepted answer;
  answer.cluster = cores_.head().cluster();
  answer.node = hello.node;
  answer.epoch = epoch();
  rpc_->serve(std::move(arrival), answer, std::get<RpcPeer>(peer));
}

std::variant<RpcPeer, HelloRefused> DaemonCore::judge(const Arrival& arrival) {
  const Hello& hello = arrival.hello();
  if (!cores_.has_head()) {
    return refusal(HelloRefused::Reason::kNotHere, "the head of this cluster is another machine");
  }
  RpcPeer peer;
  if (hello.node != NodeId{}) {
    const auto key = member_key(hello.node);
    if (!key || *key != arrival.key()) {
      return refusal(HelloRefused::Reason::kDeadNode,
                     to_string(hello.node) + " is no member any more");
    }
    peer.role = RpcPeer::Role::kMember;
    peer.member = hello.node;
    return peer;
  }
  if (!hello.token) {
    return refusal(HelloRefused::Reason::kToken, "a token is needed: rayctl token create, there");
  }
  const head::PresentedToken presented{hello.token->id, hash_secret(hello.token->secret)};
  auto verdict = cores_.head().verify(unix_ms_now(), presented, TokenRole::kSubmit);
  peer.role = RpcPeer::Role::kSubmit;
  peer.key = arrival.key();
  if (verdict == head::TokenVerdict::kWrongRole) {
    verdict = cores_.head().verify(unix_ms_now(), presented, TokenRole::kLook);
    peer.role = RpcPeer::Role::kLook;
  }
  if (verdict == head::TokenVerdict::kGood) return peer;
  log(Event::Level::kWarn, "client_refused",
      to_string(arrival.from()) + ": " + to_string(hello.token->id) + " is " +
          head::name_of(verdict));
  return refusal(HelloRefused::Reason::kToken, head::refusal_of(verdict, TokenRole::kLook).message);
}

// ---- objects ------------------------------------------------------------------------------------

void DaemonCore::on_bulk_arrival(std::unique_ptr<Arrival> arrival) {
  if (auto refused = judge_bulk(*arrival)) {
    const std::string why = refused->text;
    return arrival->refuse(std::move(*refused), why);
  }
  const NodeId peer = arrival->hello().node;
  HelloAccepted answer;
  answer.cluster = network_->peers().cluster();
  answer.node = peer;
  answer.answerer = arrival->hello().to;
  answer.epoch = epoch();
  answer.plain_bulk = plain_bulk();
  auto link = arrival->accept(answer);
  if (link) transfers_->serve(peer, std::move(*link));
}

/// Only a node of this cluster, with its own key, takes objects from here.
std::optional<HelloRefused> DaemonCore::judge_bulk(const Arrival& arrival) const {
  using Reason = HelloRefused::Reason;
  const Hello& hello = arrival.hello();
  if (!cores_.has_joined() || hello.to != cores_.node_id()) {
    return refusal(Reason::kNotHere, to_string(hello.to) + " is not here");
  }
  if (hello.cluster != network_->peers().cluster()) {
    return refusal(Reason::kOtherCluster, "this machine belongs to another cluster");
  }
  const auto key = network_->peers().key_of(hello.node);
  if (!key) {
    return refusal(Reason::kBusy, "the head has not named " + to_string(hello.node) + " here");
  }
  if (*key != arrival.key()) {
    return refusal(Reason::kIdentity, to_string(hello.node) + " is another machine");
  }
  if (!transfers_->has_room_for(hello.node)) {
    return refusal(Reason::kBusy, "as many connections take objects from here as may");
  }
  return std::nullopt;
}

PlainBulk DaemonCore::plain_bulk() const {
  return options_.config.bulk_encryption == "off" ? PlainBulk::kYes : PlainBulk::kNo;
}

std::optional<Extent> DaemonCore::copy_here(ObjectId object) const {
  return cores_.copy_here(object);
}

std::optional<std::pair<DialTarget, Hello>> DaemonCore::bulk_target(NodeId node) const {
  auto target = network_->peers().bulk_target(node);
  if (target) target->second.plain_bulk = plain_bulk();
  return target;
}

void DaemonCore::on_pulled(const Pulled& pulled) { feed(NodeInput{pulled}); }

void DaemonCore::on_pull_failed(const PullFailed& failed) {
  log(Event::Level::kInfo, "pull_failed",
      to_string(failed.object) + " from " + to_string(failed.from) + ": " + failed.reason);
  feed(NodeInput{failed});
}

void DaemonCore::on_transfer_event(Event::Level level, const std::string& name,
                                   const std::string& text) {
  log(level, name, text);
}

void DaemonCore::on_peer_event(Event::Level level, const std::string& name,
                               const std::string& text) {
  log(level, name, text);
}

}  // namespace rayd::shell
