#include "daemon/shell/peer_pipe.h"

#include <utility>

namespace rayd::shell {
namespace {

using Ack = net::PeerSession::Ack;

constexpr size_t kReadBytes = size_t{128} << 10;
constexpr size_t kWriteBytes = size_t{128} << 10;
/// What one turn of the loop reads from one peer, so that others have theirs.
constexpr size_t kReadsPerTurn = 8;

}  // namespace

PeerPipe::PeerPipe(std::unique_ptr<ByteStream> stream, net::PeerSession& session, Owner& owner,
                   Time now)
    : stream_(std::move(stream)), session_(session), owner_(owner), last_heard_(now) {
  input_.resize(kReadBytes);
  stream_->set_events(this);
  stream_->ask_readable();
  wake();
}

PeerPipe::~PeerPipe() {
  stream_->set_events(nullptr);
  if (destroyed_ != nullptr) *destroyed_ = true;
}

void PeerPipe::wake() {
  if (!closed_ && !waits_for_room_) stream_->ask_flush();
}

void PeerPipe::acknowledge() {
  if (!closed_ && !waits_for_room_ && session_.owes_ack()) write(Ack::kNow);
}

// ---- writing ----------------------------------------------------------------------------------

void PeerPipe::on_flush() { write(Ack::kIfDue); }

void PeerPipe::on_writable() {
  waits_for_room_ = false;
  write(Ack::kIfDue);
}

void PeerPipe::write(Ack ack) {
  if (closed_ || waits_for_room_) return;
  for (;;) {
    if (output_sent_ == output_.size()) {
      output_.clear();
      output_sent_ = 0;
      session_.write(output_, kWriteBytes, ack);
      if (output_.empty()) return;
    }
    const iovec piece{output_.data() + output_sent_, output_.size() - output_sent_};
    const Sent sent = stream_->send({&piece, 1}, {});
    if (sent.outcome == IoOutcome::kFailed) {
      return close({ErrorCode::kUnavailable, "the connection broke"});
    }
    output_sent_ += sent.bytes;
    if (output_sent_ < output_.size()) {
      waits_for_room_ = true;
      stream_->ask_writable();
      return;
    }
    if (output_.capacity() > 4 * kWriteBytes) output_.shrink_to_fit();
  }
}

// ---- reading ----------------------------------------------------------------------------------

void PeerPipe::on_readable() {
  for (size_t i = 0; i < kReadsPerTurn; ++i) {
    const Received received = stream_->receive(input_, 0);
    if (received.outcome == IoOutcome::kWouldBlock) break;
    if (received.outcome == IoOutcome::kEnd) {
      return close({ErrorCode::kUnavailable, "the peer closed the connection"});
    }
    if (received.outcome != IoOutcome::kDone) {
      return close({ErrorCode::kUnavailable, "the connection broke"});
    }
    last_heard_ = now_boottime();
    session_.add({input_.data(), received.bytes});
    if (!deliver()) return;
  }
  stream_->ask_readable();
  // An acknowledgement may have made room in the window.
  if (session_.has_to_write()) wake();
  if (session_.owes_ack()) owner_.on_ack_owed();
}

// False: this is no more, or closed.
bool PeerPipe::deliver() {
  bool destroyed = false;
  for (;;) {
    const auto message = session_.next();
    if (!message) {
      close(message.error());
      return false;
    }
    if (!message->has_value()) return true;
    destroyed_ = &destroyed;
    const bool goes_on = owner_.on_frame(**message);
    if (destroyed) return false;
    destroyed_ = nullptr;
    if (!goes_on) return false;
  }
}

void PeerPipe::close(const Error& why) {
  if (std::exchange(closed_, true)) return;
  stream_->give_up();
  owner_.on_closed(why);
}

}  // namespace rayd::shell
