// HeadCore: the control tables of the cluster: nodes and their leases, epochs, the actor directory,
// named actors, jobs and modules (protocols.md P3, §5), as a state machine without I/O.
//
// Rows are journalled before any message that depends on them leaves (HeadAction::after). Loaded
// rows go in by `load` before the first `on`.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "common/types/head_io.h"
#include "daemon/head/tokens.h"

namespace rayd::head {

/// What `status`, `list` and the checker see.
struct HeadSnapshot {
  ClusterId cluster;
  uint64_t epoch = 0;
  uint64_t m = 0;
  uint64_t settled = 0;
  struct Node {
    NodeView view;
    NodeState state = NodeState::kAlive;
  };
  std::vector<Node> nodes;
  std::vector<ActorRow> actors;
  std::vector<JobRow> jobs;
  std::vector<ModuleRow> modules;
  std::vector<TokenRow> tokens;
  std::vector<GroupRow> groups;
};

class HeadCore {
 public:
  explicit HeadCore(HeadOptions options);
  ~HeadCore();
  HeadCore(const HeadCore&) = delete;
  HeadCore& operator=(const HeadCore&) = delete;

  /// Before the first `on`: the rows of the journal, in order, then one call of `begin_epoch`.
  void load(JournalRow&& row);
  void begin_epoch(HeadContext& context);

  void on(HeadContext& context, HeadInput&& input);
  std::optional<Time> next_deadline() const;
  HeadSnapshot snapshot() const;
  /// Who has presented this may do that, or why not.
  TokenVerdict verify(int64_t unix_ms, const PresentedToken& presented, TokenRole wanted) const;
  /// The key of a live member.
  std::optional<KeyHash> key_of(NodeId node) const;
  /// This key's machine is, or was, a member.
  bool knows(const KeyHash& key) const;
  ClusterId cluster() const;
  uint64_t epoch() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace rayd::head
