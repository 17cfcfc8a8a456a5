#include "tests/sim/repeats.h"

#include <algorithm>

namespace rayd::sim {
namespace {

template <class Message, class... Others>
inline constexpr bool kIsOneOf = (std::is_same_v<Message, Others> || ...);

bool is_stored(const std::vector<Value>& results) {
  return std::any_of(results.begin(), results.end(),
                     [](const Value& value) { return value.kind == Value::Kind::kStored; });
}

Repeat repeat_of(const PeerMessage& message) {
  return std::visit(
      [](const auto& m) {
        using Message = std::decay_t<decltype(m)>;
        if constexpr (kIsOneOf<Message, Borrow, PeerRelease>) return Repeat::kNever;
        if constexpr (requires { m.transfer; })
          if (!m.transfer.references.empty()) return Repeat::kNever;
        if constexpr (requires { m.results; })
          if (is_stored(m.results)) return Repeat::kNever;
        if constexpr (kIsOneOf<Message, CopyChanged, DropCopy, Attach, Detach, StaleIncarnation,
                               FetchedValue, ActorCall>)
          return Repeat::kAtOnce;
        return Repeat::kLate;
      },
      message);
}

Repeat repeat_of(const NodeToHead& message) {
  if (const auto* peer = std::get_if<PeerMessage>(&message)) return repeat_of(*peer);
  if (const auto* kill = std::get_if<KillActorRow>(&message))
    return kill->no_restart == KillActor::NoRestart::kYes ? Repeat::kLate : Repeat::kAtOnce;
  const bool is_latest_wins =
      std::holds_alternative<Announce>(message) || std::holds_alternative<RenewLease>(message) ||
      std::holds_alternative<Subscribe>(message) || std::holds_alternative<Unsubscribe>(message) ||
      std::holds_alternative<DriverConnected>(message);
  return is_latest_wins ? Repeat::kAtOnce : Repeat::kLate;
}

Repeat repeat_of(const HeadToNode& message) {
  if (const auto* peer = std::get_if<PeerMessage>(&message)) return repeat_of(*peer);
  if (const auto* state = std::get_if<NodeStateChanged>(&message))
    return state->state == NodeState::kDead ? Repeat::kLate : Repeat::kAtOnce;
  const bool is_latest_wins =
      std::holds_alternative<StartActor>(message) || std::holds_alternative<AnnounceAck>(message);
  return is_latest_wins ? Repeat::kAtOnce : Repeat::kLate;
}

}  // namespace

Repeat repeat_of(const LinkMessage& message) {
  return std::visit([](const auto& m) { return repeat_of(m); }, message);
}

Repeat repeat_of(const ClientMessage& message) {
  return std::visit(
      [](const auto& m) {
        using Message = std::decay_t<decltype(m)>;
        const bool may =
            kIsOneOf<Message, DefineTemplate, Want, Unwant, Blocked, Cancel, KillActor>;
        return may ? Repeat::kAtOnce : Repeat::kNever;
      },
      message);
}

}  // namespace rayd::sim
