@0xb1c5a1e5f0d30008;
# The peer lane: what two daemons say to each other about references (P1), tasks (P2) and actor
# calls (P3 of protocols.md). A and S are nodes that own or send, B and R those that run or
# receive; N is any node. Node 0, the head, owns the roots of jobs and takes part like any other.
#
# A message is one single-segment Cap'n Proto message in standard stream framing (a table of one
# segment, then its words), at most 64 MiB. It travels in a session: in order, exactly once while
# both ordinals live, whatever connections come and go beneath. So "twice" below never means that a
# connection repeated something; it means that the sender said it again.
#
# Nobody is trusted with what is not his: a receiver looks at the session, not at the message, to
# know who speaks. A message that names what its receiver does not know (any more) is ignored,
# unless said otherwise; its references are counted all the same. A message that is no message ends
# the session, and with it the sender.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("rayd::schema");
using V = import "/common/schema/value.capnp";

# ---- words of this lane --------------------------------------------------------------------------

struct Transfer {
  # The references of one message from S to R: every argument that is one, and everything that a
  # value in it contains, as often as it is named. For those that S owns, S has counted a grant to
  # R; for the others S holds a pin until TransferDone.
  token @0 :UInt64;
  # Rises within this direction of the session; 0: none of them belongs to a third node.
  references @1 :List(V.Id);
}

struct CallRef {
  # A call template, named by a number that this direction of the session gave it. What all calls of
  # one kind share is several hundred bytes, so it travels with the first of them only.
  #
  # The sender remembers at most 4,096 templates and 16 MiB of them, and has the receiver forget the
  # oldest before it says more. What was said of a number holds for this session and direction: it
  # survives a reconnect, and is gone with the session.
  id @0 :UInt32;
  # 1 … 4,096.
  definition @1 :V.CallTemplate;
  # Null: `id` is known. Else it is not, and is from here on. A known number defined again, or an
  # unknown one without a definition, is a protocol error.
  forget @2 :List(UInt32);
  # These numbers are free again; carried out before `definition`.
}

# ---- P1: references ------------------------------------------------------------------------------

struct Borrow {
  # R → A, the owner: R received references to objects of A from a third node, or opened a value
  # that contains them, and wants grants of its own. A counts one for each, and answers BorrowAck.
  # A node that drains still answers. Twice: two grants, two answers.
  token @0 :UInt64;
  # R's, rising; echoed in the answer.
  objects @1 :List(V.Id);
}

struct BorrowAck {
  # A → R. R counts the grants as seen; the pins of whoever sent the references may go:
  # TransferDone. An unknown token is ignored.
  token @0 :UInt64;
  entries @1 :List(Entry);
  struct Entry {
    object @0 :V.Id;
    lost @1 :V.Error;
    # Null: granted. Else A has it no longer: R keeps a handle whose value is this error.
  }
}

struct TransferDone {
  # R → S: R's grants for the third-party references of the message with this token are counted, so
  # S may drop its pins. Twice, or for an unknown token: ignored.
  token @0 :UInt64;
}

struct Release {
  # R → A: nothing on R holds these any more. `count` is all that R has seen since its last Release
  # of the object; A subtracts it, so a grant that crosses this message stays counted. More than
  # was granted counts as all.
  objects @0 :List(V.CountedId);
}

struct Fetch {
  # R, which holds a reference → A: "tell me its value, once it is ready". A answers FetchedValue:
  # at once, or when its task has ended. Twice: asks again; what was not answered is answered once.
  object @0 :V.Id;
}

struct FetchedValue {
  # A → R. A stored value names nodes to pull the bytes from. R ignores it unless it still holds the
  # object and A owns it; a later one replaces what R knew.
  object @0 :V.Id;
  value @1 :V.PeerValue;
  transfer @2 :Transfer;
}

struct CopyChanged {
  # R → A: R's store holds a copy now, or has it no longer (evicted, damaged). A adds or removes
  # the node; if there is no copy left, the object is lost and rebuilt. A copy of what A does not
  # know is answered with DropCopy. Twice: the same.
  object @0 :V.Id;
  have @1 :Bool;
}

struct DropCopy {
  # A → N: the object is freed, or this copy is not the one that counts. N frees its copy as soon as
  # nobody reads it. Twice: ignored.
  object @0 :V.Id;
}

# ---- P2: assignment ------------------------------------------------------------------------------

struct Assign {
  # A, the owner → B: run attempt k of the task. All arguments exist at A. B ignores an attempt
  # that is no newer than one it has seen, and takes back an older one. Its answer is exactly one
  # of Refused, AttemptDone, AttemptFailed, Revoked.
  task @0 :V.Id;
  attempt @1 :UInt32;
  # k, rising with every Assign of the task.
  job @2 :UInt32;
  call @3 :CallRef;
  args @4 :List(V.PeerArg);
  # At most 65,536. B pulls what is stored elsewhere: all of it before the task starts.
  transfer @5 :Transfer;
}

struct Refused {
  # B → A: B cannot run the attempt now, and has not begun. A does not choose B for such tasks again
  # until it knows a view of B newer than `view`.
  task @0 :V.Id;
  attempt @1 :UInt32;
  view @2 :UInt64;
}

struct AttemptDone {
  # B → A: terminal for attempt k. If A is at k and waits for it, the results are the task's. If
  # not, A drops the references and answers Discard for what B stored.
  task @0 :V.Id;
  attempt @1 :UInt32;
  results @2 :List(V.PeerValue);
  # returnCount of them, or none with `error`. Object n of the task is results[n−1].
  error @3 :V.Error;
  # The user's exception; null: fine.
  transfer @4 :Transfer;
}

struct AttemptFailed {
  # B → A: terminal for attempt k, which ended without a result: its worker died, its arguments are
  # lost, it was killed. B has reaped the worker before it says so. A tries again if it may: an
  # attempt that had started costs a retry.
  task @0 :V.Id;
  attempt @1 :UInt32;
  cause @2 :V.Error;
  started @3 :Bool;
}

enum RevokeReason {
  move @0;
  # Another node has room. A running attempt runs on.
  cancel @1;
  # A running attempt sees its cancel word set.
  force @2;
  # A running attempt's worker is killed.
}

struct Revoke {
  # A → B: take attempt k back. Not begun: Revoked. Begun: as the reason says, and its own terminal
  # message follows. Unknown: ignored, because the terminal message is on the way. Twice: the
  # stronger reason counts.
  task @0 :V.Id;
  attempt @1 :UInt32;
  reason @2 :RevokeReason;
  recursive @3 :Bool;
  # Cancel and force: also what that attempt submitted.
}

struct Revoked {
  # B → A: terminal for attempt k. It has not started and never will; no retry is charged.
  task @0 :V.Id;
  attempt @1 :UInt32;
}

struct CancelTask {
  # N → A: a client of N, which holds a reference to a result, cancels the task. Once A has
  # confirmed the end, its callers read Cancelled, whatever an attempt answers. Twice: a forced
  # cancel after a plain one forces.
  task @0 :V.Id;
  force @1 :Bool;
  recursive @2 :Bool;
}

struct Discard {
  # A → B: the result that attempt k of the object's task stored on B is nobody's. B frees it.
  # Twice: ignored.
  object @0 :V.Id;
  attempt @1 :UInt32;
}

# ---- P3: actor calls -----------------------------------------------------------------------------
# C is the caller's node, B the actor's. A caller is a client of C; its calls to one actor carry the
# numbers 1, 2, … for the actor's whole life, over all incarnations.

struct Attach {
  # C → B, before the first call to an incarnation: this caller's numbers begin at `base` here.
  # Again, with a higher base: replies below it need not be kept. B answers nothing; if it does not
  # serve that incarnation, the calls are answered, one by one.
  actor @0 :V.Id;
  incarnation @1 :UInt32;
  caller @2 :V.Client;
  base @3 :UInt64;
}

struct Detach {
  # C → B: this caller makes no more calls and has all its replies. B forgets it. Twice: ignored.
  actor @0 :V.Id;
  incarnation @1 :UInt32;
  caller @2 :V.Client;
}

struct ActorCall {
  # C → B: call number n of this caller. The numbers of a caller and incarnation come without gaps.
  # B runs calls of one caller in order of n, as soon as their arguments are there, and answers
  # ActorReply. Another incarnation, or a caller that did not attach: StaleIncarnation. A number
  # that was answered: the kept reply again. One that is under way, or beyond the next: ignored.
  actor @0 :V.Id;
  incarnation @1 :UInt32;
  caller @2 :V.Client;
  n @3 :UInt64;
  acked @4 :UInt64;
  # C has the replies up to here: B need not keep them.
  task @5 :V.Id;
  # Whose results the call makes.
  job @6 :UInt32;
  call @7 :CallRef;
  args @8 :List(V.PeerArg);
  # As in Assign.
  transfer @9 :Transfer;
}

struct SkipCall {
  # C → B: n will not be sent (again): it was cancelled, or may not be repeated. B counts it as
  # applied if it is the next one, else ignores it.
  actor @0 :V.Id;
  incarnation @1 :UInt32;
  caller @2 :V.Client;
  n @3 :UInt64;
}

struct ActorReply {
  # B → C: call n has ended. B keeps the reply until C has acknowledged it. C drops the reply of
  # another incarnation than the one it speaks to, and answers Discard for what it stored.
  actor @0 :V.Id;
  incarnation @1 :UInt32;
  caller @2 :V.Client;
  n @3 :UInt64;
  task @4 :V.Id;
  results @5 :List(V.PeerValue);
  error @6 :V.Error;
  # The user's exception, or why it was not run; null: fine.
  transfer @7 :Transfer;
}

struct StaleIncarnation {
  # B → C: B does not serve this incarnation, or no longer: its process was reaped. Calls above
  # `started` have not begun there and never will, so C may make them again free of charge; those up
  # to it may have run. C sends nothing more there, and waits for what the head says of the actor.
  # Once for every call that comes too late. Twice: the same.
  actor @0 :V.Id;
  incarnation @1 :UInt32;
  # The one that was asked for.
  caller @2 :V.Client;
  started @3 :UInt64;
}

struct CancelCall {
  # C → B: cancel call n. Not begun: it never begins. Running: its cancel word is set. Its
  # ActorReply comes all the same. Twice, or ended: ignored.
  actor @0 :V.Id;
  incarnation @1 :UInt32;
  caller @2 :V.Client;
  n @3 :UInt64;
  recursive @4 :Bool;
}

struct PeerMessage {
  union {
    borrow @0 :Borrow;
    borrowAck @1 :BorrowAck;
    transferDone @2 :TransferDone;
    release @3 :Release;
    fetch @4 :Fetch;
    fetchedValue @5 :FetchedValue;
    copyChanged @6 :CopyChanged;
    dropCopy @7 :DropCopy;
    assign @8 :Assign;
    refused @9 :Refused;
    attemptDone @10 :AttemptDone;
    attemptFailed @11 :AttemptFailed;
    revoke @12 :Revoke;
    revoked @13 :Revoked;
    cancelTask @14 :CancelTask;
    discard @15 :Discard;
    attach @16 :Attach;
    detach @17 :Detach;
    actorCall @18 :ActorCall;
    skipCall @19 :SkipCall;
    actorReply @20 :ActorReply;
    staleIncarnation @21 :StaleIncarnation;
    cancelCall @22 :CancelCall;
  }
}
