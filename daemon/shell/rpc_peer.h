// Who speaks on a connection of the control lane, and so what it may ask.
#pragma once

#include <cstdint>
#include <optional>

#include "common/base/ids.h"
#include "common/types/identity.h"

namespace rayd::shell {

struct RpcPeer {
  enum class Role : uint8_t {
    kOwner,   // a process of this machine that may do everything
    kWorker,  // one of ours
    kMember,  // a node of this cluster
    kSubmit,  // a client elsewhere that runs work
    kLook,    // a client elsewhere that reads
  };
  Role role = Role::kOwner;
  int32_t pid = 0;                 // kOwner
  std::optional<ClientId> worker;  // kWorker
  NodeId member;                   // kMember
  KeyHash key;                     // kSubmit, kLook: by which its sessions are known to be its own
};

}  // namespace rayd::shell
