// The first words of a connection between two machines, each way, once TLS has proved who they are.
// What the fields mean is said in common/schema/hello.capnp.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "common/base/ids.h"
#include "common/types/identity.h"
#include "common/types/token.h"

namespace rayd {

/// The versions of the protocol that a program speaks.
struct ProtocolRange {
  uint16_t min = 0;
  uint16_t max = 0;
  constexpr auto operator<=>(const ProtocolRange&) const = default;
};
inline constexpr ProtocolRange kOurProtocols{1, 1};

/// The newest that both speak.
constexpr std::optional<uint16_t> common_protocol(ProtocolRange ours, ProtocolRange theirs) {
  const uint16_t newest = std::min(ours.max, theirs.max);
  if (newest < std::max(ours.min, theirs.min)) return std::nullopt;
  return newest;
}

/// "2" or "2 to 4".
inline std::string to_string(ProtocolRange range) {
  if (range.min == range.max) return std::to_string(range.min);
  return std::to_string(range.min) + " to " + std::to_string(range.max);
}

enum class Lane : uint8_t { kControl = 0, kPeer = 1, kBulk = 2, kProbe = 3 };
inline constexpr uint8_t kLanes = 4;

struct HelloToken {
  TokenId id;
  TokenSecret secret;
  constexpr auto operator<=>(const HelloToken&) const = default;
};

/// Where a resumable session stands. All zero: a new one.
struct SessionPoint {
  uint64_t session = 0;
  uint64_t received = 0;  // the last sequence number that arrived
  constexpr auto operator<=>(const SessionPoint&) const = default;
};

/// Whether the bytes of a bulk connection go on without encryption after the hello.
enum class PlainBulk : bool { kNo, kYes };

struct Hello {
  ProtocolRange protocols = kOurProtocols;
  std::string program;
  Lane lane = Lane::kControl;
  std::optional<HelloToken> token;  // none: the key that TLS proved is known where it is said
  ClusterId cluster;                // nil: not known yet, a first join
  NodeId node;                      // 0: none yet, or a client
  NodeId to;                        // whom it wants there; 0: the head
  SessionPoint resume;
  PlainBulk plain_bulk = PlainBulk::kNo;
  std::string reached_at;  // a machine that joins: its address, as in NodeView
  auto operator<=>(const Hello&) const = default;
};

struct HelloAccepted {
  uint16_t protocol = 0;
  std::string program;
  ClusterId cluster;
  NodeId node;      // the asker's ordinal, new or confirmed; 0 for a client
  NodeId answerer;  // 0: the head
  uint64_t epoch = 0;
  SessionPoint resume;
  PlainBulk plain_bulk = PlainBulk::kNo;
  auto operator<=>(const HelloAccepted&) const = default;
};

struct HelloRefused {
  /// One for each reaction. kUnknown: what a newer program says; the text is all there is.
  enum class Reason : uint8_t {
    kUnknown = 0,
    kVersion = 1,       // the protocol ranges do not meet
    kToken = 2,         // no token that will do: get another
    kIdentity = 3,      // nobody here knows this key: come with a token
    kDeadNode = 4,      // this ordinal was declared dead: join as a new one
    kOtherCluster = 5,  // these are members of another cluster
    kNotHere = 6,       // this machine does not serve that (not the head, no such session)
    kBusy = 7,          // later
    kUnreachable = 8,   // others cannot connect to the address that it gave
  };
  Reason reason = Reason::kUnknown;
  std::string text;  // for people: what is wrong and what to do
  ProtocolRange protocols = kOurProtocols;
  std::string program;
  auto operator<=>(const HelloRefused&) const = default;
};
inline constexpr uint8_t kRefusalReasons = 9;

inline HelloRefused refusal(HelloRefused::Reason reason, std::string text) {
  HelloRefused refused;
  refused.reason = reason;
  refused.text = std::move(text);
  return refused;
}

using HelloAnswer = std::variant<HelloAccepted, HelloRefused>;

/// Names both ranges and both programs, and which of the two is to be updated.
inline HelloRefused refuse_version(ProtocolRange ours, const std::string& our_program,
                                   const Hello& hello) {
  const bool they_are_old = hello.protocols.max < ours.min;
  HelloRefused refused{HelloRefused::Reason::kVersion, {}, ours, our_program};
  refused.text = hello.program + " speaks protocol " + to_string(hello.protocols) + ", and " +
                 our_program + " here speaks " + to_string(ours) + ": update " +
                 (they_are_old ? "the one that connects" : "the one that is connected to");
  return refused;
}

}  // namespace rayd
