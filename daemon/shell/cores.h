// Cores: the node core and, on the head's machine, the head core, run one input at a time.
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
  virtual void perform(NodeAction&& action) = 0;
  /// Everything but messages to the node beside the head, which Cores passes on itself.
  virtual void perform(HeadAction&& action) = 0;
};

class Cores {
 public:
  Cores(Performer& performer, const BatchClock& clock, HeadOptions head_options,
        uint64_t random_seed);

  /// Before the first input: what the journal holds. Then begin() starts the head's epoch and lets
  /// the node beside it join; `options.node` is filled in. Call it once; the first inputs may wait
  /// for the journal.
  void load(JournalRow&& row) { head_.load(std::move(row)); }
  void begin(NodeOptions options);

  void feed(NodeInput&& input);
  void feed(HeadInput&& input);
  void on_committed(uint64_t number);

  /// Ticks what is due, and says when the next tick is.
  std::optional<Time> tick();
  /// True once the node has its ordinal.
  bool has_joined() const { return node_ != nullptr; }
  NodeId node_id() const { return node_id_; }

  node::Snapshot node_snapshot() const { return node_->snapshot(); }
  /// What the node knows of an object's value; nullptr: nothing.
  const Value* peek(ObjectId object) const { return node_->peek(object); }
  head::HeadSnapshot head_snapshot() const { return head_.snapshot(); }

 private:
  using Input = std::variant<NodeInput, HeadInput>;

  void work_off();
  void run(NodeInput&& input);
  void run(HeadInput&& input);
  void release(HeadAction&& action);

  Performer& performer_;
  const BatchClock& clock_;
  head::HeadCore head_;
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
