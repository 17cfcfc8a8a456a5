// StoreGrants: which client may write where in the object store, and who waits for room.
//
// Ranges come from shm::ExtentTable (pure numbers). A request that does not fit first evicts copies
// that nobody uses, then waits in order for frees until store_full_timeout, then is refused with
// the sizes. A dead client's ranges are given back, except for what live objects occupy.
//
// Inside an arena a bit stands for 64 bytes that a live object occupies, so a word is a page: what
// a client says it wrote is checked against it, and a page of a closed arena whose word becomes
// zero goes back. A closed arena that has given back a page in its middle is two from then on. An
// extent of its own holds one object.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "common/shm/extents.h"
#include "daemon/node/parts.h"

namespace rayd::node {

/// Before each object's bytes in the store (common/shm/object_header.h).
inline constexpr uint64_t kObjectHeaderBytes = 64;

class StoreGrants {
 public:
  explicit StoreGrants(Parts& parts);

  void on_request(NodeContext& context, ClientId client, const RequestArena& message);
  void on_close(NodeContext& context, ClientId client, const CloseArena& message);
  /// A Put or a Done names this extent: true if it lies in an arena of this client and overlaps no
  /// live object; then it is occupied until `free`.
  bool seal(NodeContext& context, ClientId client, const Extent& extent);
  /// Room for a pulled copy; nullopt: full, and Objects::on_pull_room or on_pull_refused follows.
  std::optional<Extent> reserve_for_pull(NodeContext& context, ObjectId object, uint64_t bytes);
  /// Of a sealed or reserved extent.
  void free(NodeContext& context, const Extent& extent);
  void on_client_gone(NodeContext& context, ClientId client);
  /// A copy may be evicted now.
  void on_evictable() { may_have_room_ = true; }
  /// Serves who waits, in order, after frees. NodeCore calls it after each handler.
  void work(NodeContext& context);
  void on_tick(NodeContext& context);
  std::optional<Time> next_deadline() const;
  uint64_t used_bytes() const { return extents_.used_bytes(); }

 private:
  struct Arena {
    uint64_t length = 0;
    ClientId client;
    RequestArena::Kind kind = RequestArena::Kind::kArena;
    enum class State : uint8_t { kOpen, kClosed };
    State state = State::kOpen;
    std::vector<uint64_t> words;  // kArena: a bit for 64 bytes, a word a page
    uint64_t sealed_bytes = 0;    // kExtent: of its object; 0: none
  };
  using Arenas = std::map<uint64_t, Arena>;  // by offset
  /// Who waits for room: a client's request, or a pull.
  struct Pending {
    ClientId client;
    uint64_t request = 0;
    ObjectId object;  // a pull's
    uint64_t bytes = 0;
    RequestArena::Kind kind = RequestArena::Kind::kArena;
    Time deadline;
    bool is_pull() const { return !object.is_nil(); }
  };

  ClientId self() const { return ClientId{parts_.options.node.value, 0}; }
  std::optional<Extent> grant(NodeContext& context, const Pending& pending);
  void tell_granted(NodeContext& context, const Pending& pending, const Extent& extent);
  void refuse(NodeContext& context, const Pending& pending);
  Arenas::iterator find(const Extent& extent);
  void close(NodeContext& context, Arenas::iterator it);
  /// Page-aligned, within the arena, which is closed.
  void give_back(NodeContext& context, Arenas::iterator it, shm::Extent part);
  void punch(NodeContext& context, const shm::PunchList& list);

  Parts& parts_;
  shm::ExtentTable extents_;
  Arenas arenas_;
  std::deque<Pending> pending_;
  bool may_have_room_ = false;
};

}  // namespace rayd::node
