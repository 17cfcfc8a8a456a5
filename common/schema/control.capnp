@0xb1c5a1e5f0d30005;
# The control lane: real Cap'n Proto RPC over the daemon's Unix socket (and later TLS). Whoever has
# a Cap'n Proto binding can be a client. Everything here may be called by the owner of the cluster
# and root (SO_PEERCRED); a worker reaches the same interface through the socket it was born with.
#
# RPC objects only translate: a request becomes a message to a core with an operation id, and the
# core's answer becomes the reply. Failures are exceptions whose text begins with "code:NUMBER "
# (rayd::ErrorCode), then a sentence for people.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("rayd::schema");
using V = import "/common/schema/value.capnp";
using J = import "/common/schema/job.capnp";

interface Descriptor {
  # A file descriptor, passed beside the message (SCM_RIGHTS); read it with getFd().
}

struct DaemonInfo {
  protocol @0 :UInt32;
  version @1 :Text;
  cluster @2 :Text;
  node @3 :UInt32;
  pid @4 :UInt32;
  head @5 :Bool;
  startedUnixMs @6 :Int64;
}

interface Daemon {
  # The bootstrap capability of every connection.

  hello @0 (protocol :UInt32, program :Text) -> (info :DaemonInfo);
  # First call. Another protocol number is refused with both numbers named.

  openRings @1 (name :Text, nameSpace :Text)
      -> (client :V.Client, job :UInt32, nameSpace :Text, image :Data, rings :Rings);
  # A local driver: the channel's descriptors. Its death is that of the socket's peer (a pidfd), not
  # this socket's. `image` is the hash of its program, which the daemon has read and keeps, so that
  # workers can be made of it. An empty nameSpace gets one of its own.

  openSession @2 (name :Text, nameSpace :Text, image :Data, resumable :Bool)
      -> (client :V.Client, job :UInt32, session :Session, nameSpace :Text, silenceMs :UInt32);
  # A client without rings: rayctl, and a program on a machine without a daemon. `image` is the hash
  # of its program, which writeImage has brought (kNotFound: it has not); none for rayctl.
  # Not resumable: it ends with the connection. Resumable: it ends when nothing was heard of it for
  # `silenceMs`, whatever becomes of connections; only over TLS, whose key says who may resume it.

  status @3 () -> (status :Status);
  list @4 (kind :Text) -> (items :List(Item));
  # kind: nodes jobs tasks actors objects workers functions workloads modules placement-groups.

  submitJob @5 (workload :Text, parameters :List(J.JobParameter), name :Text, nameSpace :Text,
                retries :Int32, queue :Bool, module :Text, demand :V.Resources,
                placement :V.Placement, environment :List(V.Variable), operation :V.Client,
                operationSeq :UInt64) -> (job :UInt32);
  # `environment` is that of its root and of what this submits. `operation` and its number are the
  # caller's, at random: repeated, the submit gets the job that it got before, should the reply have
  # been lost with the daemon. All zero: it is not repeated.
  # The parameters are checked by the caller against the module's description (findModule…); `queue`
  # lets an infeasible job wait; `demand` and `placement` are those of its root. A
  # parameter of kind input carries its content.
  watchJob @6 (job :UInt32, cursor :UInt64, maxWaitMs :UInt32) -> (update :JobUpdate);
  # Everything that happened since `cursor` (0: from the start): log lines, progress, files, and the
  # outcome. Returns at once if there is something, else within maxWaitMs.
  cancelJob @7 (job :UInt32, force :Bool) -> ();
  listFiles @8 (job :UInt32) -> (files :List(JobFile));
  readFile @9 (job :UInt32, name :Text, offset :UInt64, maxBytes :UInt32)
      -> (bytes :Data, complete :Bool);
  # complete: nothing follows these bytes.

  addModule @10 (name :Text, path :Text, hash :Data, fileName :Text)
      -> (hash :Data, description :Text);
  # A path of this machine, readable by the caller, whose content is copied and kept by hash: the
  # owner's. An empty path: the image of that hash, which writeImage brought from `fileName`.
  removeModule @11 (name :Text) -> ();
  describeModules @12 () -> (modules :List(Module));

  readLogs @13 (source :Text, cursor :UInt64, maxWaitMs :UInt32) -> (lines :List(LogLine),
                                                                     cursor :UInt64);
  # source: a job, worker or actor id, a node, or empty for everything.
  stop @14 (force :Bool) -> ();
  # Ends this daemon and all it started. The reply leaves first.

  job @15 () -> (sink :JobSink);
  # In a job's root worker: where its progress and files go. Refused elsewhere.

  createToken @16 (role :UInt8, label :Text, lifetimeMs :Int64) -> (token :Text);
  # rayd::TokenRole. Only this answer ever has the word; the head keeps a hash of its secret.
  # lifetimeMs 0: it does not expire. Refused where the head listens to no other machine.
  revokeToken @17 (id :Text) -> ();
  # As `list tokens` shows it. Who is connected by it stays; nobody comes by it any more.

  enlist @18 (node :NodeControl) -> (head :HeadForNode);
  # From a node of this cluster, whose key the handshake proved: what the two may ask of each other.
  # Once for each connection; what came before is of no use any more.

  stopAll @19 (force :Bool) -> ();
  # Ends every daemon of the cluster, the head's last.

  writeImage @20 (hash :Data, offset :UInt64, bytes :Data, complete :Bool) -> (present :Bool);
  # A program's or module's file from a machine without a daemon, a part at a time, in order; one at
  # a time on a connection. Offset 0 begins anew, and without bytes it only asks. present: all of it
  # is here, whoever brought it. kInvalidArgument: a part that does not continue it, or more than
  # 1 GiB; kCorrupt: the whole is not what its hash says.

  readEvents @21 (cursor :UInt64, maxWaitMs :UInt32) -> (events :List(ClusterEvent),
                                                         cursor :UInt64);
  # What happened lately on all machines, after `cursor` (0: all that is kept). Returns at once if
  # there is something, else within maxWaitMs.

  resumeSession @22 (client :V.Client) -> (session :Session);
  # On a new connection by the same key. kNotFound: it is over. Requests of the old connection may
  # still be on their way: everything in Session may be heard twice.
}

interface HeadForNode {
  # At the head, for one of its nodes.
  jobSink @0 (job :UInt32) -> (sink :JobSink);
  # The job's root runs there.
  addNews @1 (first :UInt64, news :List(NodeNews)) -> ();
  # What its workers printed and what happened there, in order; `first` is the number of the first
  # of them. What was heard before is passed over.
  readImage @2 (hash :Data, offset :UInt64, maxBytes :UInt32) -> (bytes :Data, complete :Bool);
  # A program's or module's file, a part at a time. kNotFound: it is not here, or not yet.
  writeImage @3 (hash :Data, offset :UInt64, bytes :Data, complete :Bool) -> ();
  # The same the other way, in order. An image that is here already is complete whatever comes.
  putModule @4 (name :Text, fileName :Text, hash :Data, description :Text) -> ();
  # Its image has been written.
}

interface NodeControl {
  # At a node, for the head.
  list @0 (kind :Text) -> (items :List(Item));
  # kind: tasks objects workers pending. What lives there.
  readObject @1 (object :V.Id, offset :UInt64, maxBytes :UInt32)
      -> (bytes :Data, complete :Bool);
  # The payload of an object in its store.
  stop @2 (force :Bool) -> ();
}

struct NodeNews {
  union {
    line :group {
      job @0 :UInt32;
      line @1 :LogLine;
    }
    event @2 :ClusterEvent;
  }
}

struct ClusterEvent {
  unixMs @0 :Int64;
  node @1 :UInt32;
  # Where it was noticed.
  level @2 :UInt8;
  # rayd::Event::Level.
  name @3 :Text;
  # "node_joined".
  text @4 :Text;
}

interface Rings {
  # The memory of a local client's channel (common/shm/channel.h) and of the object store.
  open @0 () -> (clientMemory :Descriptor, daemonMemory :Descriptor,
                 daemonRope :Descriptor, clientBell :Descriptor,
                 storeWritable :Descriptor, storeReadable :Descriptor);
  sync @1 (after :UInt32) -> ();
  # Returns when the daemon has drained the `out` ring up to sequence number `after`, so that the
  # two lanes cannot overtake each other.
}

interface Session {
  # The hot lane's messages for a client without rings: the same messages, by RPC, with copies.
  # Numbers make it whole over connections that break: what was heard before is passed over.

  send @0 (first :UInt64, messages :List(Data)) -> (taken :UInt64);
  # Each is a ClientMessage as in a ring, the first numbered `first`, from 1; inline values up to
  # 64 KiB, larger ones as a stored value whose extent's offset is the number of a reserved one.
  # `taken` is the number of the last that was taken. Those behind it have to come again: the client
  # has not fetched its answers, or a number before them is missing.
  receive @1 (maxWaitMs :UInt32, after :UInt64)
      -> (first :UInt64, answers :List(Data), finished :UInt64);
  # The answers behind number `after`, which says that those up to it have arrived: they are kept
  # until then. Each is a ClientAnswer, the first numbered `first`; a stored value is to be read.
  # Waits for one at most maxWaitMs. `finished`: how many tasks of this client have ended.
  reserve @2 (value :UInt64, bytes :UInt64) -> ();
  # Room in the store for a large value, that a Put then names; numbers rise. Waits for room:
  # kStoreFull. kPendingCallsLimit: too many are reserved and not put.
  write @3 (value :UInt64, offset :UInt64, bytes :Data) -> ();
  # A part of it, in any order.
  read @4 (object :V.Id, offset :UInt64, maxBytes :UInt32) -> (bytes :Data);
  # A part of the payload of a stored value that was answered and is held since.
  end @5 () -> ();
  # It is over at once.
}

interface JobSink {
  progress @0 (done :UInt64, total :UInt64, text :Text) -> ();
  metrics @1 (step :UInt64, values :List(Metric)) -> ();
  log @2 (level :UInt8, text :Text) -> ();
  writeFile @3 (name :Text, offset :UInt64, bytes :Data, complete :Bool) -> ();
  # Parts in order; the file appears to others when complete.
  cancelled @4 () -> (cancelled :Bool);
  clusterCpus @5 () -> (cpus :Int64);
  # Of all nodes that are up.
  parameters @6 () -> (parameters :List(J.JobParameter));
  # As they were submitted, with the content of inputs.
}

struct Metric {
  name @0 :Text;
  value @1 :Float64;
}

struct JobFile {
  name @0 :Text;
  bytes @1 :UInt64;
}

struct LogLine {
  unixMs @0 :Int64;
  source @1 :Text;
  # Who printed it: "square pid=812 node=n1".
  error @2 :Bool;
  # true: standard error.
  text @3 :Text;
}

struct JobUpdate {
  cursor @0 :UInt64;
  state @1 :UInt8;
  # rayd::JobState.
  lines @2 :List(LogLine);
  progressDone @3 :UInt64;
  progressTotal @4 :UInt64;
  progressText @5 :Text;
  metrics @6 :List(Metric);
  files @7 :List(JobFile);
  # Finished files, all of them.
  result @8 :Text;
  # JSON, when succeeded.
  error @9 :V.Error;
  # When failed.
  pendingReason @10 :Text;
  infeasible @11 :Bool;
}

struct Module {
  name @0 :Text;
  hash @1 :Data;
  fileName @2 :Text;
  description @3 :Text;
  # The JSON that `--describe` prints: functions, classes, workloads with their parameters.
  running @4 :UInt32;
}

struct Item {
  # One row of `list` and `describe`: stable keys of cli.md §4. Values are JSON texts.
  id @0 :Text;
  fields @1 :List(Field);
  struct Field {
    key @0 :Text;
    json @1 :Text;
  }
}

struct Status {
  info @0 :DaemonInfo;
  nodes @1 :List(Item);
  jobs @2 :List(Item);
  workers @3 :List(Item);
  pending @4 :List(Item);
  # Unfinished tasks and actors with pending_reason.
  storeUsedBytes @5 :UInt64;
  storeCapacityBytes @6 :UInt64;
}
