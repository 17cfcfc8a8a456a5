@0xb1c5a1e5f0d30002;
# The inbox of a daemon from its clients and workers: the `out` ring, or Session.send of the control
# lane for a client without rings. One message is one single-segment Cap'n Proto message.
#
# Sender: a program linked with rayclient. It is never trusted: every field is checked against what
# this client was granted; a message that no honest client sends ends its session.
# Order: as written. A message twice is a protocol error (rings do not repeat), except where said.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("rayd::schema");
using V = import "/common/schema/value.capnp";

struct ClientMessage {
  union {
    defineTemplate :group {
      # Registers a call template under the next free number. The same again is ignored.
      id @0 :UInt32;
      definition @1 :V.CallTemplate;
    }
    submit :group {
      # Runs a task. Creates objects 1 … returnCount with one grant to the sender.
      seq @2 :UInt64;
      # The task is {this client, seq}; seq rises strictly over submit, createActor, callActor, put.
      template @3 :UInt32;
      args @4 :List(V.Arg);
    }
    createActor :group {
      seq @5 :UInt64;
      template @6 :UInt32;
      args @7 :List(V.Arg);
    }
    callActor :group {
      seq @8 :UInt64;
      actor @9 :V.Id;
      template @10 :UInt32;
      args @11 :List(V.Arg);
    }
    put :group {
      # Object {this client, seq, 0}: inline bytes, or an extent in an arena granted to this client.
      seq @12 :UInt64;
      value @13 :V.Value;
    }
    release @14 :List(V.CountedId);
    # Gives counted grants back. More than was granted is a protocol error.
    want :group {
      # "Tell me, once each, when these are ready." Repeating asks again.
      objects @15 :List(V.Id);
      fetch @16 :Bool;
      # true: with the value; false: only that it is ready.
    }
    unwant @17 :List(V.Id);
    blocked :group {
      # The running call of this worker waits; its CPUs are lent.
      wait @18 :UInt64;
      # Not 0: the number of this wait, in which it can run a task that it waits for
      # (ClientAnswer.runInline).
      objects @40 :List(V.Id);
      # With a number: all that it waits for; each was wanted with its value before.
    }
    unblocked @19 :Void;
    cancel :group {
      task @20 :V.Id;
      force @21 :Bool;
      recursive @22 :Bool;
    }
    killActor :group {
      actor @23 :V.Id;
      noRestart @24 :Bool;
    }
    getActor :group {
      request @25 :UInt64;
      name @26 :Text;
      nameSpace @27 :Text;
    }
    requestArena :group {
      request @28 :UInt64;
      bytes @29 :UInt64;
      extent @30 :Bool;
      # true: one object of its own; false: an arena for many small ones.
    }
    closeArena :group {
      segment @31 :UInt16;
      offset @32 :UInt64;
      length @33 :UInt64;
    }
    done :group {
      # A worker's terminal message for the slot it claimed.
      task @34 :V.Id;
      attempt @35 :UInt32;
      actorExits @36 :Bool;
      results @37 :List(V.Value);
      error @38 :V.Error;
      # Null: fine.
    }
    groups @39 :V.GroupRequest;
    # Placement groups: make, remove, ask, await. Twice: answered twice.
  }
}
