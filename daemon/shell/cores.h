// Cores: the node core and, on the head's machine, the head core, run one input at a time.
//
//   head's daemon   begin() ──Welcome in process──▶ node core
//   another's       welcome() with what the head of another machine said ──▶ node core
//
// Inputs that actions cause (the two cores talk to each other by an in-process session) wait in a
// queue, so a core is never entered from inside of itself. A head action that depends on a journal
// record leaves when that record is committed.
//
// Belongs to the control thread.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "daemon/head/head_core.h"
#include "daemon/node/node_core.h"
#include "daemon/shell/batch_clock.h"

namespace rayd::shell {

/// Performs what the cores ask for. Called from inside feed(), in order; may call feed().
class Performer {
 public:
  virtual ~Performer() = default;
  /// Everything but messages to a head in this process, which Cores passes on itself.
  virtual void perform(NodeAction&& action) = 0;
  /// Everything but messages to the node beside the head, which Cores passes on itself.
  virtual void perform(HeadAction&& action) = 0;
  /// The node beside the head is about to hear this from it.
  virtual void observe(const HeadToNode& message) = 0;
};

class Cores {
 public:
  /// `head_options`: none where no head runs.
  Cores(Performer& performer, const BatchClock& clock, std::optional<HeadOptions> head_options,
        uint64_t random_seed);

  /// With a head, before the first input: what the journal holds. Then begin() starts the head's
  /// epoch and lets the node beside it join; `options.node` is filled in. Call it once; the first
  /// inputs may wait for the journal.
  void load(JournalRow&& row) { head_->load(std::move(row)); }
  void begin(NodeOptions options);
  /// Without one: a head elsewhere gave this node its ordinal. Call it once.
  void welcome(NodeOptions options, const Welcome& welcome);
  bool has_head() const { return head_ != nullptr; }

  void feed(NodeInput&& input);
  void feed(HeadInput&& input);
  void on_committed(uint64_t number);

  /// Ticks what is due.
  void tick();
  std::optional<Time> next_deadline() const;
  /// True once the node has its ordinal.
  bool has_joined() const { return node_ != nullptr; }
  NodeId node_id() const { return node_id_; }

  node::Snapshot node_snapshot() const { return node_->snapshot(); }
  /// Where an object's bytes lie in this node's store; nullopt: not here.
  std::optional<Extent> copy_here(ObjectId object) const { return node_->copy_here(object); }
  /// What the node knows of an object's value; nullptr: nothing.
  const Value* peek(ObjectId object) const { return node_->peek(object); }
  /// Precondition: has_head().
  head::HeadSnapshot head_snapshot() const { return head_->snapshot(); }
  const head::HeadCore& head() const { return *head_; }

 private:
  using Input = std::variant<NodeInput, HeadInput>;

  void work_off();
  void run(NodeInput&& input);
  void run(HeadInput&& input);
  void release(HeadAction&& action);
  void start_node(const Welcome& welcome);

  Performer& performer_;
  const BatchClock& clock_;
  std::unique_ptr<head::HeadCore> head_;  // null: it is elsewhere
  std::unique_ptr<node::NodeCore> node_;
  NodeOptions node_options_;
  NodeId node_id_;
  Random random_;
  std::deque<Input> inputs_;
  bool working_ = false;
  std::vector<NodeAction> node_actions_;
  std::vector<HeadAction> head_actions_;
  std::deque<HeadAction> held_;  // wait for the journal, in order
  uint64_t committed_ = 0;
};

}  // namespace rayd::shell
