// Client: a program that talks to its node's daemon through rings: a driver, or the client side of
// a worker. It counts handles and received grants as client/core does, and runs scripts.
//
// What it says lies in its `out` ring until the daemon drains it; what the daemon answers lies in
// `answers` until the client reads it. When it is killed, what it had published is still drained.
#pragma once

#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/types/node_io.h"
#include "tests/sim/oracle.h"
#include "tests/sim/script.h"

namespace rayd::sim {

class Node;
class World;

inline constexpr uint64_t kHeaderBytes = 64;
inline constexpr uint64_t kArenaBytes = 64 * 1024;

inline Bytes bytes_of_token(uint64_t token) {
  return Bytes::copy(ByteSpan{reinterpret_cast<const uint8_t*>(&token), sizeof(token)});
}
inline uint64_t token_in(const Bytes& bytes) {
  uint64_t token = 0;
  if (bytes.size() == sizeof(token)) std::memcpy(&token, bytes.data(), sizeof(token));
  return token;
}

/// A script at work.
struct Fiber {
  Fiber(const ScriptSpec& spec) : script(spec) {}
  uint64_t number = 0;
  Script script;
  std::vector<ObjectId> variables;  // nil: dropped
  Run run;                          // a worker's
  OutcomeRef actor;                 // a method's
  enum class State : uint8_t { kRunning, kWaiting, kWantsRoom, kFinds, kEnded };
  State state = State::kRunning;
  bool is_blocked = false;    // the daemon was told
  uint64_t wait = 0;          // and the number of the wait; 0: nothing may run inside of it
  Step step;                  // what it waits in
  std::set<ObjectId> unread;  // kWaiting: for these
  uint64_t request = 0;       // kWantsRoom, kFinds
  bool is_cancelled = false;  // the cancel word
  std::map<uint64_t, ObjectId> names;  // of actors it has made
};

class Client {
 public:
  Client(World& world, Node& node, ClientId id);
  virtual ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  ClientId id() const { return id_; }
  Node& node() const { return node_; }
  bool is_alive() const { return is_alive_; }
  bool is_worker() const { return id_.serial % 2 == 1; }

  /// Runs a driver's script; false: it has ended.
  void start_driver(const ScriptSpec& spec);
  bool has_fibers() const { return !fibers_.empty(); }
  /// Asks something about placement groups; whatever comes is what groups.h makes of it.
  void ask(GroupRequest::What what, GroupInfo group);
  GroupId mint_group() { return GroupId::of(TaskId::make(id_, next_seq_++)); }
  /// Ends a detached actor, as somebody who knows its name would.
  void kill_by_name(const std::string& name, const std::string& name_space);

  /// The process is gone. What it published stays in `out`.
  void die();
  /// The answer reaches the client after a while.
  void answer(ClientAnswer&& message);

  // ---- for the node ---------------------------------------------------------------------------
  std::deque<ClientMessage> out;  // published, not drained
  bool is_draining = false;       // a drain is scheduled

  // ---- for the checker ------------------------------------------------------------------------
  const std::map<ObjectId, uint64_t>& received() const { return received_; }
  const std::deque<ClientAnswer>& answers() const { return answers_; }
  std::string state_text() const;
  /// A driver's messages wait in its daemon until it has its job.
  bool is_admitted() const { return is_worker() || is_admitted_; }
  bool is_writing() const { return arena_ || own_extent_; }
  void admit() { is_admitted_ = true; }

 protected:
  void publish(ClientMessage&& message);
  Fiber& add_fiber(const ScriptSpec& spec);
  void schedule(Fiber& fiber);
  /// What the fiber ended with.
  virtual void finish(Fiber& fiber, std::vector<Value>&& results, ErrorRef error);
  /// The arguments as the program reads them; false: it cannot, and the fiber has ended.
  bool take_run_arguments(Fiber& fiber, const std::vector<Argument>& arguments);
  /// For workers: nothing to do any more.
  virtual void on_idle() {}
  virtual void on_run_inline(uint64_t) {}

  World& world_;
  Node& node_;
  ClientId id_;
  bool is_alive_ = true;
  bool is_admitted_ = false;
  std::vector<std::unique_ptr<Fiber>> fibers_;

 private:
  struct OpenArena {
    Extent arena;
    uint64_t used = 0;
  };

  // handles (client.cc)
  void add_handle(ObjectId object) { ++handles_[object]; }
  void drop_handle(ObjectId object);
  void receive(ObjectId object);

  // answers (client.cc)
  void read_answers();
  void on(Ready&& message);
  void on(ActorFound&& message);
  void on(ArenaGranted&& message);
  void on(ArenaRefused&& message);
  void on(SessionError&& message);
  void on(GroupReply&& message);
  void on(RunInline&& message) { on_run_inline(message.wait); }
  void on_read(Fiber& fiber, const Ready& message);
  void read_buried();
  bool read_value(ObjectId object, const Value& value, Fiber& fiber);
  bool take_run_argument(Fiber& fiber, const Value& value, const Argument& argument);
  bool check_value(ObjectId object, const Value& value, uint64_t& token);

  // steps (client_steps.cc)
  void run(uint64_t fiber);
  void carry_out(Fiber& fiber, Step&& step);
  void submit(Fiber& fiber, const Step& step);
  void create_actor(Fiber& fiber, const Step& step);
  void call_actor(Fiber& fiber, const Step& step);
  void find_actor(Fiber& fiber, const Step& step);
  void cancel(Fiber& fiber, const Step& step);
  void put(Fiber& fiber, const Step& step);
  void wait(Fiber& fiber, std::vector<ObjectId> objects, Want::Fetch fetch);
  void give_up_waiting(uint64_t fiber);
  void stop_waiting(Fiber& fiber);
  void leave_wait(Fiber& fiber);
  /// Others run inside of its wait: it sees nothing until they have ended.
  bool is_buried(const Fiber& fiber) const { return is_worker() && fibers_.back().get() != &fiber; }
  void return_results(Fiber& fiber, const Step& step);
  void fail(Fiber& fiber, const char* type);
  void end(Fiber& fiber, std::vector<Value>&& results, ErrorRef error);
  void add_variable(Fiber& fiber, ObjectId object, Script::Variable kind);
  ObjectId variable(const Fiber& fiber, int number) const;
  std::vector<Arg> make_args(Fiber& fiber, const Step& step, std::vector<Argument>& arguments);
  uint32_t template_of(const CallTemplate& call);
  CallTemplate call_of(const Step& step, CallTemplate::Kind kind) const;
  Value value_of(const Fiber& fiber, const Piece& piece, uint64_t token) const;
  OutcomeRef outcome_of(const Value& value, uint64_t token) const;
  /// Where to write `size` bytes; nullopt: asked for, the step is carried out again with the
  /// answer.
  std::optional<Extent> find_room(Fiber& fiber, uint64_t size);
  bool fill(Fiber& fiber, Value& value, uint32_t size, uint64_t token);
  Fiber* find_fiber(uint64_t number);
  void remove_fiber(uint64_t number);

  std::deque<ClientAnswer> answers_;
  std::map<ObjectId, uint64_t> handles_;
  std::map<ObjectId, uint64_t> received_;
  std::map<CallTemplate, uint32_t> templates_;
  std::optional<OpenArena> arena_;
  std::optional<Extent> own_extent_;  // granted for one large object
  uint64_t next_seq_ = 1;
  uint64_t next_request_ = 1;
  uint64_t next_fiber_ = 1;
  uint64_t waits_ = 0;
  std::deque<std::pair<uint64_t, Ready>> buried_;  // answers for fibers that cannot see them yet
};

}  // namespace rayd::sim
