// StoreGrants: which client may write where in the object store, and who waits for room.
//
// Ranges come from shm::Extents (pure numbers). A request that does not fit waits for frees until
// store_full_timeout, then is refused with the sizes. A dead client's ranges are punched, except
// for what live objects occupy.
#pragma once

#include "daemon/node/parts.h"

namespace rayd::node {

class StoreGrants {
 public:
  explicit StoreGrants(Parts& parts) : parts_(parts) {}

  void on_request(NodeContext& context, ClientId client, const RequestArena& message);
  void on_close(NodeContext& context, ClientId client, const CloseArena& message);
  /// A Put or a Done names this extent: true if it lies in an arena of this client and overlaps no
  /// live object; then it is occupied until `free`.
  bool seal(NodeContext& context, ClientId client, const Extent& extent);
  /// Room for a pulled copy; nullopt: full.
  std::optional<Extent> reserve_for_pull(NodeContext& context, uint64_t bytes);
  void free(NodeContext& context, const Extent& extent);
  void on_client_gone(NodeContext& context, ClientId client);
  void on_tick(NodeContext& context);
  std::optional<Time> next_deadline() const;
  uint64_t used_bytes() const;

 private:
  Parts& parts_;
};

}  // namespace rayd::node
