#include "daemon/shell/bulk_serve.h"

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <utility>

#include "common/net/asio_socket.h"

namespace rayd::shell {
namespace {

constexpr Duration kServeSilence =
    Duration::seconds(10);                         // with bytes for it that it does not take
constexpr Duration kIdle = Duration::seconds(60);  // the peer closes earlier
constexpr std::chrono::seconds kServeWatchEvery{2};
/// What one turn of the loop sends to one peer, so that others have theirs.
constexpr size_t kSendPerTurn = size_t{1} << 20;

std::optional<SealKey> seal_key_of(const Link& link) {
  if (link.tls) return std::nullopt;
  return link.seal_key;
}

}  // namespace

ServeStream::ServeStream(boost::asio::io_context& io, uint64_t id, Owner& owner, Link link)
    : id_(id),
      owner_(owner),
      frames_(SealFrom::kListener, seal_key_of(link)),
      stream_(attach_link(io, std::move(link))),
      timer_(io),
      last_byte_(now_boottime()) {}

ServeStream::~ServeStream() {
  *alive_ = false;
  stream_->set_events(nullptr);
}

void ServeStream::start() {
  stream_->set_events(this);
  watch();
  go_on();
}

void ServeStream::close(const std::string& why) {
  if (std::exchange(closed_, true)) return;
  stream_->give_up();
  owner_.on_closed(*this, why);
}

void ServeStream::watch() {
  timer_.expires_after(kServeWatchEvery);
  timer_.async_wait([this, alive = alive_](const boost::system::error_code& error) {
    if (!*alive || error || closed_) return;
    const bool is_sending = window_ || output_sent_ < output_.size();
    if (!asking_ && now_boottime() - last_byte_ > (is_sending ? kServeSilence : kIdle)) {
      return close(is_sending ? "it took not a byte for 10 s" : "it asks for nothing");
    }
    watch();
  });
}

void ServeStream::on_readable() { go_on(); }
void ServeStream::on_writable() { go_on(); }

// Sends what there is to send; then asks what is to be known.
void ServeStream::go_on() {
  if (closed_ || asking_) return;
  const auto alive = alive_;  // closing destroys this
  if (!send_all()) return;
  if (!request_) read_request();
  if (!*alive || closed_) return;
  if (window_ || request_) ask();
}

// True: all was sent.
bool ServeStream::send_all() {
  size_t budget = kSendPerTurn;
  for (;;) {
    std::array<iovec, 2> pieces;
    size_t count = 0;
    if (output_sent_ < output_.size())
      pieces[count++] = {output_.data() + output_sent_, output_.size() - output_sent_};
    if (window_ && window_sent_ < window_->bytes.size())
      pieces[count++] = {const_cast<uint8_t*>(window_->bytes.data()) + window_sent_,
                         std::min(window_->bytes.size() - window_sent_, kSendPerTurn)};
    if (count == 0) break;
    const Sent sent = stream_->send({pieces.data(), count}, {});
    if (sent.outcome == IoOutcome::kFailed) {
      close("the connection broke");
      return false;
    }
    if (sent.bytes == 0) {
      stream_->ask_writable();
      return false;
    }
    last_byte_ = now_boottime();
    const size_t of_frames = std::min(sent.bytes, output_.size() - output_sent_);
    output_sent_ += of_frames;
    window_sent_ += sent.bytes - of_frames;
    budget -= std::min(budget, sent.bytes);
    if (budget == 0) {
      stream_->ask_writable();
      return false;
    }
  }
  output_.clear();
  output_sent_ = 0;
  return true;
}

void ServeStream::read_request() {
  const size_t size = frames_.framed(kRequestBytes);
  while (received_ < size) {
    const Received received = stream_->receive({frame_.data() + received_, size - received_}, 0);
    if (received.outcome == IoOutcome::kWouldBlock) return stream_->ask_readable();
    if (received.outcome != IoOutcome::kDone) return close("the peer is gone");
    last_byte_ = now_boottime();
    received_ += received.bytes;
  }
  received_ = 0;
  const auto request = frames_.read_request({frame_.data(), size});
  if (!request) return close(request.error().message);
  request_ = *request;
}

// The window's bytes are with the kernel: before the verdict is said, whether it lies there still.
void ServeStream::ask() {
  asking_ = true;
  ServeQuestion question;
  question.sent = window_;
  question.request = std::exchange(request_, std::nullopt);
  asked_where_ = question.request.has_value();
  if (window_ && frames_.is_sealed()) checksum_ = window_checksum(window_->bytes);
  owner_.ask(*this, question);
}

void ServeStream::reply(const ServeReply& reply) {
  if (closed_) return;
  asking_ = false;
  last_byte_ = now_boottime();
  if (window_) frames_.write(BulkVerdict{reply.sent, std::exchange(checksum_, 0)}, output_);
  window_ = reply.found;
  window_sent_ = 0;
  if (std::exchange(asked_where_, false))
    frames_.write(window_ ? BulkAnswer::kFollows : BulkAnswer::kNotHere, output_);
  go_on();
}

}  // namespace rayd::shell
