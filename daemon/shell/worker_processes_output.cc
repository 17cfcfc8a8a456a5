#include "daemon/shell/worker_processes_output.h"

#include <array>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <unistd.h>
#include <boost/asio/posix/stream_descriptor.hpp>

namespace rayd {
namespace {

constexpr size_t kReadBytes = 16 * 1024;
constexpr size_t kMaxPipeBytes = 2 * 1024 * 1024;  // more than a user may make a pipe hold

}  // namespace

/// Waits for a descriptor it does not own.
class OutputReader::Watch {
 public:
  Watch(boost::asio::io_context& io, int fd) : descriptor(io, fd) {}
  ~Watch() { descriptor.release(); }

  boost::asio::posix::stream_descriptor descriptor;
};

OutputReader::OutputReader(boost::asio::io_context& io, UniqueFd pipe, size_t max_line,
                           OnLine on_line)
    : pipe_(std::move(pipe)), lines_(max_line), on_line_(std::move(on_line)) {
  fcntl(pipe_.get(), F_SETFL, fcntl(pipe_.get(), F_GETFL) | O_NONBLOCK);
  watch_ = std::make_unique<Watch>(io, pipe_.get());
}

OutputReader::~OutputReader() = default;

void OutputReader::start() { wait(); }

void OutputReader::hold() { held_ = true; }

void OutputReader::release() {
  held_ = false;
  wait();
}

void OutputReader::wait() {
  if (held_ || waiting_ || watch_ == nullptr) return;
  waiting_ = true;
  watch_->descriptor.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                                [weak = weak_from_this()](const boost::system::error_code& error) {
                                  const auto self = weak.lock();
                                  if (error || self == nullptr) return;
                                  self->waiting_ = false;
                                  if (self->held_ || self->watch_ == nullptr) return;
                                  if (self->read_once() == Read::kEnd) {
                                    self->end();
                                  } else {
                                    self->wait();
                                  }
                                });
}

OutputReader::Read OutputReader::read_once() {
  std::array<char, kReadBytes> buffer;
  ssize_t size;
  do {
    size = ::read(pipe_.get(), buffer.data(), buffer.size());
  } while (size < 0 && errno == EINTR);
  if (size < 0) return errno == EAGAIN ? Read::kNothing : Read::kEnd;
  if (size == 0) return Read::kEnd;
  lines_.push({buffer.data(), static_cast<size_t>(size)}, on_line_);
  return Read::kSome;
}

void OutputReader::finish() {
  if (watch_ == nullptr) return;
  for (size_t read = 0; read < kMaxPipeBytes && read_once() == Read::kSome; read += kReadBytes) {
  }
  end();
}

void OutputReader::end() {
  watch_.reset();
  pipe_.reset();
  lines_.finish(on_line_);
}

}  // namespace rayd
