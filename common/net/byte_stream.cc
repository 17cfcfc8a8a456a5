#include "common/net/byte_stream.h"

#include <sys/socket.h>

#include <utility>

namespace rayd {
namespace {

class SocketStream final : public ByteStream {
 public:
  explicit SocketStream(std::unique_ptr<ReadySocket> socket) : socket_(std::move(socket)) {}

  void set_events(Events* events) override { socket_->set_events(events); }
  void ask_readable() override { socket_->ask_readable(); }
  void ask_writable() override { socket_->ask_writable(); }
  void ask_flush() override { socket_->ask_flush(); }

  Received receive(std::span<uint8_t> space, uint32_t max_fds) override {
    return rayd::receive(socket_->fd(), space, max_fds);
  }
  Sent send(std::span<const iovec> pieces, std::span<const int> fds) override {
    return rayd::send(socket_->fd(), pieces, fds);
  }
  void end_writing() override { ::shutdown(socket_->fd(), SHUT_WR); }
  void give_up() override { ::shutdown(socket_->fd(), SHUT_RDWR); }
  int send_buffer_bytes() const override { return rayd::send_buffer_bytes(socket_->fd()); }

 private:
  std::unique_ptr<ReadySocket> socket_;
};

}  // namespace

std::unique_ptr<ByteStream> make_socket_stream(std::unique_ptr<ReadySocket> socket) {
  return std::make_unique<SocketStream>(std::move(socket));
}

}  // namespace rayd
