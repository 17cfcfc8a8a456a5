@0xb1c5a1e5f0d30003;
# The inbox of a client from its daemon: the `answers` ring, or Session.receive of the control lane.
#
# Every reference inside (in `contains`) is one grant to the client, which gives it back by
# ClientMessage.release. The room for an answer was reserved by the request (protocols.md §1).

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("rayd::schema");
using V = import "/common/schema/value.capnp";

struct ClientAnswer {
  union {
    ready :group {
      object @0 :V.Id;
      value @1 :V.Value;
      # none: it is ready, and its value was not asked for.
    }
    actorFound :group {
      request @2 :UInt64;
      actor @3 :V.Id;
      # Nil: there is none. Otherwise one grant of its handle.
      creation @4 :V.CallTemplate;
    }
    arenaGranted :group {
      request @5 :UInt64;
      segment @6 :UInt16;
      offset @7 :UInt64;
      length @8 :UInt64;
    }
    arenaRefused :group {
      request @9 :UInt64;
      usedBytes @10 :UInt64;
      capacityBytes @11 :UInt64;
    }
    sessionError @12 :Text;
    # The last message of a session that broke the protocol: what was wrong.
    groups @13 :V.GroupReply;
    runInline @14 :UInt64;
    # To a worker whose wait (ClientMessage.blocked) has this number, when max_workers leaves no
    # other for a task that it waits for: the task is, or soon will be, in its work ring, to be
    # claimed and run before it goes on waiting. Of a wait that is over: ignored.
  }
}
