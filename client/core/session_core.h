// SessionCore: what a client knows of its objects: handles, receive counts, values, waits.
//
// Pure and single-threaded: messages to the daemon are appended to an outbox as values, answers
// come in as values. The runtime around it locks, encodes, rings and waits.
//
// Counting (protocols.md P1 rule 3, 5). An entry lives while the program holds the object:
//
//   handles   references in the program: ObjectRefs, keep-alives, and one for each value known here
//             that contains the object
//   received  grants that arrived from the daemon; all given back when `handles` becomes 0
//
// A grant that arrives for an object without handles is given back at once.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "common/types/client_messages.h"

namespace rayd::client {

class SessionCore {
 public:
  explicit SessionCore(ClientId self) : self_(self) {}

  ClientId self() const { return self_; }

  // ---- what the program makes ---------------------------------------------------------------
  /// A new task, put or actor: ids rise strictly.
  TaskId mint() { return TaskId::make(self_, next_seq_++); }
  /// The object comes with one grant and one handle.
  void created(ObjectId object);
  /// The program keeps (another copy of) a handle.
  void add_handle(ObjectId object);
  void drop_handle(ObjectId object);

  // ---- waiting --------------------------------------------------------------------------------
  /// True if its readiness (kNo) or its value (kYes) is known here.
  bool is_known(ObjectId object, Want::Fetch fetch) const;
  /// Asks for those that are not known and not asked for yet. Objects without a handle are ignored.
  void want(std::span<const ObjectId> objects, Want::Fetch fetch);
  /// The wait is over: those still unknown need not be answered.
  void unwant(std::span<const ObjectId> objects);
  /// The value; precondition: is_known(object, kYes).
  const Value& value(ObjectId object) const;

  // ---- what arrives ---------------------------------------------------------------------------
  void on_ready(Ready&& ready);
  /// References that a message brought: one grant each.
  void on_granted(std::span<const ObjectId> objects);

  // ---- what leaves ------------------------------------------------------------------------------
  /// Messages to send, oldest first. Releases wait here until the next flush or until many.
  std::vector<ClientMessage>& outbox() { return outbox_; }
  /// Puts the releases into the outbox: before the program blocks, and when it was idle.
  void flush_releases();
  size_t pending_releases() const { return releases_.size(); }

  /// For tests: how many objects the program holds.
  size_t live_objects() const { return entries_.size(); }

 private:
  enum class Asked : uint8_t { kNothing, kReady, kValue };
  struct Entry {
    uint32_t handles = 0;
    uint32_t received = 0;
    Asked asked = Asked::kNothing;
    Asked known = Asked::kNothing;
    Value value;
  };

  void forget(std::unordered_map<ObjectId, Entry, IdHash>::iterator entry);

  ClientId self_;
  uint64_t next_seq_ = 1;
  std::unordered_map<ObjectId, Entry, IdHash> entries_;
  std::vector<CountedObject> releases_;
  std::vector<ClientMessage> outbox_;
};

/// Most objects a Want, Unwant or Release names: it fits a ring message.
inline constexpr size_t kMaxIdsPerMessage = 100;

}  // namespace rayd::client
