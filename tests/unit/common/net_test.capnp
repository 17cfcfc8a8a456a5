@0xd4f1a6c2b7e90851;
# What the tests of common/net say to each other over a socket. Nothing else uses it.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("rayd::test");

interface Echo {
  say @0 (text :Text) -> (text :Text);
  # Answers with what it was given.

  fail @1 (code :UInt16, text :Text);
  # Answers with the rayd error of this code and text.

  crash @2 (text :Text);
  # Answers with an error that no rayd code was chosen for.

  never @3 ();
  # Does not answer while the connection lives.

  open @4 (content :Text) -> (file :File);
  # A file of this content, as a descriptor.

  read @5 (file :File) -> (content :Text);
  # Reads the file through the descriptor that came along; empty when none came.

  child @6 () -> (echo :Echo);
  # Another one, to pipeline calls on.

  callBack @7 (echo :Echo, text :Text) -> (text :Text);
  # Answers with what the caller's own Echo says to the text.

  blob @8 (size :UInt32) -> (data :Data);
  # So many bytes, counting up from 0 and over.
}

interface File {
  # A capability whose descriptor travels with it.
}
