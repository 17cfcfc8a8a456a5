@0xb1c5a1e5f0d30004;
# The inbox of a worker: its `work` ring. Each slot has a claim word (protocols.md §1): the worker
# turns *queued* into *started* before it runs it, the daemon turns *queued* into *revoked*.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("rayd::schema");
using V = import "/common/schema/value.capnp";

struct WorkMessage {
  union {
    defineCall :group {
      # Defines a call for this worker before its first use; not claimed, applied when read.
      id @0 :UInt32;
      definition @1 :V.CallTemplate;
    }
    run :group {
      task @2 :V.Id;
      attempt @3 :UInt32;
      call @4 :UInt32;
      args @5 :List(V.Value);
      # An error among them fails the call before its function is entered.
      actor @6 :V.Id;
      incarnation @7 :UInt32;
      jobSerial @8 :UInt32;
      gpus @9 :List(UInt32);
      # The devices that it may use: what CUDA_VISIBLE_DEVICES says. Calls of an actor have those of
      # its creation, and say none.
    }
  }
}
