// The records behind Objects: what one node knows of one object, and who waits for it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "common/base/check.h"
#include "common/types/node_io.h"

namespace rayd::node {

/// Who is told when an object is ready.
struct Waiter {
  enum class Who : uint8_t {
    kTask,           // Tasks::on_object_ready
    kAssignment,     // Assignments::
    kActorCall,      // ActorCalls::
    kActorCreation,  // ActorCalls::
    kActorHost,      // ActorHost::
  };
  Who who = Who::kTask;
  TaskId task;  // its on_object_ready(context, task, object) is called
  /// kReady: the owner's word suffices (location known); kHere: bytes, extent or error on this
  /// node.
  enum class Need : uint8_t { kReady, kHere };
  Need need = Need::kReady;
  auto operator<=>(const Waiter&) const = default;
};

/// One waiter of one object: a part's, or a client's want. Lists are rings linked by position.
struct Wait {
  ObjectId object;
  Waiter waiter;
  ClientId client;  // {0,0}: a part's
  uint32_t next = 0;
  uint32_t client_previous = 0;
  uint32_t client_next = 0;
  bool is_client() const { return client.node != 0; }
};

/// The waits of all objects in one place, without an allocation each. Position 0 is nobody's.
class WaitPool {
 public:
  Wait& operator[](uint32_t position) {
    return blocks_[position >> kBits][position & ((1u << kBits) - 1)];
  }
  const Wait& operator[](uint32_t position) const { return const_cast<WaitPool&>(*this)[position]; }
  uint32_t take() {
    if (free_ == 0) grow();
    const uint32_t position = free_;
    free_ = (*this)[position].next;
    (*this)[position] = Wait{};
    return position;
  }
  void give_back(uint32_t position) {
    (*this)[position].next = free_;
    free_ = position;
  }

 private:
  static constexpr unsigned kBits = 8;
  void grow() {
    const auto first = static_cast<uint32_t>(blocks_.size()) << kBits;
    blocks_.push_back(std::make_unique<Wait[]>(1u << kBits));
    for (uint32_t i = (1u << kBits); i-- > 0;)
      if (first + i != 0) give_back(first + i);
  }
  std::vector<std::unique_ptr<Wait[]>> blocks_;
  uint32_t free_ = 0;
};

/// What own and foreign objects have in common.
struct ObjectRecord {
  enum class State : uint8_t {
    kAbsent,   // an unused place
    kPending,  // no value yet
    kReady,
    kLost,  // own: the last copy is gone, what was known is kept; rebuilt or failed soon
  };
  enum class Pull : uint8_t { kNone, kUnderWay };
  State state = State::kAbsent;
  Pull pull = Pull::kNone;
  uint32_t local = 0;      // holds, clients' grants among them
  uint32_t last_wait = 0;  // the tail of its ring of waits; 0: none
  Value value;

  bool is_ready() const { return state == State::kReady; }
  bool meets(Waiter::Need need) const {
    return is_ready() && (need == Waiter::Need::kReady || value.is_here());
  }
};

/// What only some own objects need: other nodes' shares in them.
struct Sharing {
  std::vector<std::pair<NodeId, uint64_t>> grants;  // sorted
  std::vector<NodeId> fetchers;                     // asked for the value before it was there
  std::vector<Extent> replaced;  // bytes of a value that was rebuilt; somebody may read them yet
};

struct OwnObject : ObjectRecord {
  enum class Kind : uint8_t { kValue, kHandle };
  Kind kind = Kind::kValue;
  uint32_t index = 0;
  uint32_t creator_count = 0;  // of local: granted to the client that minted it
  std::unique_ptr<Sharing> sharing;

  bool is_unreferenced() const {
    return local == 0 && (sharing == nullptr || sharing->grants.empty());
  }
  uint64_t granted_to(NodeId node) const {
    if (sharing != nullptr)
      for (const auto& [holder, count] : sharing->grants)
        if (holder == node) return count;
    return 0;
  }
};

/// The objects of one number: a put or a handle (index 0), or the returns of a task (1, 2, …).
/// Almost always there is one.
struct OwnNumber {
  OwnObject first;                // index 0 or 1
  std::vector<OwnObject> others;  // index i at i − 2
  uint32_t alive = 0;

  OwnObject* find(uint32_t index) {
    OwnObject* object = &first;
    if (index > 1) {
      if (index - 2 >= others.size()) return nullptr;
      object = &others[index - 2];
    }
    const bool is_it = object->state != ObjectRecord::State::kAbsent && object->index == index;
    return is_it ? object : nullptr;
  }
  /// nullptr: the place is taken.
  OwnObject* create(uint32_t index) {
    if (index > 1 && index - 2 >= others.size()) others.resize(index - 1);
    OwnObject& object = index > 1 ? others[index - 2] : first;
    if (object.state != ObjectRecord::State::kAbsent) return nullptr;
    object.state = ObjectRecord::State::kPending;
    object.index = index;
    ++alive;
    return &object;
  }
};

struct ForeignObject : ObjectRecord {
  enum class Fetch : uint8_t { kNone, kAsked };
  Fetch fetch = Fetch::kNone;
  uint64_t seen = 0;     // grants received, unreleased
  uint32_t borrows = 0;  // Borrows out, unanswered
};

/// A copy of a foreign object in this node's store.
struct Copy {
  Extent extent;
  enum class Kind : uint8_t { kSecondary, kResult };
  Kind kind = Kind::kSecondary;
  /// kResult: of this attempt here.
  uint32_t attempt = 0;
  uint64_t stamp = 0;  // of an evictable one: since when
  /// The owner let go of it while it was in use here: it goes with the record.
  enum class Dropped : bool { kNo, kYes };
  Dropped dropped = Dropped::kNo;
};

/// What a client holds and wants. Its own objects' counts are in their records.
struct ObjectsClient {
  std::map<ObjectId, uint32_t> borrowed;  // objects it did not mint
  /// The handle to itself that an actor got: counted here only, for it keeps nothing alive.
  std::map<ObjectId, uint32_t> own_handle;
  uint32_t first_want = 0;
  uint32_t last_want = 0;
};

}  // namespace rayd::node
