#include "daemon/shell/bulk_pull.h"

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <utility>

#include "common/net/asio_socket.h"
#include "common/net/dial.h"

namespace rayd::shell {
namespace {

constexpr Duration kDialTimeout = Duration::seconds(5);
constexpr Duration kPullSilence = Duration::seconds(10);
constexpr std::chrono::seconds kPullWatchEvery{1};
/// What one turn of the loop reads from one peer, so that others have theirs.
constexpr size_t kReadPerTurn = size_t{1} << 20;

}  // namespace

PullStream::PullStream(boost::asio::io_context& io, const TlsContext& context, uint64_t id,
                       Owner& owner, DialTarget target, Hello hello)
    : io_(io), id_(id), owner_(owner), timer_(io), last_byte_(now_boottime()) {
  dial_ = std::make_unique<AsioDial>(io, context, std::move(target), std::move(hello), kDialTimeout,
                                     [this](DialResult result) { on_dialled(std::move(result)); });
}

PullStream::~PullStream() {
  *alive_ = false;
  if (stream_) stream_->set_events(nullptr);
}

void PullStream::on_dialled(DialResult result) {
  dial_.reset();
  if (const auto* error = std::get_if<Error>(&result)) return close(error->message);
  if (const auto* refused = std::get_if<HelloRefused>(&result)) {
    return close("it refuses: " + to_error(*refused).message);
  }
  Link& link = std::get<Dialled>(result).link;
  if (!link.tls) frames_ = BulkFrames{SealFrom::kDialler, link.seal_key};
  stream_ = attach_link(io_, std::move(link));
  stream_->set_events(this);
  stream_->ask_readable();
  last_byte_ = now_boottime();
  watch();
  write();
}

void PullStream::add(const BulkWindow& window) {
  if (windows_.empty()) last_byte_ = now_boottime();
  windows_.push_back(window);
  if (stream_ && !closed_) stream_->ask_flush();
}

void PullStream::close(const std::string& why) {
  if (std::exchange(closed_, true)) return;
  dial_.reset();
  if (stream_) stream_->give_up();
  owner_.on_closed(*this, why);
}

// Only while something is awaited is silence an offence.
void PullStream::watch() {
  timer_.expires_after(kPullWatchEvery);
  timer_.async_wait([this, alive = alive_](const boost::system::error_code& error) {
    if (!*alive || error || closed_) return;
    if (!windows_.empty() && now_boottime() - last_byte_ > kPullSilence) {
      return close("not a byte came for 10 s");
    }
    watch();
  });
}

// ---- asking -------------------------------------------------------------------------------------

void PullStream::on_flush() { write(); }
void PullStream::on_writable() { write(); }

void PullStream::write() {
  if (closed_) return;
  for (; asked_ < windows_.size(); ++asked_) frames_.write(windows_[asked_].request, output_);
  while (output_sent_ < output_.size()) {
    const iovec piece{output_.data() + output_sent_, output_.size() - output_sent_};
    const Sent sent = stream_->send({&piece, 1}, {});
    if (sent.outcome == IoOutcome::kFailed) return;  // the reader finds the end
    output_sent_ += sent.bytes;
    if (sent.bytes == 0) return stream_->ask_writable();
  }
  output_.clear();
  output_sent_ = 0;
}

// ---- receiving ----------------------------------------------------------------------------------

void PullStream::on_readable() {
  size_t budget = kReadPerTurn;
  while (budget > 0) {
    if (!read_some(budget)) return;
  }
  stream_->ask_readable();
}

/// What this step still waits for.
std::span<uint8_t> PullStream::wanted() {
  switch (step_) {
    case Step::kAnswer: return std::span{frame_}.first(frames_.framed(kAnswerBytes));
    case Step::kVerdict: return std::span{frame_}.first(frames_.framed(kVerdictBytes));
    case Step::kBytes: break;
  }
  const BulkWindow& window = windows_.front();
  return {window.memory, window.request.length};
}

// False: nothing more now, or it is closed.
bool PullStream::read_some(size_t& budget) {
  const std::span<uint8_t> space = wanted().subspan(received_);
  const Received received = stream_->receive(space.first(std::min(space.size(), budget)), 0);
  if (received.outcome == IoOutcome::kWouldBlock) {
    stream_->ask_readable();
    return false;
  }
  if (received.outcome != IoOutcome::kDone) {
    close("the connection broke");
    return false;
  }
  last_byte_ = now_boottime();
  budget -= received.bytes;
  received_ += received.bytes;
  if (received.bytes < space.size()) return true;
  received_ = 0;
  if (const Status read = on_frame(); !read.ok()) {
    close(read.error().message);
    return false;
  }
  return true;
}

// The step's bytes are all there.
Status PullStream::on_frame() {
  switch (step_) {
    case Step::kBytes: step_ = Step::kVerdict; return {};
    case Step::kVerdict: {
      const auto verdict = frames_.read_verdict({frame_.data(), frames_.framed(kVerdictBytes)});
      if (!verdict) return verdict.error();
      return end_window(*verdict);
    }
    case Step::kAnswer: break;
  }
  if (asked_ == 0) return Error{ErrorCode::kCorrupt, "an answer that nobody asked for"};
  const auto answer = frames_.read_answer({frame_.data(), frames_.framed(kAnswerBytes)});
  if (!answer) return answer.error();
  if (*answer == BulkAnswer::kFollows) return begin_window();
  tell(Error{ErrorCode::kObjectLost, "it has no copy"});
  return {};
}

Status PullStream::begin_window() {
  step_ = Step::kBytes;
  return owner_.prepare(windows_.front());
}

Status PullStream::end_window(const BulkVerdict& verdict) {
  step_ = Step::kAnswer;
  if (verdict.state == BulkVerdict::State::kFreed) {
    tell(Error{ErrorCode::kObjectLost, "it freed its copy"});
    return {};
  }
  const BulkWindow& window = windows_.front();
  if (frames_.is_sealed() &&
      window_checksum({window.memory, window.request.length}) != verdict.checksum) {
    return Error{ErrorCode::kCorrupt, "the bytes are not those that were sent"};
  }
  tell({});
  return {};
}

void PullStream::tell(Status outcome) {
  windows_.pop_front();
  --asked_;
  owner_.on_window(*this, std::move(outcome));
}

}  // namespace rayd::shell
