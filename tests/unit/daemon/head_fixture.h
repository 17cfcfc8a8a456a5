// A head core with its journal and its nodes' ears: what it says arrives in order, once its rows
// are committed.
#pragma once

#include <deque>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "daemon/head/head_core.h"

namespace rayd::head {

template <class T, class Variant>
inline constexpr bool kIsOneOf = false;
template <class T, class... Types>
inline constexpr bool kIsOneOf<T, std::variant<Types...>> = (std::is_same_v<T, Types> || ...);

class HeadFixture {
 public:
  explicit HeadFixture(HeadOptions options = {}) : core(options) {}

  enum class Commits : bool { kBySelf, kByHand };

  void begin() {
    HeadContext context{now, random, out, kUnixMs};
    core.begin_epoch(context);
    take();
  }
  void on(HeadInput input) {
    HeadContext context{now, random, out, kUnixMs};
    core.on(context, std::move(input));
    take();
  }
  void from(NodeId node, NodeToHead message) { on(FromNode{node, std::move(message)}); }

  /// What was said and has left, oldest first; then it is forgotten.
  template <class T>
  std::vector<T> heard_by(NodeId node) {
    std::vector<T> heard;
    std::erase_if(left, [&](const HeadAction& action) {
      const auto* to = std::get_if<ToNode>(&action.what);
      if (to == nullptr || to->node != node) return false;
      const T* message = nullptr;
      if constexpr (kIsOneOf<T, HeadToNode>) message = std::get_if<T>(&to->message);
      if constexpr (kIsOneOf<T, PeerMessage>)
        if (const auto* peer = std::get_if<PeerMessage>(&to->message))
          message = std::get_if<T>(peer);
      if (message == nullptr) return false;
      heard.push_back(*message);
      return true;
    });
    return heard;
  }
  template <class T>
  std::vector<T> said() {
    std::vector<T> found;
    std::erase_if(left, [&](const HeadAction& action) {
      const auto* what = std::get_if<T>(&action.what);
      if (what != nullptr) found.push_back(*what);
      return what != nullptr;
    });
    return found;
  }

  void commit() {
    committed = appended;
    on(Committed{committed});
    while (!held.empty() && held.front().after <= committed) {
      left.push_back(std::move(held.front()));
      held.pop_front();
    }
  }

  /// A node with so many CPUs: it joins and announces itself.
  NodeId join(int64_t cpus, BesideHead beside_head = BesideHead::kNo) {
    NodeJoins joins;
    joins.session = 77;
    joins.announce.view.name = "host";
    joins.beside_head = beside_head;
    on(joins);
    const auto welcomes = said<ToJoiner>();
    const NodeId node = welcomes.back().welcome.node;
    from(node, announce_of(node, cpus));
    return node;
  }
  static Announce announce_of(NodeId node, int64_t cpus) {
    Announce announce;
    announce.view.node = node;
    announce.view.version = 1;
    announce.view.name = "host";
    announce.view.total.cpu = cpus * kUnit;
    return announce;
  }
  void renew(NodeId node) { from(node, RenewLease{++renewals}); }
  void advance(Duration duration) { now = now + duration; }
  void tick() { on(HeadTick{}); }

  HeadCore core;
  Time now{1'000'000'000};
  Random random{1};
  Commits commits = Commits::kBySelf;
  std::vector<JournalRow> rows;  // appended, in order

  static constexpr int64_t kUnixMs = 1'700'000'000'000;

 private:
  void take() {
    std::vector<HeadAction> actions = std::move(out);
    out.clear();
    for (HeadAction& action : actions) {
      if (auto* append = std::get_if<Append>(&action.what)) {
        appended = append->number;
        rows.push_back(std::move(append->row));
      } else if (action.after <= committed) {
        left.push_back(std::move(action));
      } else {
        held.push_back(std::move(action));
      }
    }
    if (commits == Commits::kBySelf && committed < appended) commit();
  }

  std::vector<HeadAction> out;
  std::vector<HeadAction> left;
  std::deque<HeadAction> held;
  uint64_t appended = 0;
  uint64_t committed = 0;
  uint64_t renewals = 0;
};

}  // namespace rayd::head
