// Cap'n Proto messages over a stream of bytes, with descriptors, as KJ promises: what the RPC
// system talks through. It reads many messages with one system call and writes many with one.
//
// Writing: a small message is copied to what the next flush sends, and its promise is ready at
// once. When `copied_bytes` wait already, or descriptors go along, the promise is ready once the
// kernel has taken the message; the writer that waits for it is the back-pressure.
//
// Ending: the peer's end between two messages is null, inside of one an exception (DISCONNECTED).
// What is no message within the limits is an exception (FAILED) and ends the stream. After either,
// writes get one try and never wait: nobody is there to make room. Writing to a peer that is gone
// is no error of its own: reading tells it, after what the peer had still to say.
//
// One thread, that of the KJ loop and of the stream's. Promises must be dropped before the stream.
#pragma once

#include <capnp/serialize-async.h>
#include <sys/uio.h>

#include <memory>
#include <optional>
#include <vector>

#include "common/base/result.h"
#include "common/net/byte_stream.h"
#include "common/net/frame_reader.h"

namespace rayd {

/// Whether a peer that does not read what it asked for is still listened to. A server stops, or the
/// answers would pile up in its memory; a client goes on, or two who both stop would wait for ever.
enum class WhilePeerIsSlow : bool { kKeepReading, kStopReading };

struct StreamOptions {
  FrameLimits limits;
  size_t copied_bytes = 64 * 1024;
  WhilePeerIsSlow while_peer_is_slow = WhilePeerIsSlow::kKeepReading;
};

class SocketMessageStream final : public capnp::MessageStream, private ByteStream::Events {
 public:
  SocketMessageStream(std::unique_ptr<ByteStream> bytes, const StreamOptions& options);
  ~SocketMessageStream() noexcept(false);
  KJ_DISALLOW_COPY(SocketMessageStream);

  /// Why no more messages come: ok when the peer ended in order; nothing while they may.
  const std::optional<Status>& ended() const { return ended_; }

  // capnp::MessageStream. One read at a time; writes are sent in the order asked.
  using capnp::MessageStream::tryReadMessage;
  using capnp::MessageStream::writeMessage;
  using capnp::MessageStream::writeMessages;
  kj::Promise<kj::Maybe<capnp::MessageReaderAndFds>> tryReadMessage(
      kj::ArrayPtr<kj::AutoCloseFd> fd_space, capnp::ReaderOptions options,
      kj::ArrayPtr<capnp::word> scratch_space) override;
  kj::Promise<void> writeMessage(
      kj::ArrayPtr<const int> fds,
      kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>> segments) override;
  kj::Promise<void> writeMessages(
      kj::ArrayPtr<kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>>> messages) override;
  kj::Maybe<int> getSendBufferSize() override;
  kj::Promise<void> end() override;

 private:
  class Read;
  class Write;
  using MaybeMessage = kj::Maybe<capnp::MessageReaderAndFds>;
  enum class ReceiveFirst : bool { kNo, kYes };

  void on_readable() override;
  void on_writable() override;
  void on_flush() override;

  void pump(ReceiveFirst receive);
  bool answer_read();
  bool receive_some();
  void deliver(Frame frame);
  bool must_not_read() const;
  void resume_reading();
  void end_reading(Status why);

  bool copy_to_output(kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>> segments);
  void enqueue(Write& write);
  void forget(Write& write);
  void flush();
  bool flush_output();
  bool flush_write(Write& write);
  bool send_pieces(std::span<const iovec> pieces, std::span<const int> fds, size_t& sent);
  void give_up_writing(std::optional<Error> why);

  std::unique_ptr<ByteStream> bytes_;
  StreamOptions options_;

  FrameReader reader_;
  Read* read_ = nullptr;          // the one that waits
  bool more_is_likely_ = false;   // the last receive filled all its space
  bool reading_stopped_ = false;  // until the writes that wait are sent
  std::optional<Status> ended_;

  std::vector<uint8_t> output_;  // copied messages, sent before writes_
  size_t output_sent_ = 0;
  std::vector<Write*> writes_;     // in the order asked; the first may be sent in part
  bool output_lost_ = false;       // nobody takes anything more; what is written vanishes
  std::optional<Error> lost_why_;  // when it was not the peer's end
};

}  // namespace rayd
