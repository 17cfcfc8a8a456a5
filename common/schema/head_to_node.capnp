@0xb1c5a1e5f0d3000a;
# A node's inbox from the head (protocols.md P3, §5); the other direction of node_to_head.capnp, and
# it travels alike. Nothing here leaves before the rows it depends on are journalled; lease renewals
# and views depend on none.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("rayd::schema");
using V = import "/common/schema/value.capnp";
using P = import "/common/schema/peer.capnp";
using N = import "/common/schema/node_to_head.capnp";

enum NodeState {
  alive @0;
  suspect @1;
  draining @2;
  dead @3;
}

struct ActorInfo {
  # What the head's row of an actor says.
  actor @0 :V.Id;
  # Null: there is none (FindActor).
  state @1 :V.ActorState;
  node @2 :UInt32;
  incarnation @3 :UInt32;
  restarts @4 :UInt32;
  cause @5 :V.Error;
  # Dead, restarting: why. Pending: why no node can have it; null: it is on its way.
  creation @6 :P.CallRef;
  # Null: the head does not know it (its creator's node died).
  job @7 :UInt32;
}

struct Welcome {
  # First message of a session: the node's ordinal, and the head's epoch. An epoch above the node's
  # last: it answers Announce. Not above: from a head of the past, or repeated; ignored.
  epoch @0 :UInt64;
  node @1 :UInt32;
  membership @2 :UInt64;
  # The newest m.
}

struct LeaseRenewed {
  # The node's lease runs for 4 s from when it sent that number. An older number than the newest
  # echoed changes nothing.
  number @0 :UInt64;
}

struct Views {
  # What changed of other nodes' views: at most one batch a second, and at once when a node joins,
  # leaves or becomes suspect. An older version than the known one is ignored.
  changed @0 :List(N.NodeView);
}

struct NodeStateChanged {
  # The only word by which a node is suspect or dead. Suspect: tasks there may be attempted
  # elsewhere. Dead is final and journalled as membership version m; about the receiver itself: it
  # ends its workers and joins anew. Twice: ignored.
  node @0 :UInt32;
  state @1 :NodeState;
  m @2 :UInt64;
  # Of dead; else 0.
}

struct Settled {
  # Every node reported m while it was the newest: what the dead of m held is freed now. Twice, or
  # an older m: ignored.
  m @0 :UInt64;
}

struct StartActor {
  # Start this incarnation: a process of its own that runs the creation. The node answers ActorUp,
  # ActorDown or StartRefused; said again, with the present state. A lower incarnation than one it
  # has seen is ignored.
  actor @0 :V.Id;
  incarnation @1 :UInt32;
  job @2 :UInt32;
  creation @3 :P.CallRef;
  args @4 :List(V.PeerArg);
  transfer @5 :P.Transfer;
  # Counts nothing: the receiver borrows from the owners. The creator's node holds them meanwhile.
}

struct EndActor {
  # End this incarnation: the row is dead, or has another one. The node kills, reaps and answers
  # ActorDown. Unknown: ignored.
  actor @0 :V.Id;
  incarnation @1 :UInt32;
  cause @2 :V.Error;
}

struct ActorChanged {
  # To the creator's node and to subscribers. The latest wins: incarnations never fall, and dead is
  # final.
  info @0 :ActorInfo;
}

struct AnnounceAck {
  # The head has journalled that these have ended: the node may forget them. Twice: ignored.
  actors @0 :List(V.Id);
}

struct OperationReply {
  # The answer to an operation; of an unknown one: ignored.
  operation @0 :N.Operation;
  error @1 :V.Error;
  # Null: it was carried out.
  actor @2 :ActorInfo;
  job @3 :UInt32;
  nameSpace @4 :Text;
  # The last two: of a driver.
}

struct JobEnded {
  # The job ended: its tasks and attached actors here are cancelled, its workers end. Twice:
  # ignored.
  job @0 :UInt32;
}

struct ReserveBundles {
  # Placement groups, first phase: set all of these apart or none, and answer BundlesReserved or
  # BundlesRefused. Said again: the present state. Rounds are never used twice.
  group @0 :V.Id;
  round @1 :UInt64;
  bundles @2 :List(Entry);

  struct Entry {
    index @0 :UInt32;
    demand @1 :V.Resources;
  }
}

struct CommitBundles {
  # Second phase: the row that says where the bundles are is journalled. The node offers what is in
  # them and answers BundlesCommitted, as often as it is said. Unknown: ignored.
  group @0 :V.Id;
  round @1 :UInt64;
}

struct ReturnBundles {
  # The round failed, or the group is removed: what runs in these bundles is killed, what waits for
  # them goes back to its owner, and the resources are the node's again. Unknown: ignored.
  group @0 :V.Id;
  round @1 :UInt64;
}

struct GroupChanged {
  # To subscribers; the latest wins, and removed is final.
  info @0 :V.GroupInfo;
  version @1 :UInt64;
  # Rises with everything the head says of groups, also over its restarts.
}

struct HeadToNode {
  union {
    welcome @0 :Welcome;
    leaseRenewed @1 :LeaseRenewed;
    views @2 :Views;
    nodeStateChanged @3 :NodeStateChanged;
    settled @4 :Settled;
    startActor @5 :StartActor;
    endActor @6 :EndActor;
    actorChanged @7 :ActorChanged;
    announceAck @8 :AnnounceAck;
    operationReply @9 :OperationReply;
    jobEnded @10 :JobEnded;
    peer @11 :P.PeerMessage;
    # The head as the owner of the roots of jobs.
    reserveBundles @12 :ReserveBundles;
    commitBundles @13 :CommitBundles;
    returnBundles @14 :ReturnBundles;
    groupChanged @15 :GroupChanged;
    groupReply @16 :V.GroupReply;
  }
}
