@0xd3a8c1f09be24a57;
# The first words of a connection, each way. They travel inside of TLS, after its handshake: by then
# who connects knows that it talks to the machine it wanted (it pinned the hash of its key), and
# each knows the other's key. So a token is never sent to a stranger, and a recorded hello is of no
# use: it cannot be said again in another session.
#
# Who connects sends one Hello and waits; who listens answers with one HelloAnswer. Both are
# messages of Cap'n Proto's stream framing with one segment and at most 4,096 bytes all told. What
# is larger, late (5 s from the connection to the end of the Hello) or no such message ends the
# connection without a word. After an acceptance the connection belongs to its lane: RPC (control),
# the frames of a session (peer), or bulk data. Texts are UTF-8 without control characters.
#
# Saying a Hello twice is two connections, and no harm: a join is made idempotent by the key.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("rayd::schema");

struct ProtocolRange {
  # Versions of everything that is said between machines. The newest that both speak is taken.
  min @0 :UInt16;
  max @1 :UInt16;
}

struct SessionPoint {
  session @0 :UInt64;
  # Chosen by who connected first; 0: there is no session yet.
  received @1 :UInt64;
  # The last sequence number the speaker has from the other side; it wants what follows.
}

struct Hello {
  protocols @0 :ProtocolRange;
  program @1 :Text;
  # "rayd 0.1.0": for people, and for a refusal that names both. At most 64 bytes.
  lane @2 :Lane;
  enum Lane {
    control @0;
    peer @1;
    bulk @2;
    probe @3;
    # From the head to a machine that joins: does this address lead there? Accepted and closed.
  }
  credentials :union {
    identity @3 :Void;
    # The key that TLS proved: a node that joined before, a client whose session goes on.
    token :group {
      # A first join, or a client from elsewhere. The receiver hashes the secret before it looks.
      id @4 :UInt64;
      secret @5 :Data;
      # 16 bytes.
    }
  }
  cluster @6 :Data;
  # 16 bytes; empty: not known yet. A member of another cluster is refused.
  node @7 :UInt32;
  # The speaker's ordinal; 0: none yet, or a client. It must be that of its key.
  to @10 :UInt32;
  # Whom it wants to talk to at that address: an ordinal, or 0, the head.
  resume @8 :SessionPoint;
  plainBulk @9 :Bool;
  # On the bulk lane: the speaker's site does not encrypt bulk data. If the answer agrees, TLS ends
  # with the answer and the same connection goes on in the clear.
  reachedAt @11 :Text;
  # With a join: HOST:PORT where others reach the speaker, ":PORT" where that is the host it comes
  # from. The head tries it before it answers. Empty: the speaker listens to nobody. 280 bytes.
}

struct HelloAnswer {
  union {
    accepted :group {
      protocol @0 :UInt16;
      # Within both ranges.
      program @1 :Text;
      cluster @2 :Data;
      node @3 :UInt32;
      # The asker's ordinal: new after a join, else the one it said. 0 for a client.
      answerer @4 :UInt32;
      # Who answers; 0: the head.
      epoch @5 :UInt64;
      # The head's, as far as the answerer has heard. A lower one than the asker knows is stale.
      resume @6 :SessionPoint;
      # The session, and the last sequence number the answerer has from the asker.
      plainBulk @7 :Bool;
      # Only if it was asked for, and this site does not encrypt bulk data either.
    }
    refused :group {
      reason @8 :Reason;
      text @9 :Text;
      # What is wrong and what to do about it, naming both ranges if it is the version. 1,024 bytes.
      protocols @10 :ProtocolRange;
      refuser @11 :Text;
      # Its program.
    }
  }
  enum Reason {
    unknown @0;
    version @1;
    token @2;
    # Unknown, wrong, expired, revoked: all the same to who presents it.
    identity @3;
    deadNode @4;
    # The ordinal was declared dead. The asker ends its workers and joins as a new one.
    otherCluster @5;
    notHere @6;
    busy @7;
    # Later: back off.
    unreachable @8;
    # The head cannot connect to the address that the asker gave.
  }
}
