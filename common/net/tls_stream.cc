#include "common/net/tls_stream.h"

#include <sys/socket.h>

#include <utility>

#include "common/base/check.h"

namespace rayd {
namespace {

/// Beside what its user asks for, it waits for the socket by itself: to send what the session
/// keeps. And what the session has received already is no event of the socket: it is told by a
/// flush.
class TlsStream final : public ByteStream, private ReadySocket::Events {
 public:
  TlsStream(std::unique_ptr<ReadySocket> socket, std::unique_ptr<TlsSession> session)
      : socket_(std::move(socket)), session_(std::move(session)) {
    session_->start_streaming();
    socket_->set_events(this);
    send_kept();
  }
  ~TlsStream() override {
    socket_->set_events(nullptr);
    if (!ending_) session_->say_goodbye();
    static_cast<void>(session_->flush());
  }

  void set_events(ByteStream::Events* events) override { events_ = events; }
  void ask_readable() override {
    if (session_->may_have_more()) {
      read_soon_ = true;
      socket_->ask_flush();
    } else {
      read_asked_ = true;
      socket_->ask_readable();
    }
  }
  void ask_writable() override {
    write_asked_ = true;
    socket_->ask_writable();
  }
  void ask_flush() override {
    flush_asked_ = true;
    socket_->ask_flush();
  }

  Received receive(std::span<uint8_t> space, uint32_t max_fds) override {
    RAY_CHECK(!space.empty() && max_fds == 0);
    Received received = session_->receive(space);
    // Reading may have made the session answer the peer's.
    if (session_->has_output()) socket_->ask_writable();
    return received;
  }
  Sent send(std::span<const iovec> pieces, std::span<const int> fds) override {
    RAY_CHECK(fds.empty());
    const Sent sent = session_->send(pieces);
    if (session_->has_output()) socket_->ask_writable();
    return sent;
  }
  void end_writing() override {
    if (std::exchange(ending_, true)) return;
    session_->say_goodbye();
    send_kept();
  }
  void give_up() override { ::shutdown(socket_->fd(), SHUT_RDWR); }
  int send_buffer_bytes() const override { return rayd::send_buffer_bytes(socket_->fd()); }

 private:
  // Each ends with its one call of the user, who may destroy this stream in it.
  void on_readable() override {
    if (std::exchange(read_asked_, false) && events_ != nullptr) events_->on_readable();
  }
  void on_writable() override {
    send_kept();
    if (session_->has_output()) return;
    if (std::exchange(write_asked_, false) && events_ != nullptr) events_->on_writable();
  }
  void on_flush() override {
    const bool read = read_soon_;
    if (std::exchange(flush_asked_, false)) {
      if (read) socket_->ask_flush();
      if (events_ != nullptr) events_->on_flush();
    } else if (std::exchange(read_soon_, false) && events_ != nullptr) {
      events_->on_readable();
    }
  }

  void send_kept() {
    if (session_->flush().outcome == IoOutcome::kWouldBlock) return socket_->ask_writable();
    if (ending_) ::shutdown(socket_->fd(), SHUT_WR);
  }

  std::unique_ptr<ReadySocket> socket_;
  std::unique_ptr<TlsSession> session_;
  ByteStream::Events* events_ = nullptr;
  bool read_asked_ = false;
  bool read_soon_ = false;
  bool write_asked_ = false;
  bool flush_asked_ = false;
  bool ending_ = false;
};

}  // namespace

std::unique_ptr<ByteStream> make_tls_stream(std::unique_ptr<ReadySocket> socket,
                                            std::unique_ptr<TlsSession> session) {
  return std::make_unique<TlsStream>(std::move(socket), std::move(session));
}

}  // namespace rayd
