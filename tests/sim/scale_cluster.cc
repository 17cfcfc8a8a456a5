#include "tests/sim/scale_cluster.h"

#include <malloc.h>
#include <time.h>

#include <utility>

#include "common/base/check.h"

namespace rayd::sim {
namespace {

constexpr Duration kLink = Duration::micros(100);
constexpr Duration kCommit = Duration::millis(1);
constexpr Duration kWorkerStart = Duration::millis(1);
constexpr Duration kTask = Duration::millis(10);
constexpr Duration kConstruct = Duration::millis(1);
constexpr Quantity kCpus = 8 * kUnit;

const ClientId kDriver{1, 2};

int64_t cpu_now_ns() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

/// Adds the processor time of its life.
class Stopwatch {
 public:
  explicit Stopwatch(int64_t& sum) : sum_(sum), since_(cpu_now_ns()) {}
  ~Stopwatch() { sum_ += cpu_now_ns() - since_; }

 private:
  int64_t& sum_;
  int64_t since_;
};

uint64_t heap_bytes() {
  const auto info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

template <class Core>
uint64_t bytes_of(std::unique_ptr<Core>& core) {
  const uint64_t before = heap_bytes();
  core.reset();
  return before - heap_bytes();
}

}  // namespace

ScaleCluster::ScaleCluster(uint32_t nodes) : wanted_(nodes), now_(Time{1'000'000'000}) {
  nodes_.resize(nodes);
  head_ = std::make_unique<head::HeadCore>(HeadOptions{});
  std::vector<HeadAction> actions;
  HeadContext context{now_, random_, actions};
  head_->begin_epoch(context);
  for (HeadAction& action : actions) {
    if (auto* append = std::get_if<Append>(&action.what)) appended_ = append->number;
  }
  commit();
}

ScaleCluster::~ScaleCluster() = default;

void ScaleCluster::after(Duration delay, std::function<void()> run) {
  events_.push({now_ + delay, next_order_++, std::move(run)});
}

void ScaleCluster::step() {
  // The queue gives no way to move out of its top; the event is about to be removed.
  Event event = std::move(const_cast<Event&>(events_.top()));
  events_.pop();
  now_ = event.time;
  event.run();
}

void ScaleCluster::run_for(Duration duration) {
  const Time end = now_ + duration;
  while (!events_.empty() && events_.top().time <= end) step();
  now_ = end;
}

// ---- the head -----------------------------------------------------------------------------------

void ScaleCluster::on_head(HeadInput&& input) {
  std::vector<HeadAction> actions;
  std::optional<Time> due;
  {
    const Stopwatch watch(head_meter_.cpu_ns);
    HeadContext context{now_, random_, actions};
    due = head_->next_deadline();
    if (due && *due <= now_) head_->on(context, HeadTick{});
    head_->on(context, std::move(input));
    due = head_->next_deadline();
  }
  for (HeadAction& action : actions) {
    if (auto* append = std::get_if<Append>(&action.what)) {
      if (appended_ == committed_) after(kCommit, [this] { commit(); });
      appended_ = append->number;
    } else if (action.after > committed_) {
      held_.push_back(std::move(action));
    } else {
      leave(std::move(action));
    }
  }
  if (!due || (head_tick_at_ && *head_tick_at_ <= *due && *head_tick_at_ > now_)) return;
  head_tick_at_ = std::max(*due, now_ + Duration::micros(1));
  events_.push({*head_tick_at_, next_order_++, [this, time = *head_tick_at_] {
                  if (head_tick_at_ != time) return;
                  head_tick_at_.reset();
                  on_head(HeadTick{});
                }});
}

void ScaleCluster::commit() {
  committed_ = appended_;
  on_head(Committed{committed_});
  std::deque<HeadAction> held = std::exchange(held_, {});
  for (HeadAction& action : held) {
    if (action.after > committed_)
      held_.push_back(std::move(action));
    else
      leave(std::move(action));
  }
}

void ScaleCluster::leave(HeadAction&& action) {
  if (auto* joiner = std::get_if<ToJoiner>(&action.what)) {
    Node& joined = node(joiner->welcome.node);
    joined.options.node = joiner->welcome.node;
    joined.core = std::make_unique<node::NodeCore>(joined.options);
    ++head_meter_.messages_out;
    return after(kLink, [this, welcome = joiner->welcome] {
      on_node(welcome.node, FromHead{HeadToNode{welcome}});
    });
  }
  auto* to_node = std::get_if<ToNode>(&action.what);
  if (to_node == nullptr) return;
  const NodeId id = to_node->node;
  std::vector<uint8_t> bytes;
  {
    const Stopwatch watch(head_meter_.codec_ns);
    RAY_CHECK(node(id).head_encoder.encode(to_node->message, bytes).ok());
  }
  ++head_meter_.messages_out;
  head_meter_.bytes_out += bytes.size();
  // What is not measured need not be decoded again.
  auto message = std::make_shared<HeadToNode>(std::move(to_node->message));
  after(kLink, [this, id, message] { on_node(id, FromHead{std::move(*message)}); });
}

void ScaleCluster::join(uint32_t index) {
  NodeOptions& options = nodes_[index].options;
  options.name = "machine-" + std::to_string(index + 1);
  options.address = options.name + ".example.org:7420";
  options.identity.bytes[0] = 1;
  options.identity.bytes[1] = static_cast<uint8_t>(index >> 8);
  options.identity.bytes[2] = static_cast<uint8_t>(index);
  options.total.cpu = kCpus;
  options.max_workers = 2'000;
  options.store_capacity_bytes = uint64_t{1} << 30;
  options.store_virtual_bytes = uint64_t{64} << 30;
  const auto beside_head = index == 0 ? BesideHead::kYes : BesideHead::kNo;
  on_head(NodeJoins{index + 1, node::first_words(options), beside_head});
}

void ScaleCluster::join_all() {
  for (uint32_t index = 0; index < wanted_; ++index)
    after(Duration::micros(10 * int64_t{index}), [this, index] { join(index); });
  run_for(Duration::seconds(3));
}

// ---- nodes --------------------------------------------------------------------------------------

void ScaleCluster::on_node(NodeId id, NodeInput&& input) {
  Node& at = node(id);
  std::vector<NodeAction> actions;
  std::optional<Time> due;
  {
    const Stopwatch watch(at.cpu_ns);
    NodeContext context{now_, random_, actions};
    due = at.core->next_deadline();
    if (due && *due <= now_) at.core->on(context, Tick{});
    at.core->on(context, std::move(input));
    due = at.core->next_deadline();
  }
  for (NodeAction& action : actions)
    std::visit([&](auto&& what) { perform(id, std::move(what)); }, std::move(action));
  if (!due || (at.tick_at && *at.tick_at <= *due && *at.tick_at > now_)) return;
  at.tick_at = std::max(*due, now_ + Duration::micros(1));
  events_.push({*at.tick_at, next_order_++, [this, id, time = *at.tick_at] {
                  if (node(id).tick_at != time) return;
                  node(id).tick_at.reset();
                  on_node(id, Tick{});
                }});
}

void ScaleCluster::perform(NodeId id, ToPeer&& action) {
  auto message = std::make_shared<PeerMessage>(std::move(action.message));
  after(kLink, [this, id, to = action.node, message] {
    on_node(to, FromPeer{id, std::move(*message)});
  });
}

void ScaleCluster::perform(NodeId id, ToHead&& action) {
  std::vector<uint8_t> bytes;
  RAY_CHECK(node(id).encoder.encode(action.message, bytes).ok());
  after(kLink, [this, id, bytes = std::move(bytes)] {
    ++head_meter_.messages_in;
    head_meter_.bytes_in += bytes.size();
    const int64_t since = cpu_now_ns();
    auto message = node(id).head_decoder.decode_node_to_head(bytes);
    head_meter_.codec_ns += cpu_now_ns() - since;
    RAY_CHECK(message.ok());
    on_head(FromNode{id, std::move(*message)});
  });
}

void ScaleCluster::perform(NodeId id, StartWorker&& action) {
  node(id).workers[action.worker];
  after(kWorkerStart, [this, id, worker = action.worker] {
    on_node(id, WorkerStarted{worker, 1});
  });
}

void ScaleCluster::perform(NodeId id, StopWorker&& action) {
  Worker& worker = node(id).workers[action.worker];
  if (!std::exchange(worker.alive, false)) return;
  after(kLink, [this, id, ended = action.worker] {
    on_node(id, WorkerDied{ended, "exit status 0", {}});
  });
}

void ScaleCluster::perform(NodeId id, ToWorker&& action) {
  node(id).workers[action.worker].ring.push_back(std::move(action.run));
  claim(id, action.worker);
}

void ScaleCluster::perform(NodeId id, RevokeSlot&& action) {
  Worker& worker = node(id).workers[action.worker];
  auto outcome = SlotRevoked::Outcome::kAlreadyStarted;
  for (auto slot = worker.ring.begin(); slot != worker.ring.end(); ++slot) {
    const bool has_started = worker.runs && slot == worker.ring.begin();
    if (slot->task != action.task || slot->attempt != action.attempt || has_started) continue;
    worker.ring.erase(slot);
    outcome = SlotRevoked::Outcome::kWon;
    break;
  }
  after(Duration::micros(1), [this, id, action, outcome] {
    on_node(id, SlotRevoked{action.worker, action.task, action.attempt, outcome});
  });
}

void ScaleCluster::claim(NodeId id, ClientId worker_id) {
  Worker& worker = node(id).workers[worker_id];
  if (worker.runs || worker.ring.empty() || !worker.alive) return;
  worker.runs = true;
  ++starts_;
  ++node(id).started;
  last_start_ = now_;
  const bool constructs = worker.ring.front().call->kind == CallTemplate::Kind::kActorCreation;
  after(constructs ? kConstruct : kTask, [this, id, worker_id] { finish(id, worker_id); });
}

void ScaleCluster::finish(NodeId id, ClientId worker_id) {
  Worker& worker = node(id).workers[worker_id];
  const Run run = std::move(worker.ring.front());
  worker.ring.pop_front();
  worker.runs = false;
  Done done{run.task, run.attempt, {}, nullptr};
  done.results.resize(run.call->return_count);
  for (Value& value : done.results) value.kind = Value::Kind::kInline;
  on_node(id, FromClient{worker_id, ClientMessage{std::move(done)}});
  claim(id, worker_id);
}

// ---- the driver ---------------------------------------------------------------------------------

void ScaleCluster::feed_driver(std::shared_ptr<std::deque<ClientMessage>> messages) {
  for (int i = 0; i < 64 && !messages->empty(); ++i) {
    on_node(NodeId{1}, FromClient{kDriver, std::move(messages->front())});
    messages->pop_front();
  }
  if (!messages->empty()) after(Duration::micros(20), [this, messages] { feed_driver(messages); });
}

void ScaleCluster::submit(uint32_t tasks) {
  CallTemplate call;
  call.function.name = "work";
  call.demand.cpu = kUnit;
  auto messages = std::make_shared<std::deque<ClientMessage>>();
  messages->push_back(DefineTemplate{0, call});
  for (uint32_t i = 0; i < tasks; ++i) {
    Submit submit{TaskId::make(kDriver, next_seq_++), 0, {}};
    submit.args.resize(1);
    submit.args[0].value.kind = Value::Kind::kInline;
    messages->push_back(std::move(submit));
  }
  on_node(NodeId{1}, ClientConnected{kDriver, "driver", "", {}});
  run_for(Duration::millis(100));
  starts_ = 0;
  for (Node& node : nodes_) node.started = 0;
  feed_driver(messages);
}

void ScaleCluster::create_actors(uint32_t actors) {
  CallTemplate call;
  call.kind = CallTemplate::Kind::kActorCreation;
  call.function.name = "Counter";
  call.return_count = 0;
  call.max_retries = 0;
  call.actor.placement_demand.cpu = kUnit;
  auto messages = std::make_shared<std::deque<ClientMessage>>();
  messages->push_back(DefineTemplate{1, call});
  for (uint32_t i = 0; i < actors; ++i)
    messages->push_back(CreateActor{TaskId::make(kDriver, next_seq_++), 1, {}});
  starts_ = 0;
  for (Node& node : nodes_) node.started = 0;
  feed_driver(messages);
}

// ---- what it cost -------------------------------------------------------------------------------

int64_t ScaleCluster::take_cpu_ns_of_others() {
  int64_t sum = 0;
  for (uint32_t i = 1; i < nodes_.size(); ++i) sum += take_cpu_ns(i);
  return sum;
}

uint64_t ScaleCluster::nodes_used() const {
  uint64_t used = 0;
  for (const Node& node : nodes_) used += node.started > 0 ? 1 : 0;
  return used;
}

uint64_t ScaleCluster::head_bytes() { return bytes_of(head_); }
uint64_t ScaleCluster::node_bytes(uint32_t node) { return bytes_of(nodes_[node].core); }

}  // namespace rayd::sim
