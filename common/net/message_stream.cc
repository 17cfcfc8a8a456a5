#include "common/net/message_stream.h"

#include <capnp/serialize.h>
#include <kj/debug.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

#include "common/net/rpc_errors.h"

namespace rayd {
namespace {

using Segments = kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>>;

constexpr int kReceivesInARow = 16;        // then the loop's other work has its turn
constexpr size_t kPiecesInARow = 64;       // of one sendmsg
constexpr size_t kOutputKept = 16 * 1024;  // memory an idle stream keeps for its output

std::vector<uint32_t> table_of(Segments segments) {
  std::vector<uint32_t> table;
  table.reserve((segments.size() + 2) & ~size_t{1});
  table.push_back(static_cast<uint32_t>(segments.size() - 1));
  for (const auto& segment : segments) table.push_back(static_cast<uint32_t>(segment.size()));
  if (table.size() % 2 != 0) table.push_back(0);
  static_assert(std::endian::native == std::endian::little, "the wire is little-endian");
  return table;
}

uint64_t words_of(Segments segments) {
  uint64_t words = 0;
  for (const auto& segment : segments) words += segment.size();
  return words;
}

std::string errno_text(int error) { return std::strerror(error); }

/// Holds the words the reader reads; a base, so that they are there before it.
struct ReceivedWords {
  kj::Array<capnp::word> words;
};

class ReceivedMessage final : private ReceivedWords, public capnp::FlatArrayMessageReader {
 public:
  ReceivedMessage(kj::Array<capnp::word> received, const capnp::ReaderOptions& options)
      : ReceivedWords{kj::mv(received)}, capnp::FlatArrayMessageReader(words, options) {}
};

}  // namespace

/// One tryReadMessage that waits; dropping its promise forgets it, and no byte is lost.
class SocketMessageStream::Read {
 public:
  Read(kj::PromiseFulfiller<MaybeMessage>& fulfiller, SocketMessageStream& stream,
       kj::ArrayPtr<kj::AutoCloseFd> fd_space, const capnp::ReaderOptions& options)
      : fulfiller(fulfiller), fd_space(fd_space), options(options), stream_(stream) {
    stream.read_ = this;
  }
  ~Read() {
    if (stream_.read_ == this) stream_.read_ = nullptr;
  }
  KJ_DISALLOW_COPY(Read);

  kj::PromiseFulfiller<MaybeMessage>& fulfiller;
  kj::ArrayPtr<kj::AutoCloseFd> fd_space;
  capnp::ReaderOptions options;

 private:
  SocketMessageStream& stream_;
};

/// One message that its writer keeps in memory until the kernel has it; without pieces, the end of
/// the stream.
class SocketMessageStream::Write {
 public:
  Write(kj::PromiseFulfiller<void>& fulfiller, SocketMessageStream& stream,
        kj::ArrayPtr<const int> fds, Segments segments)
      : fulfiller(fulfiller),
        fds(fds.begin(), fds.size()),
        stream_(stream),
        table_(table_of(segments)) {
    pieces.push_back({table_.data(), table_.size() * sizeof(table_[0])});
    for (const auto& segment : segments) {
      if (segment.size() == 0) continue;
      pieces.push_back({const_cast<capnp::word*>(segment.begin()), segment.asBytes().size()});
    }
    stream.enqueue(*this);
  }
  Write(kj::PromiseFulfiller<void>& fulfiller, SocketMessageStream& stream)
      : fulfiller(fulfiller), stream_(stream) {
    stream.enqueue(*this);
  }
  ~Write() { stream_.forget(*this); }
  KJ_DISALLOW_COPY(Write);

  kj::PromiseFulfiller<void>& fulfiller;
  std::span<const int> fds;
  std::vector<iovec> pieces;
  size_t first_piece = 0;  // of those not sent yet
  bool begun = false;

 private:
  SocketMessageStream& stream_;
  std::vector<uint32_t> table_;
};

SocketMessageStream::SocketMessageStream(std::unique_ptr<ByteStream> bytes,
                                         const StreamOptions& options)
    : bytes_(std::move(bytes)), options_(options), reader_(options.limits) {
  RAY_CHECK(options.limits.max_fds <= kMaxFdsPerMessage);
  bytes_->set_events(this);
}

SocketMessageStream::~SocketMessageStream() noexcept(false) {
  RAY_CHECK(read_ == nullptr && writes_.empty());
  bytes_->set_events(nullptr);
  if (output_lost_ || output_.empty()) return;
  const iovec rest{output_.data() + output_sent_, output_.size() - output_sent_};
  static_cast<void>(bytes_->send({&rest, 1}, {}));  // what the writer takes for sent
}

void SocketMessageStream::on_readable() { pump(ReceiveFirst::kYes); }
void SocketMessageStream::on_writable() { flush(); }
void SocketMessageStream::on_flush() { flush(); }

// Reading ------------------------------------------------------------------------------------

kj::Promise<kj::Maybe<capnp::MessageReaderAndFds>> SocketMessageStream::tryReadMessage(
    kj::ArrayPtr<kj::AutoCloseFd> fd_space, capnp::ReaderOptions options,
    kj::ArrayPtr<capnp::word>) {
  KJ_REQUIRE(read_ == nullptr, "a stream is read by one reader at a time");
  auto promise = kj::newAdaptedPromise<MaybeMessage, Read>(*this, fd_space, options);
  pump(more_is_likely_ ? ReceiveFirst::kYes : ReceiveFirst::kNo);
  return promise;
}

void SocketMessageStream::pump(ReceiveFirst receive) {
  bool receive_now = receive == ReceiveFirst::kYes;
  for (int receives = 0; read_ != nullptr; ++receives) {
    if (must_not_read()) {
      reading_stopped_ = true;
      return;
    }
    if (answer_read()) return;
    if (!receive_now || receives == kReceivesInARow) return bytes_->ask_readable();
    receive_now = receive_some();
  }
}

/// Answers the read that waits, if it can be: with a message or with the end.
bool SocketMessageStream::answer_read() {
  if (!ended_) {
    Result<std::optional<Frame>> next = reader_.next();
    if (next.ok() && !next->has_value()) return false;
    if (next.ok() && (*next)->fds.size() <= read_->fd_space.size()) {
      deliver(std::move(**next));
      return true;
    }
    if (next.ok()) {
      end_reading(Error{ErrorCode::kCorrupt, "a message with " +
                                                 std::to_string((*next)->fds.size()) +
                                                 " descriptors; here it may have " +
                                                 std::to_string(read_->fd_space.size())});
    } else {
      end_reading(next.error());
    }
  }
  Read& read = *std::exchange(read_, nullptr);
  if (ended_->ok()) {
    read.fulfiller.fulfill(nullptr);
  } else {
    read.fulfiller.reject(to_exception(ended_->error()));
  }
  return true;
}

void SocketMessageStream::deliver(Frame frame) {
  Read& read = *std::exchange(read_, nullptr);
  capnp::MessageReaderAndFds message;
  message.fds = read.fd_space.slice(0, frame.fds.size());
  for (size_t i = 0; i < frame.fds.size(); ++i) {
    read.fd_space[i] = kj::AutoCloseFd(frame.fds[i].release());
  }
  KJ_IF_MAYBE (exception, kj::runCatchingExceptions([&]() {
                 message.reader = kj::heap<ReceivedMessage>(kj::mv(frame.words), read.options);
               })) {
    read.fulfiller.reject(kj::mv(*exception));
    return;
  }
  read.fulfiller.fulfill(kj::mv(message));
}

/// Returns whether there may be more to receive at once.
bool SocketMessageStream::receive_some() {
  const std::span<uint8_t> space = reader_.space();
  Received received = bytes_->receive(space, options_.limits.max_fds);
  more_is_likely_ = received.outcome == IoOutcome::kDone && received.bytes == space.size();
  switch (received.outcome) {
    case IoOutcome::kDone: reader_.on_received(received.bytes, std::move(received.fds)); break;
    case IoOutcome::kWouldBlock: break;
    case IoOutcome::kEnd:
      if (lost_why_) {
        end_reading(*lost_why_);
      } else if (reader_.between_frames()) {
        end_reading(Status());
      } else {
        end_reading(Error{ErrorCode::kUnavailable, "the peer ended in the middle of a message"});
      }
      break;
    case IoOutcome::kTooManyFds:
      end_reading(Error{ErrorCode::kCorrupt,
                        "more than " + std::to_string(options_.limits.max_fds) +
                            " descriptors at once, or more than this process may hold"});
      break;
    case IoOutcome::kFailed:
      end_reading(
          Error{ErrorCode::kUnavailable, "the connection broke: " + errno_text(received.error)});
      break;
  }
  return more_is_likely_;
}

bool SocketMessageStream::must_not_read() const {
  return options_.while_peer_is_slow == WhilePeerIsSlow::kStopReading && !writes_.empty() &&
         !ended_;
}

/// Goes on with what stopped for the sake of writes.
void SocketMessageStream::resume_reading() {
  if (std::exchange(reading_stopped_, false)) pump(ReceiveFirst::kYes);
}

void SocketMessageStream::end_reading(Status why) {
  ended_ = std::move(why);
  more_is_likely_ = false;
  bytes_->ask_flush();  // what waits for room gets its one try
}

// Writing ------------------------------------------------------------------------------------

kj::Promise<void> SocketMessageStream::writeMessage(kj::ArrayPtr<const int> fds,
                                                    Segments segments) {
  KJ_REQUIRE(segments.size() > 0 && segments.size() <= options_.limits.max_segments,
             "a message of too few or too many segments", segments.size());
  KJ_REQUIRE(words_of(segments) <= options_.limits.max_words,
             "a message larger than the limit in words", options_.limits.max_words);
  KJ_REQUIRE(fds.size() <= options_.limits.max_fds,
             "a message with more descriptors than the limit", options_.limits.max_fds);
  if (output_lost_) return kj::READY_NOW;
  if (fds.size() == 0 && copy_to_output(segments)) {
    bytes_->ask_flush();
    return kj::READY_NOW;
  }
  return kj::newAdaptedPromise<void, Write>(*this, fds, segments);
}

kj::Promise<void> SocketMessageStream::writeMessages(kj::ArrayPtr<Segments> messages) {
  auto written = kj::heapArrayBuilder<kj::Promise<void>>(messages.size());
  for (Segments segments : messages) written.add(writeMessage(nullptr, segments));
  return kj::joinPromises(written.finish());
}

kj::Maybe<int> SocketMessageStream::getSendBufferSize() {
  const int bytes = bytes_->send_buffer_bytes();
  if (bytes == 0) return nullptr;
  return bytes;
}

kj::Promise<void> SocketMessageStream::end() {
  if (output_lost_) return kj::READY_NOW;
  return kj::newAdaptedPromise<void, Write>(*this);
}

bool SocketMessageStream::copy_to_output(Segments segments) {
  if (!writes_.empty()) return false;
  const std::vector<uint32_t> table = table_of(segments);
  const size_t table_bytes = table.size() * sizeof(table[0]);
  const size_t bytes = table_bytes + words_of(segments) * sizeof(capnp::word);
  if (output_.size() - output_sent_ + bytes > options_.copied_bytes) return false;
  const auto append = [&](const void* data, size_t size) {
    const auto* from = static_cast<const uint8_t*>(data);
    output_.insert(output_.end(), from, from + size);
  };
  append(table.data(), table_bytes);
  for (const auto& segment : segments) append(segment.begin(), segment.asBytes().size());
  return true;
}

void SocketMessageStream::enqueue(Write& write) {
  writes_.push_back(&write);
  bytes_->ask_flush();
}

/// A writer that leaves in the middle of its message has cut the stream.
void SocketMessageStream::forget(Write& write) {
  const auto it = std::find(writes_.begin(), writes_.end(), &write);
  if (it == writes_.end()) return;
  writes_.erase(it);
  if (write.begun) {
    give_up_writing(Error{ErrorCode::kUnavailable, "a message was given up half sent"});
  }
}

void SocketMessageStream::flush() {
  if (output_lost_ || !flush_output()) return;
  while (!writes_.empty()) {
    Write& write = *writes_.front();
    if (!flush_write(write)) return;
    writes_.erase(writes_.begin());
    write.fulfiller.fulfill();
  }
  resume_reading();
}

/// As flush_write() and send_pieces(): false when not all could be sent, and then the rest is seen
/// to already.
bool SocketMessageStream::flush_output() {
  while (output_sent_ < output_.size()) {
    const iovec rest{output_.data() + output_sent_, output_.size() - output_sent_};
    if (!send_pieces({&rest, 1}, {}, output_sent_)) return false;
  }
  output_sent_ = 0;
  output_.clear();
  if (output_.capacity() > kOutputKept) output_ = {};
  return true;
}

bool SocketMessageStream::flush_write(Write& write) {
  if (write.pieces.empty()) {
    bytes_->end_writing();
    output_lost_ = true;
    return true;
  }
  while (write.first_piece < write.pieces.size()) {
    const auto rest = std::span(write.pieces).subspan(write.first_piece);
    const auto fds = write.begun ? std::span<const int>() : write.fds;
    size_t sent = 0;
    if (!send_pieces(rest.first(std::min(rest.size(), kPiecesInARow)), fds, sent)) return false;
    write.begun = true;
    while (sent > 0) {
      iovec& piece = write.pieces[write.first_piece];
      const size_t taken = std::min(sent, piece.iov_len);
      piece.iov_base = static_cast<uint8_t*>(piece.iov_base) + taken;
      piece.iov_len -= taken;
      sent -= taken;
      if (piece.iov_len == 0) ++write.first_piece;
    }
  }
  return true;
}

bool SocketMessageStream::send_pieces(std::span<const iovec> pieces, std::span<const int> fds,
                                      size_t& sent) {
  const Sent result = bytes_->send(pieces, fds);
  sent += result.bytes;
  if (result.outcome == IoOutcome::kDone) return true;
  if (result.outcome == IoOutcome::kWouldBlock && !ended_) {
    bytes_->ask_writable();
  } else if (result.error == EPIPE || result.error == ECONNRESET || ended_) {
    give_up_writing(std::nullopt);
  } else {
    give_up_writing(Error{ErrorCode::kUnavailable, "cannot send: " + errno_text(result.error)});
  }
  return false;
}

/// Ends both directions, so that the reader finds the end behind what has arrived already.
void SocketMessageStream::give_up_writing(std::optional<Error> why) {
  output_lost_ = true;
  lost_why_ = std::move(why);
  output_ = {};
  output_sent_ = 0;
  bytes_->give_up();
  for (Write* write : std::exchange(writes_, {})) write->fulfiller.fulfill();
  resume_reading();
}

}  // namespace rayd
