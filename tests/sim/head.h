// Head: a HeadCore with a journal that commits when chance wants, and may be killed and started
// again from what was committed.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "common/types/node_io.h"
#include "daemon/head/head_core.h"
#include "tests/sim/peers.h"

namespace rayd::sim {

class World;

class Head {
 public:
  explicit Head(World& world);

  void input(HeadInput&& input);
  /// Its process dies, with what was not committed, and a new one loads the journal.
  /// After so long, in which there is no head.
  void restart(Duration away, Peers::End how);
  /// The daemon in this process asks for its ordinal; World::on_joined follows.
  void join(NodeOptions options);
  std::optional<KeyHash> key_of(NodeId node) const { return core_->key_of(node); }
  /// Of a node that comes over the network.
  uint64_t new_session() { return core_->epoch() << 32 | next_session_++; }
  head::HeadSnapshot snapshot() const { return core_->snapshot(); }
  uint64_t restarts() const { return restarts_; }

 private:
  void begin();
  void come_back();
  void on_core(HeadInput&& input);
  void perform(std::vector<HeadAction>&& actions);
  void perform(HeadAction&& action);
  void leave(HeadAction&& action);
  void commit(uint64_t generation, uint64_t number);
  void schedule_commit();
  void schedule_tick();
  void on(ToNode&& action);
  void on(ToJoiner&& action);
  void on(FetchResult&& action);
  void on(RequestReply&& action);
  void on(JobChanged&& action);
  void on(HeadEvent&&) {}
  void on(Append&&) {}

  World& world_;
  std::unique_ptr<head::HeadCore> core_;
  std::vector<JournalRow> committed_;
  std::deque<Append> appended_;  // not committed yet
  std::deque<HeadAction> held_;  // wait for a commit
  uint64_t committed_number_ = 0;
  bool is_commit_scheduled_ = false;
  uint64_t generation_ = 0;  // of the process
  bool is_away_ = false;     // there is none
  uint64_t restarts_ = 0;
  uint64_t next_session_ = 1;
  std::map<uint64_t, NodeOptions> joining_;  // in this process, by session
  std::optional<Time> tick_at_;
};

}  // namespace rayd::sim
