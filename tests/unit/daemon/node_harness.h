// A node core in a test's hands: inputs go in one by one, actions are taken out by their type.
#pragma once

#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "daemon/node/node_core.h"

namespace rayd::node {

inline constexpr NodeId kHere{1};

inline NodeOptions test_options() {
  NodeOptions options;
  options.node = kHere;
  options.name = "test";
  options.total.cpu = 2 * kUnit;
  options.store_capacity_bytes = 1 << 20;
  options.store_virtual_bytes = 16 << 20;
  return options;
}

template <class T, class Variant>
inline constexpr bool is_one_of = false;
template <class T, class... Ts>
inline constexpr bool is_one_of<T, std::variant<Ts...>> = (std::is_same_v<T, Ts> || ...);

class TestNode {
 public:
  explicit TestNode(NodeOptions options = test_options()) : id(options.node), core(options) {}

  void on(NodeInput&& input) {
    NodeContext context{now, random_, out};
    core.on(context, std::move(input));
  }
  void from(ClientId client, ClientMessage message) { on(FromClient{client, std::move(message)}); }
  void from(NodeId node, PeerMessage message) { on(FromPeer{node, std::move(message)}); }
  void from_head(HeadToNode message) { on(FromHead{std::move(message)}); }
  void pass(Duration duration) {
    now = now + duration;
    on(Tick{});
  }

  /// A driver with its job.
  ClientId connect() {
    const ClientId client{id.value, next_client_};
    next_client_ += 2;
    on(ClientConnected{client, "driver", "", {}});
    from_head(OperationReply{{client, 0}, nullptr, {}, JobId{client.serial}});
    out.clear();
    return client;
  }

  /// Removes and returns the actions of one type, or the messages of one type among them.
  template <class T>
  std::vector<T> take() {
    std::vector<T> taken;
    std::erase_if(out, [&](NodeAction& action) {
      T* found = find<T>(action);
      if (found == nullptr) return false;
      taken.push_back(std::move(*found));
      return true;
    });
    return taken;
  }
  /// The only one of its type.
  template <class T>
  T take_one() {
    std::vector<T> taken = take<T>();
    if (taken.size() != 1) throw std::runtime_error(std::to_string(taken.size()) + " of them");
    return std::move(taken.front());
  }

  /// nullptr: this node does not know it.
  const ObjectSnapshot* find(ObjectId object) {
    seen_ = core.snapshot();
    for (const ObjectSnapshot& known : seen_.objects)
      if (known.object == object) return &known;
    return nullptr;
  }

  NodeId id;
  NodeCore core;
  Time now{Duration::seconds(1000).ns};
  std::vector<NodeAction> out;

 private:
  template <class T>
  static T* find(NodeAction& action) {
    if constexpr (is_one_of<T, NodeAction>) return std::get_if<T>(&action);
    if constexpr (is_one_of<T, ClientAnswer>) return within<T, ToClient>(action);
    if constexpr (is_one_of<T, PeerMessage>) return within<T, ToPeer>(action);
    if constexpr (is_one_of<T, NodeToHead>) return within<T, ToHead>(action);
  }
  template <class T, class To>
  static T* within(NodeAction& action) {
    To* to = std::get_if<To>(&action);
    return to == nullptr ? nullptr : std::get_if<T>(&to->message);
  }

  Random random_{1};
  uint32_t next_client_ = 2;
  Snapshot seen_;
};

inline Value inline_value(const std::string& text, std::vector<ObjectId> contains = {}) {
  Value value;
  value.kind = Value::Kind::kInline;
  value.bytes = Bytes::copy(text);
  value.size = text.size();
  value.contains = std::move(contains);
  return value;
}

inline Value stored_value(const Extent& extent) {
  Value value;
  value.kind = Value::Kind::kStored;
  value.extent = extent;
  value.size = extent.length - 64;
  return value;
}

}  // namespace rayd::node
