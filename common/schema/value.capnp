@0xb1c5a1e5f0d30001;
# Values, references, resources and calls: the words that every inbox uses. common/types has the
# same as C++; common/wire translates. Nothing here is ever reordered or renumbered.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("rayd::schema");

struct Id {
  # A TaskId, ObjectId or ActorId (protocols.md §0): the client that minted it, then seq and index.
  high @0 :UInt64;
  low @1 :UInt64;
}

struct Client {
  node @0 :UInt32;
  serial @1 :UInt32;
}

struct Error {
  # What an exception needs. `code` is rayd::ErrorCode; an unknown one reads as internal.
  code @0 :UInt16;
  attempt @1 :UInt32;
  node @2 :UInt32;
  mayHaveExecuted @3 :Bool;
  remoteType @4 :Text;
  message @5 :Text;
  function @6 :Text;
  task @7 :Id;
  actor @8 :Id;
}

struct Value {
  tag @0 :UInt16;
  # The client's kind tag (client/api value_tag): opaque to daemons.
  size @1 :UInt64;
  # Payload bytes, without the store's header.
  union {
    none @2 :Void;
    inline @3 :Data;
    # In a ring at most 1 KiB, in a peer message at most 64 KiB.
    stored :group {
      # A store extent on this node. The receiver of a ring message checks it against its grants.
      segment @4 :UInt16;
      offset @5 :UInt64;
      length @6 :UInt64;
    }
    error @7 :Error;
  }
  contains @8 :List(Id);
  # References inside the bytes, each once. Who sends the message, grants or holds them.
}

struct Resource {
  name @0 :Text;
  quantity @1 :Int64;
}

struct Resources {
  # Fixed point, 1/10000; memory in bytes.
  cpu @0 :Int64;
  gpu @1 :Int64;
  memoryBytes @2 :Int64;
  custom @3 :List(Resource);
}

struct Variable {
  name @0 :Text;
  value @1 :Text;
}

struct ActorOptions {
  name @0 :Text;
  nameSpace @1 :Text;
  lifetime @2 :UInt8;
  maxRestarts @3 :Int32;
  maxTaskRetries @4 :Int32;
  maxConcurrency @5 :Int32;
  getIfExists @6 :Bool;
  placementDemand @7 :Resources;
}

struct LabelTerm {
  # One condition on the labels of a node.
  key @0 :Text;
  holds @1 :UInt8;
  # 0: the label's value is one of `values`; 1: it is none of them, or there is no such label; 2:
  # there is such a label, and `values` is empty.
  values @2 :List(Text);
}

struct Placement {
  # Where a call may run. A receiver of a call refuses none for it: the sender has chosen.
  strategy @0 :UInt8;
  # 0: this node first, then the least loaded; 1: the nodes with room in turn; 2: on `node`; 3: in a
  # bundle of a placement group.
  soft @1 :Bool;
  # Strategy 2: also elsewhere when the node is gone or can never have it.
  node @2 :UInt32;
  group @3 :Id;
  bundle @4 :Int32 = -1;
  # Strategy 3: the bundle's index; −1: any of the group.
  required @5 :List(LabelTerm);
  # All must hold, under every strategy.
  preferred @6 :List(LabelTerm);
  # Nodes where all of these hold go first.
}

struct CallTemplate {
  # What all calls of one kind have in common. Registered once, then named by a small number.
  kind @0 :UInt8;
  returnCount @1 :UInt32;
  maxRetries @2 :Int32;
  retryExceptions @3 :Bool;
  image @4 :Data;
  # 32 bytes: SHA-256 of the module; empty: none.
  functionName @5 :Text;
  functionType @6 :Text;
  displayName @7 :Text;
  demand @8 :Resources;
  actor @9 :ActorOptions;
  # Only in a creation.
  environment @10 :List(Variable);
  nameSpace @11 :Text;
  # Of the job that made it; set by the daemon, whatever a client says.
  placement @12 :Placement;
  # Null: anywhere.
}

struct Arg {
  union {
    reference @0 :Id;
    value @1 :Value;
  }
}

struct Bundle {
  # One of a placement group.
  demand @0 :Resources;
  node @1 :UInt32;
  # Where it is reserved; 0: nowhere.
  round @2 :UInt64;
  # Of that reservation.
}

struct GroupInfo {
  # A placement group: bundles of resources that are reserved together.
  group @0 :Id;
  # Minted by the client that makes it, as a task's id is.
  name @1 :Text;
  # Empty: it has none.
  nameSpace @2 :Text;
  strategy @3 :UInt8;
  # 0: pack, 1: spread, 2: strictPack, 3: strictSpread.
  lifetime @4 :UInt8;
  # As an actor's: removed with its job, unless detached.
  state @5 :UInt8;
  # 0: pending, 1: created, 2: removed, 3: rescheduling.
  bundles @6 :List(Bundle);
  # In the order in which calls number them.
  why @7 :Text;
  # Why it has no place; empty: it has one, or is being given one.
}

struct GroupRequest {
  # What a client asks of placement groups; its node passes on what only the head knows. One
  # GroupReply of the same number answers.
  request @0 :UInt64;
  what @1 :UInt8;
  # 0: create `group`; 1: remove it (by id); 2: say what it is, by id; 3: by name; 4: say all there
  # are; 5: say when it is created or removed, or at once that there is none.
  group @2 :GroupInfo;
}

struct GroupReply {
  request @0 :UInt64;
  error @1 :Error;
  # Null: done.
  groups @2 :List(GroupInfo);
}

struct CountedId {
  id @0 :Id;
  count @1 :UInt32;
}

struct PeerValue {
  # A value as another node, or the journal, knows it. A place in a store means nothing elsewhere:
  # what travels is which nodes hold a copy.
  tag @0 :UInt16;
  # As in Value.
  size @1 :UInt64;
  # Payload bytes, without the store's header.
  union {
    none @2 :Void;
    # Not known here (yet).
    inline @3 :Data;
    # At most 64 KiB, except the parameters of a job's root.
    stored @4 :List(UInt32);
    # The nodes that hold a copy, as far as the sender knows. None: it knows of no copy.
    error @5 :Error;
    # Reading the object throws this.
  }
  contains @6 :List(Id);
  # References inside the bytes, each once, in order of first appearance. They are counted by the
  # message's Transfer, and only there.
}

struct PeerArg {
  # An argument of a call that another node runs: an inline value, or a reference and what the
  # sender knows of its value.
  reference @0 :Id;
  # Null: `value` is the argument.
  value @1 :PeerValue;
}

enum ActorState {
  pending @0;
  alive @1;
  restarting @2;
  dead @3;
}
