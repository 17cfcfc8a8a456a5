@0xf96f1107bde0754e;

# The process side of one machine: daemon, keeper, zygotes.
#
#   daemon ──ToKeeper──▶ keeper ──ToZygote──▶ zygote ══fork══▶ worker
#          ◀─FromKeeper─        ◀─FromZygote─
#
# Both arrows are SOCK_SEQPACKET pairs: ordered, reliable while both ends live, one message a
# packet (at most 128 KiB), descriptors beside it. When a connection ends, whoever reads it draws
# the conclusion: the keeper ends everything when the daemon's ends; a zygote exits when the
# keeper's ends. So nothing is ever sent twice, and a repeated message is a bug.
#
# A worker is named by its client id, which is never used again; a zygote by a number of the
# daemon's.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("rayd::schema");

struct ToKeeper {
  # The daemon's orders. Each is answered by exactly one of the messages named with it.
  union {
    startZygote @0 :StartZygote;
    # → zygoteReady, or zygoteEnded. One descriptor: where it writes standard output and error.

    endZygote @1 :UInt32;
    # Ends a zygote that has no workers, at once. → zygoteEnded.

    startWorker @2 :StartWorker;
    # → workerStarted, later workerDied; or workerFailed. Sent after zygoteReady. Descriptors:
    # standard output, standard error, then the worker's channel, in the daemon's order.

    signalWorker @3 :SignalWorker;
    # No answer but the workerDied that may follow. Unknown worker: it died already; ignored.

    guardFile @4 :Text;
    # A file (a socket) to remove when the daemon is gone, if it still is the one it is now.
  }
}

struct FromKeeper {
  union {
    zygoteReady @0 :ZygoteReady;
    # All constructors have run; it waits in place of main.

    zygoteEnded @1 :ZygoteEnded;
    # Its process is gone. What it wrote on standard error says why. After the workerFailed of
    # every worker it had not started; workers it did start are killed with it and reported one
    # by one.

    workerStarted @2 :WorkerStarted;
    workerFailed @3 :WorkerFailed;
    # There is no process; nothing else follows about this worker.

    workerDied @4 :WorkerDied;
    # Nothing of it is left: its process, its process group and every descendant are reaped.
  }
}

struct ToZygote {
  union {
    startWorker @0 :StartWorker;
    signalWorker @1 :SignalWorker;
  }
}

struct FromZygote {
  union {
    ready @0 :Void;
    workerStarted @1 :WorkerStarted;
    workerFailed @2 :WorkerFailed;
    workerDied @3 :WorkerDied;
    # The process is reaped and its process group killed; the keeper passes it on once the
    # descendants that left the group are gone too.
  }
}

struct StartZygote {
  zygote @0 :UInt32;
  program @1 :Text;
  # Path of an executable; for a shared object that of rayd-worker, with RAYD_MODULE in environment.

  environment @2 :List(Text);
  # All of it, NAME=value.

  credentials @3 :Credentials;
  # Absent (null): the keeper's own.
}

struct Credentials {
  user @0 :UInt32;
  group @1 :UInt32;
  groups @2 :List(UInt32);
}

struct StartWorker {
  worker @0 :UInt64;
  zygote @1 :UInt32;
  directory @2 :Text;
  # The working directory.

  tag @3 :UInt64;
  # Set by the keeper: marks the worker's descendants (common/base/process_tree.h).
}

struct SignalWorker {
  worker @0 :UInt64;
  signal @1 :Int32;
  everyone @2 :Bool;
  # The process group, not the worker's process alone.
}

struct ZygoteReady {
  zygote @0 :UInt32;
  pid @1 :Int32;
}

struct ZygoteEnded {
  zygote @0 :UInt32;
  status @1 :ProcessStatus;
}

struct WorkerStarted {
  worker @0 :UInt64;
  pid @1 :Int32;
}

struct WorkerFailed {
  worker @0 :UInt64;
  text @1 :Text;
}

struct WorkerDied {
  worker @0 :UInt64;
  status @1 :ProcessStatus;
}

struct ProcessStatus {
  kind @0 :Kind;
  code @1 :Int32;
  # Exit status or signal number.

  enum Kind {
    exited @0;
    signalled @1;
    lost @2;
    # Whoever reaped it died before telling.
  }
}
