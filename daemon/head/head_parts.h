// The parts of the head core, and how they reach each other.
//
//   Nodes    ordinals, leases, membership versions, views      ──a node died──▶ Actors, Jobs
//   Actors   the actor directory, names, restarts              ◀──a job ended── Jobs
//   Groups   placement groups: bundles reserved in two phases   ──removed──▶ Actors, Jobs
//   Jobs     drivers and submitted workloads, their roots      ──a job ended──▶ Groups
//
// Pure, single-threaded; a part calls another part's public handlers directly.
#pragma once

#include <memory>
#include <string>

#include "daemon/head/outbox.h"

namespace rayd::head {

class Nodes;
class Actors;
class Groups;
class Jobs;

/// HeadCore owns them. `membership` is the row as it was last appended.
struct HeadParts {
  const HeadOptions& options;
  MembershipRow& membership;
  Outbox& outbox;
  Nodes& nodes;
  Actors& actors;
  Groups& groups;
  Jobs& jobs;
};

}  // namespace rayd::head
