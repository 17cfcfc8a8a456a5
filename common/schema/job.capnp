@0xb1c5a1e5f0d30006;
# What a job's root is called with: the one argument of a call of kind job root. Made by the daemon
# from Daemon.submitJob, read by the worker that runs the workload. Opaque to everything between.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("rayd::schema");

struct JobParameter {
  name @0 :Text;
  value @1 :Text;
  # As typed; for an input "@NAME".
  input :union {
    none @2 :Void;
    content @3 :Data;
    # The file's content, which travelled with the submission; its name stays in value.
  }
}

struct JobParameters {
  parameters @0 :List(JobParameter);
}
