// The methods of schema::Daemon: where each is answered, and who may ask.
#pragma once

#include <cstdint>
#include <iterator>
#include <string>

#include "common/base/result.h"
#include "daemon/shell/rpc_peer.h"

namespace rayd::shell {

struct ControlMethod {
  enum class Where : uint8_t { kHere, kHead };
  enum class Who : uint8_t {
    kAnybody,     // who got in at all
    kSubmitters,  // who may run work
    kMembers,     // nodes of the cluster
    kWorkers,     // processes that this daemon started, and local programs
    kOwner,
  };
  const char* name;
  Where where;
  Who who;

  constexpr bool allows(RpcPeer::Role role) const {
    switch (role) {
      case RpcPeer::Role::kOwner: return true;
      case RpcPeer::Role::kMember: return who != Who::kWorkers;  // it asks for its own owner too
      case RpcPeer::Role::kWorker: return who <= Who::kSubmitters || who == Who::kWorkers;
      case RpcPeer::Role::kSubmit: return who <= Who::kSubmitters;
      case RpcPeer::Role::kLook: return who == Who::kAnybody;
    }
    return false;
  }
};

/// By the ordinals of control.capnp.
inline constexpr ControlMethod kControlMethods[] = {
    {"hello", ControlMethod::Where::kHere, ControlMethod::Who::kAnybody},
    {"openRings", ControlMethod::Where::kHere, ControlMethod::Who::kWorkers},
    {"openSession", ControlMethod::Where::kHere, ControlMethod::Who::kSubmitters},
    {"status", ControlMethod::Where::kHead, ControlMethod::Who::kAnybody},
    {"list", ControlMethod::Where::kHead, ControlMethod::Who::kAnybody},
    {"submitJob", ControlMethod::Where::kHead, ControlMethod::Who::kSubmitters},
    {"watchJob", ControlMethod::Where::kHead, ControlMethod::Who::kAnybody},
    {"cancelJob", ControlMethod::Where::kHead, ControlMethod::Who::kSubmitters},
    {"listFiles", ControlMethod::Where::kHead, ControlMethod::Who::kAnybody},
    {"readFile", ControlMethod::Where::kHead, ControlMethod::Who::kAnybody},
    {"addModule", ControlMethod::Where::kHere, ControlMethod::Who::kSubmitters},
    {"removeModule", ControlMethod::Where::kHead, ControlMethod::Who::kSubmitters},
    {"describeModules", ControlMethod::Where::kHead, ControlMethod::Who::kAnybody},
    {"readLogs", ControlMethod::Where::kHead, ControlMethod::Who::kAnybody},
    {"stop", ControlMethod::Where::kHere, ControlMethod::Who::kOwner},
    {"job", ControlMethod::Where::kHere, ControlMethod::Who::kWorkers},
    {"createToken", ControlMethod::Where::kHead, ControlMethod::Who::kOwner},
    {"revokeToken", ControlMethod::Where::kHead, ControlMethod::Who::kOwner},
    {"enlist", ControlMethod::Where::kHere, ControlMethod::Who::kMembers},
    {"stopAll", ControlMethod::Where::kHead, ControlMethod::Who::kOwner},
    {"writeImage", ControlMethod::Where::kHere, ControlMethod::Who::kSubmitters},
    {"readEvents", ControlMethod::Where::kHead, ControlMethod::Who::kAnybody},
    {"resumeSession", ControlMethod::Where::kHere, ControlMethod::Who::kSubmitters},
};

inline const ControlMethod& control_method(uint16_t ordinal) {
  static constexpr ControlMethod kUnknown{"this", ControlMethod::Where::kHere,
                                          ControlMethod::Who::kAnybody};
  return ordinal < std::size(kControlMethods) ? kControlMethods[ordinal] : kUnknown;
}

/// Names what it takes. Precondition: not allowed.
inline Error refusal_of(const ControlMethod& method, RpcPeer::Role asked_by) {
  std::string needs = "the owner of the cluster, on one of its machines";
  if (method.who == ControlMethod::Who::kSubmitters) needs = "a token of role submit";
  if (method.who == ControlMethod::Who::kMembers) needs = "a node of the cluster";
  if (method.who == ControlMethod::Who::kWorkers) needs = "a program on a machine of the cluster";
  const char* has = "";
  if (asked_by == RpcPeer::Role::kSubmit) has = ", and yours is a token of role submit";
  if (asked_by == RpcPeer::Role::kLook) has = ", and yours is a token of role look";
  return {ErrorCode::kNotAllowed, std::string{method.name} + " takes " + needs + has};
}

}  // namespace rayd::shell
