@0xb1c5a1e5f0d30009;
# The head's inbox from a node: its lease, its view, and actors (protocols.md P3, §5). A message
# travels as those of peer.capnp do: one segment, in a session that is ordered and exactly-once
# while the node's ordinal and the head's process live. A head that starts anew is another session:
# the node announces all it holds and says again what was not answered.
#
# The head takes the sender's ordinal from the session. A node that it has declared dead hears that
# as the answer to anything. What a message changes in the head's tables is journalled before any
# answer that depends on it leaves.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("rayd::schema");
using V = import "/common/schema/value.capnp";
using P = import "/common/schema/peer.capnp";

struct Operation {
  # Names a mutating request: {the client that asked, or the node's own client 0; a number of its}.
  # The head carries an operation out once, and answers it as often as it is said.
  node @0 :UInt32;
  serial @1 :UInt32;
  seq @2 :UInt64;
}

struct NodeView {
  # What schedulers know of a node.
  node @0 :UInt32;
  # From a node: whatever it says, the head writes the session's.
  version @1 :UInt64;
  # Rises with every change; an older view than the known one is ignored.
  name @2 :Text;
  address @3 :Text;
  # Where other daemons reach it; empty: nowhere.
  total @4 :V.Resources;
  used @5 :V.Resources;
  # Reserved by what runs, lent or not.
  lent @6 :V.Resources;
  # Of `used`: given up for a while by workers that wait.
  queued @7 :UInt32;
  # Tasks that wait there for resources.
  labels @8 :List(V.Variable);
  # Each name once.
  identity @9 :Data;
  # The hash of the key that it proves to have (32 bytes). From a node: whatever it says, the head
  # writes what the handshake proved. Others pin it when they connect. Empty: it listens to nobody.
}

struct Announce {
  # First message of a session, and the answer to a Welcome of a new epoch: all the node holds. The
  # head adopts what agrees with its rows and ends what does not (P3 rule 6). Twice: the same.
  epoch @0 :UInt64;
  # The last that the node heard of; 0: none.
  view @1 :NodeView;
  actors @2 :List(Hosted);
  subscriptions @3 :List(V.Id);
  # Actors it wants to hear of, as if it sent Subscribe for each.
  settledReported @4 :UInt64;
  # m of its last SettledReport.
  bundles @5 :List(Bundles);
  # Reservations of placement groups here. The head commits those that its rows have, and takes back
  # the others; what a row has and is not announced is lost.
  groups @6 :List(V.Id);
  # Groups it wants to hear of, as if it sent SubscribeGroup for each.

  struct Bundles {
    group @0 :V.Id;
    round @1 :UInt64;
    committed @2 :Bool;
  }

  struct Hosted {
    actor @0 :V.Id;
    incarnation @1 :UInt32;
    phase @2 :Phase;
    cause @3 :V.Error;
    # Of an ended one.
  }
  enum Phase {
    starting @0;
    up @1;
    ended @2;
    # Announced until the head acknowledged that (AnnounceAck).
  }
}

struct RenewLease {
  # Every 0.5 s. The head echoes the number, unless it has decided that the node is dead. The node's
  # lease runs from the time it sent this. Twice: renews again.
  number @0 :UInt64;
}

struct ViewChanged {
  # When the view changed, at most ten times a second; the latest wins.
  view @0 :NodeView;
}

struct CreateActorRow {
  # A client of the node creates an actor, and all arguments are there. The head makes its row
  # (state pending, incarnation 1), takes its name, answers OperationReply with the row, and starts
  # it somewhere. A name that is taken: alreadyExists, or the actor that has it if the template
  # says getIfExists. Twice: the row as it is.
  operation @0 :Operation;
  actor @1 :V.Id;
  job @2 :UInt32;
  owner @3 :UInt32;
  # The creator's node; 0, the head: the actor is detached.
  creation @4 :P.CallRef;
  args @5 :List(V.PeerArg);
  # The creator's node holds what they name, until no incarnation can need it.
  transfer @6 :P.Transfer;
  # So these count nothing: the head passes them on, and whoever runs the creation borrows them.
}

struct AbandonActor {
  # The creation's arguments failed, or it was cancelled: no incarnation was ever started. The head
  # makes a dead row, for those who hold a handle. Twice: the same.
  operation @0 :Operation;
  actor @1 :V.Id;
  cause @2 :V.Error;
}

struct ActorUp {
  # This incarnation serves calls. The head makes its row alive and tells subscribers; if the row
  # has another incarnation or node, or is dead, it answers EndActor. Twice: ignored.
  actor @0 :V.Id;
  incarnation @1 :UInt32;
}

struct ActorDown {
  # This incarnation is gone: its process is reaped. The head starts the next one, or makes the row
  # dead; it answers AnnounceAck in any case. Twice: acknowledged again.
  actor @0 :V.Id;
  incarnation @1 :UInt32;
  cause @2 :V.Error;
  final @3 :Bool;
  # It ended itself, or its constructor threw: not started again.
}

struct StartRefused {
  # The node cannot start the incarnation and has not. With a cause, no node can: the actor is dead.
  # Without, the head chooses another node, and this one not again until it has a view newer than
  # `view`. Twice: the number is the past by then; ignored.
  actor @0 :V.Id;
  incarnation @1 :UInt32;
  cause @2 :V.Error;
  view @3 :UInt64;
}

struct KillActorRow {
  # Ends an actor: a client asked, its last handle is gone, or its job ended. The row is dead before
  # its node hears EndActor; with noRestart false, only the incarnation ends, as if it had died.
  # May overtake the creation, which then finds a dead row. Twice: answered again.
  operation @0 :Operation;
  actor @1 :V.Id;
  noRestart @2 :Bool;
  cause @3 :V.Error;
  # Null: a client asked. Set: nobody can name the actor any more.
}

struct Subscribe {
  # From now on ActorChanged for every change of the actor's row, and at once for what it is now. An
  # actor whose creation is still to come is waited for. Twice: told again.
  actor @0 :V.Id;
}

struct Unsubscribe {
  # Twice: ignored. The creator's node stays a subscriber.
  actor @0 :V.Id;
}

struct FindActor {
  # Which actor has this name? OperationReply with its row, or with a nil actor.
  operation @0 :Operation;
  name @1 :Text;
  nameSpace @2 :Text;
  # Empty: that of the job.
  job @3 :UInt32;
}

struct DriverConnected {
  # A driver outside the cluster connected to this node. The head makes it a job and answers
  # OperationReply with job and namespace. Twice: the same job. After a head restart each node says
  # it again of its drivers, with the job they have: its row may be lost with the earlier head.
  operation @0 :Operation;
  client @1 :V.Client;
  name @2 :Text;
  nameSpace @3 :Text;
  # Empty: one of its own.
  job @4 :UInt32;
  # 0: it has none yet.
}

struct DriverGone {
  # It disconnected or died: its job ends. Twice: ignored.
  client @0 :V.Client;
}

struct SettledReport {
  # The node has processed all it had received from those who died up to m, and all its Borrows are
  # acknowledged (P1 rule 6). The head announces Settled when every node has said so of the newest
  # m. A lower m than before is ignored.
  m @0 :UInt64;
}

struct Leave {
  # The last words of a daemon that ends in order: its workers and clients are gone. The head
  # declares it dead at once, as if its lease had run out, and tells it so. Twice: it is dead by
  # then.
}

struct GroupAsked {
  # What a client of this node asks. GroupReply with the same number answers; the node asks again
  # after a head restart, and each request is one that may be carried out twice.
  request @0 :V.GroupRequest;
  job @1 :UInt32;
  # Of that client.
}

struct SubscribeGroup {
  # GroupChanged now, if there is such a group, and at every change until it is removed. Twice:
  # again.
  group @0 :V.Id;
}

struct BundlesReserved {
  # All that ReserveBundles of this round named is set apart. Of another round than the group's: the
  # head takes it back (ReturnBundles).
  group @0 :V.Id;
  round @1 :UInt64;
}

struct BundlesRefused {
  # There is no room for all of it, and nothing was set apart. The head asks this node again only
  # when its view is newer than `view`. Of another round: ignored.
  group @0 :V.Id;
  round @1 :UInt64;
  view @2 :UInt64;
}

struct BundlesCommitted {
  # Calls may use them. `view` has what they offer: the head passes it on before anybody hears that
  # the group is created. Of another round: taken back.
  group @0 :V.Id;
  round @1 :UInt64;
  view @2 :NodeView;
}

struct NodeToHead {
  union {
    announce @0 :Announce;
    renewLease @1 :RenewLease;
    viewChanged @2 :ViewChanged;
    createActorRow @3 :CreateActorRow;
    abandonActor @4 :AbandonActor;
    actorUp @5 :ActorUp;
    actorDown @6 :ActorDown;
    startRefused @7 :StartRefused;
    killActorRow @8 :KillActorRow;
    subscribe @9 :Subscribe;
    unsubscribe @10 :Unsubscribe;
    findActor @11 :FindActor;
    driverConnected @12 :DriverConnected;
    driverGone @13 :DriverGone;
    settledReport @14 :SettledReport;
    peer @15 :P.PeerMessage;
    # The head as a peer: the owner of the roots of jobs.
    leave @16 :Leave;
    groupAsked @17 :GroupAsked;
    subscribeGroup @18 :SubscribeGroup;
    bundlesReserved @19 :BundlesReserved;
    bundlesRefused @20 :BundlesRefused;
    bundlesCommitted @21 :BundlesCommitted;
  }
}
