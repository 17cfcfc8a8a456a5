// Values: what an object is, where its bytes are, and what went wrong if it is an error.
//
// Cores pass values on and count the references inside them; they never look at the bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/ids.h"
#include "common/base/result.h"

namespace rayd {

/// Values up to this size travel inside ring messages; larger ones go to the store.
inline constexpr size_t kMaxInlineInRing = 1024;
/// Values up to this size travel inside peer messages and live in the owner's table.
inline constexpr size_t kMaxInlineInPeer = 64 * 1024;

/// Where an object lies in a store segment of this node. `offset` is that of its 64-byte header,
/// `length` includes the header.
struct Extent {
  uint16_t segment = 0;
  uint64_t offset = 0;
  uint64_t length = 0;
  auto operator<=>(const Extent&) const = default;
};

/// Everything an exception needs (api.md §1). Shared: one death may fail a thousand tasks.
struct ErrorInfo {
  ErrorCode code = ErrorCode::kInternal;
  std::string remote_type;  // demangled type of what the user's function threw
  std::string message;
  std::string function;  // qualified name of what ran
  TaskId task;
  ActorId actor;
  NodeId node;
  uint32_t attempt = 0;
  enum class MayHaveExecuted : bool { kNo, kYes };
  MayHaveExecuted may_have_executed = MayHaveExecuted::kNo;
};
using ErrorRef = std::shared_ptr<const ErrorInfo>;

/// Not const: whoever makes it may say more.
inline std::shared_ptr<ErrorInfo> make_error(ErrorCode code, std::string message) {
  auto error = std::make_shared<ErrorInfo>();
  error->code = code;
  error->message = std::move(message);
  return error;
}

/// An object's value as one node knows it.
struct Value {
  enum class Kind : uint8_t {
    kNone,    // no value yet
    kInline,  // the bytes are here
    kStored,  // the bytes are in a store: `extent` if on this node, else on `nodes`
    kError,   // reading it throws `error`
  };
  Kind kind = Kind::kNone;
  uint16_t tag = 0;                // client/api's value_tag; opaque here
  uint64_t size = 0;               // payload bytes, without header
  Bytes bytes;                     // kInline
  Extent extent;                   // kStored on this node: length > 0
  std::vector<NodeId> nodes;       // kStored: the nodes that hold a copy, as far as known
  std::vector<ObjectId> contains;  // references inside, each once, in order of first appearance
  ErrorRef error;                  // kError

  static Value of_error(ErrorRef error) {
    Value value;
    value.kind = Kind::kError;
    value.error = std::move(error);
    return value;
  }
  bool is_here() const {
    return kind == Kind::kInline || kind == Kind::kError ||
           (kind == Kind::kStored && extent.length > 0);
  }
};

}  // namespace rayd
