// The names of everything (protocols.md §0). Plain values, ordered, hashable, never reused.
//
//   ClientId  = node u32 | serial u32
//   TaskId    = ClientId | seq u40 | 0 u24
//   ObjectId  = TaskId with an index u24: 0 for a put, 1… for returns
//   ActorId   = the TaskId of its creation
//
// So ObjectId::node() *is* the owner, and a client mints ids without asking anybody.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace rayd {

/// A node's ordinal from the head's journal; never used again. 0 is the head, which never dies.
struct NodeId {
  uint32_t value = 0;
  constexpr auto operator<=>(const NodeId&) const = default;
};
inline constexpr NodeId kHeadNode{0};

struct ClientId {
  uint32_t node = 0;
  uint32_t serial = 0;
  constexpr auto operator<=>(const ClientId&) const = default;
  constexpr NodeId owner() const { return NodeId{node}; }
  constexpr uint64_t bits() const { return uint64_t{node} << 32 | serial; }
  static constexpr ClientId from_bits(uint64_t b) {
    return {static_cast<uint32_t>(b >> 32), static_cast<uint32_t>(b)};
  }
};

/// What TaskId, ObjectId and ActorId share: a client, a sequence number and an index.
struct Id {
  uint64_t high = 0;  // ClientId::bits()
  uint64_t low = 0;   // seq << 24 | index

  static constexpr uint64_t kMaxSeq = (uint64_t{1} << 40) - 1;
  static constexpr uint32_t kMaxIndex = (1u << 24) - 1;

  constexpr auto operator<=>(const Id&) const = default;
  constexpr bool is_nil() const { return high == 0 && low == 0; }
  constexpr ClientId client() const { return ClientId::from_bits(high); }
  constexpr NodeId node() const { return client().owner(); }
  constexpr uint64_t seq() const { return low >> 24; }
  constexpr uint32_t index() const { return static_cast<uint32_t>(low & kMaxIndex); }
};

struct TaskId;

struct ObjectId : Id {
  constexpr auto operator<=>(const ObjectId&) const = default;
  constexpr TaskId task() const;
};

struct TaskId : Id {
  constexpr auto operator<=>(const TaskId&) const = default;
  static constexpr TaskId make(ClientId client, uint64_t seq) {
    TaskId id;
    id.high = client.bits();
    id.low = seq << 24;
    return id;
  }
  constexpr ObjectId object(uint32_t index) const {
    ObjectId id;
    id.high = high;
    id.low = low | index;
    return id;
  }
};

constexpr TaskId ObjectId::task() const { return TaskId::make(client(), seq()); }

struct ActorId : Id {
  constexpr auto operator<=>(const ActorId&) const = default;
  static constexpr ActorId of(TaskId creation) {
    ActorId id;
    id.high = creation.high;
    id.low = creation.low;
    return id;
  }
  constexpr TaskId creation() const { return TaskId::make(client(), seq()); }
};

/// A placement group: named by the client that made it, as an actor is.
struct GroupId : Id {
  constexpr auto operator<=>(const GroupId&) const = default;
  static constexpr GroupId of(TaskId creation) {
    GroupId id;
    id.high = creation.high;
    id.low = creation.low;
    return id;
  }
};

/// A job: an ordinal of the head. The root task of job j is TaskId{ClientId{0, j}, 0}.
struct JobId {
  uint32_t value = 0;
  constexpr auto operator<=>(const JobId&) const = default;
};

/// Makes a mutating request idempotent: the same operation is carried out once.
struct OperationId {
  ClientId client;
  uint64_t seq = 0;
  constexpr auto operator<=>(const OperationId&) const = default;
};

/// The SHA-256 of a module file. All zero: no module (the bundled functions of the daemon's own).
struct ImageHash {
  std::array<uint8_t, 32> bytes{};
  constexpr auto operator<=>(const ImageHash&) const = default;
};

/// Ids carry their kind when shown: "obj-1.2.3.1", "task-1.2.3", "actor-1.2.3", "group-1.2.3",
/// "job-7", "node-1", "worker-1.4" (a worker is a client). Inverse: parse_*; a mistake names the
/// text and the form.
std::string to_string(NodeId id);
std::string to_string(ClientId id);
std::string to_string(ObjectId id);
std::string to_string(TaskId id);
std::string to_string(ActorId id);
std::string to_string(GroupId id);
std::string to_string(JobId id);
std::string to_string(const ImageHash& hash);  // 64 hex digits
Result<NodeId> parse_node_id(std::string_view text);
Result<ClientId> parse_client_id(std::string_view text);
Result<ObjectId> parse_object_id(std::string_view text);
Result<TaskId> parse_task_id(std::string_view text);
Result<ActorId> parse_actor_id(std::string_view text);
Result<GroupId> parse_group_id(std::string_view text);
Result<JobId> parse_job_id(std::string_view text);
Result<ImageHash> parse_image_hash(std::string_view text);

/// Mixes all bits: table indices may take any of them.
constexpr uint64_t mix_bits(uint64_t x) {
  x ^= x >> 30;
  x *= 0xBF58476D1CE4E5B9u;
  x ^= x >> 27;
  x *= 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

struct IdHash {
  size_t operator()(const Id& id) const noexcept { return mix_bits(id.high * 31 + id.low); }
  size_t operator()(ClientId id) const noexcept { return mix_bits(id.bits()); }
  size_t operator()(NodeId id) const noexcept { return mix_bits(id.value); }
  size_t operator()(JobId id) const noexcept { return mix_bits(id.value); }
};

}  // namespace rayd
