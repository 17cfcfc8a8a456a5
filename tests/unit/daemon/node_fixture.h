// A cluster of node cores in one thread for stories: processes, rings with claim words and sessions
// are simulated; the story says when a worker claims, finishes, blocks or dies.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "daemon/node/node_core.h"

namespace rayd::node::test {

/// One worker process with its work ring.
struct FakeWorker {
  ClientId id;
  ImageHash image;
  bool is_started = false;
  bool is_stopping = false;
  bool is_cancelled = false;  // the cancel word of what it runs
  std::deque<Run> queued;     // unclaimed slots
  std::deque<Run> running;    // claimed, in order (one, for a plain worker)
};

class Cluster {
 public:
  enum class Starts : uint8_t { kAtOnce, kByHand };
  struct Config {
    uint32_t nodes = 1;
    int64_t cpus = 2;
    int64_t gpus_of_last = 0;  // of the last node
    uint32_t max_workers = 0;
    Starts starts = Starts::kAtOnce;
  };
  explicit Cluster(Config config);
  virtual ~Cluster();

  // ---- drivers --------------------------------------------------------------------------------
  /// Connects a driver to a node; it has a job of its own.
  ClientId connect(uint32_t node = 1);
  /// Registers a template; its number for `submit`.
  uint32_t define(ClientId client, CallTemplate call);
  TaskId submit(ClientId client, uint32_t call, std::vector<Arg> args = {});
  ObjectId put(ClientId client, std::vector<ObjectId> contains = {});
  void say(ClientId client, ClientMessage message);
  void release(ClientId client, ObjectId object, uint32_t count = 1);
  /// Asks for the value; `answer` has it once it is ready.
  void want(ClientId client, ObjectId object);
  /// The value the client was told; nullptr: none yet.
  const Value* answer(ClientId client, ObjectId object) const;
  /// The error code it was told; kOk: none, or a value.
  ErrorCode error(ClientId client, ObjectId object) const;
  void leave(ClientId client);

  // ---- workers --------------------------------------------------------------------------------
  std::vector<FakeWorker*> workers(uint32_t node = 1);
  FakeWorker& worker(ClientId id);
  bool has_worker(ClientId id) const { return nodes_.at(id.node)->workers.contains(id); }
  /// The process is there (Starts::kByHand).
  void started(FakeWorker& worker);
  void start_failed(FakeWorker& worker, std::string reason);
  /// Claims its next slot; nullptr: none.
  const Run* claim(FakeWorker& worker);
  /// Claims on whichever worker has the task in a slot that is next.
  FakeWorker* claim(TaskId task);
  FakeWorker* runner_of(TaskId task);
  /// Ends what it claimed first as its template says: with `text` and these references, if with
  /// any.
  void done(FakeWorker& worker, std::string text = "", std::vector<ObjectId> contains = {});
  void done_stored(FakeWorker& worker, uint64_t bytes);
  /// Room in the store for a client to write in.
  Extent grant_arena(ClientId client, uint64_t bytes);
  void threw(FakeWorker& worker);
  void die(FakeWorker& worker, std::string cause = "signal 9 (Killed)");
  /// Claims and finishes everything on all nodes until nothing is queued.
  void run_all();
  size_t total_queued() const;

  // ---- the rest -------------------------------------------------------------------------------
  void advance(Duration duration);
  /// Views of all nodes to all others.
  void share_views();
  void node_state(uint32_t node, NodeState state);
  void job_ended(JobId job);
  /// Any input, as a shell would give it.
  void tell(uint32_t node, NodeInput message) { input(node, std::move(message)); }
  /// The head as the owner of job roots.
  void from_head(uint32_t node, PeerMessage message) { input(node, FromHead{std::move(message)}); }
  Snapshot snapshot(uint32_t node = 1) const;
  const TaskSnapshot* task(TaskId task) const;  // unfinished ones; of the last call
  JobId job_of(ClientId client) const { return jobs_.at(client); }
  NodeCore& core(uint32_t node = 1) { return *nodes_.at(node)->core; }
  /// The answers to RevokeSlot are held until `release_revokes`.
  void hold_revokes() { are_revokes_held_ = true; }
  void release_revokes();
  size_t held_revokes() const { return held_.size(); }
  /// Messages to this node are kept back until `reconnect`.
  void disconnect(uint32_t node) { disconnected_.insert(node); }
  void reconnect(uint32_t node);
  Time now() const { return now_; }
  uint64_t finished(ClientId client) const;
  /// granted − lent ≤ total on every node, unless a lender has resumed.
  void check_resources() const;
  bool allows_overcommit = false;
  std::map<ClientId, std::vector<GroupReply>> group_replies;
  std::vector<NodeAction> last_actions;  // of the last input

 protected:
  struct Node {
    NodeId id;
    std::unique_ptr<NodeCore> core;
    std::map<ClientId, FakeWorker> workers;
    std::map<ClientId, uint64_t> finished;
    uint16_t next_segment = 1;
  };
  struct Pending {
    uint32_t node = 0;
    NodeInput input;
  };

  void input(uint32_t node, NodeInput input);
  void settle();
  void perform(Node& node, NodeAction&& action);
  void revoke(Node& node, const RevokeSlot& action);
  virtual void on_head(Node& node, NodeToHead&& message);
  /// Time has come to here.
  virtual void on_time() {}
  virtual std::optional<Time> other_deadline() const { return std::nullopt; }

  Starts starts_;
  Time now_{Duration::seconds(1).ns};
  Random random_{7};
  std::map<uint32_t, std::unique_ptr<Node>> nodes_;
  std::deque<Pending> pending_;
  std::deque<Pending> held_;
  std::deque<Pending> unreachable_;
  std::set<uint32_t> disconnected_;
  bool are_revokes_held_ = false;
  bool is_settling_ = false;
  uint64_t inputs_ = 0;
  std::map<ClientId, std::map<ObjectId, Value>> answers_;
  std::map<ClientId, std::vector<ActorFound>> found_;
  std::map<ClientId, std::string> refused_;
  std::map<ClientId, uint64_t> next_seq_;
  std::map<ClientId, uint32_t> next_template_;
  std::map<ClientId, JobId> jobs_;
  std::map<ClientId, Extent> arenas_;
  uint32_t next_driver_ = 2;
  uint32_t next_job_ = 1;
  std::map<uint32_t, NodeView> views_;
  mutable Snapshot last_snapshot_;
};

/// A plain task's template.
CallTemplate call_of(std::string name, int64_t cpus = 1, uint8_t image = 1);
/// An argument that is a reference, or a value of its own.
Arg by_reference(ObjectId object);
Arg by_value(std::string text, std::vector<ObjectId> contains = {});

}  // namespace rayd::node::test
