// The parts of a node core, and how they reach each other.
//
//              clients (rings)                     peers (P1, P2, P3)             head
//                  │                                      │                         │
//   ┌──────────────┴──────────────────── NodeCore ────────┴─────────────────────────┴──┐
//   │ Clients      who is connected, its templates, its job                            │
//   │ Objects      P1: references; values, waiters, fetches, copies                    │
//   │ StoreGrants  arenas and extents of the store, and who waits for room             │
//   │ Tasks        P2, side A: the owner's records, retries, lineage, cancel, placement │
//   │ Assignments  P2, side B: accepted attempts, pulls, reservations, work slots      │
//   │ Workers      processes and resources: start, lend, reuse, end                    │
//   │ ActorCalls   P3, side C: order per caller and actor, resend, fail                │
//   │ Groups       placement groups: what clients ask, what is known of them             │
//   │ Bundles      reservations of placement groups on this node                       │
//   │ ActorHost    P3, side B: incarnations here, their calls and kept replies         │
//   └──────────────────────────────────────────────────────────────────────────────────┘
//
// Pure, single-threaded. A part calls another part's public handlers directly; `send` puts a peer
// message out, and hands one that is addressed to this node to NodeCore's own queue, which is
// worked off before `on` returns: one node is not a special case.
#pragma once

#include "common/types/node_io.h"

namespace rayd::node {

class Clients;
class Objects;
class StoreGrants;
class Tasks;
class Assignments;
class Workers;
class ActorCalls;
class ActorHost;
class Groups;
class Bundles;
class NodeCore;

/// The parts by reference; NodeCore owns them. Every part keeps a `Parts&`.
struct Parts {
  const NodeOptions& options;
  NodeCore& core;
  Clients& clients;
  Objects& objects;
  StoreGrants& store;
  Tasks& tasks;
  Assignments& assignments;
  Workers& workers;
  ActorCalls& actor_calls;
  ActorHost& actor_host;
  Groups& groups;
  Bundles& bundles;
};

}  // namespace rayd::node
