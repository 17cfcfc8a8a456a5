@0xb1c5a1e5f0d30007;
# What the head's journal keeps as blobs: jobs, actors and placement groups
# (protocols.md §5). The other rows have
# columns of their own; daemon/shell/journal.cc has the tables.
#
# Writer: the journal's thread, one row at a time, keyed by job, actor or group; the latest wins.
# Reader: a head that starts, once. It may be a newer version than the writer: fields are only ever
# added, and what is missing has the default that old rows mean. An older reader refuses the file as
# a whole, by the journal's version.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("rayd::schema");
using V = import "/common/schema/value.capnp";

enum JobState {
  pending @0;
  running @1;
  succeeded @2;
  failed @3;
  cancelled @4;
}

struct JobRow {
  job @0 :UInt32;
  name @1 :Text;
  workload @2 :Text;
  nameSpace @3 :Text;
  state @4 :JobState;
  node @5 :UInt32;
  # Where the root runs or ran; a driver's own node.
  attempt @6 :UInt32;
  # Of the root: k of the last Assign.
  retriesLeft @7 :Int32;
  # −1: for ever.
  resultJson @8 :Text;
  # Set when succeeded.
  error @9 :V.Error;
  # Null unless failed.
  submittedUnixMs @10 :Int64;
  endedUnixMs @11 :Int64;
  # 0: it has not ended.
  driver @12 :V.Client;
  # A driver outside the cluster; null: a submitted workload.
  cancelAsked @13 :Bool;
  # While it runs: its end is on the way and will be cancelled, whatever the root says.
  root @14 :V.CallTemplate;
  # Of a submitted workload, until it has ended: what a restarted head runs again. Null otherwise.
  args @15 :List(V.PeerArg);
  # With the root: its arguments, values all.
  operation @16 :V.Client;
  operationSeq @17 :UInt64;
  # Of the submit, as long as the row is there: repeated, it gets the same job. All zero: unnamed.
}

struct ActorRow {
  actor @0 :V.Id;
  state @1 :V.ActorState;
  node @2 :UInt32;
  # Where this incarnation was started; 0: nowhere yet.
  incarnation @3 :UInt32;
  # Started once, numbers are never used again (protocols.md P3 invariant i).
  restarts @4 :UInt32;
  # How many were charged.
  cause @5 :V.Error;
  # Why it is dead or restarts, or why no node can have it; null: nothing to say.
  creation @6 :V.CallTemplate;
  job @7 :UInt32;
  owner @8 :UInt32;
  # The creator's node; 0, the head: the actor is detached.
  args @9 :List(V.PeerArg);
  # Of a creation, resolved: every incarnation is started with them.
}

struct GroupRow {
  # Without bundles: the row deletes.
  info @0 :V.GroupInfo;
  job @1 :UInt32;
  # Whose end removes it, unless it is detached.
}
