#include "common/net/asio_socket.h"

#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>

#include <memory>

namespace rayd {
namespace {

using boost::asio::posix::stream_descriptor;

class AsioSocket final : public ReadySocket {
 public:
  AsioSocket(boost::asio::io_context& io, UniqueFd socket)
      : io_(io), socket_(io, socket.get()), state_(std::make_shared<State>()) {
    socket.release();  // the descriptor object has it
  }
  ~AsioSocket() override { state_->events = nullptr; }

  int fd() const override { return const_cast<stream_descriptor&>(socket_).native_handle(); }
  UniqueFd release() override {
    state_->events = nullptr;
    return UniqueFd(socket_.release());
  }
  void set_events(Events* events) override { state_->events = events; }

  void ask_readable() override {
    if (std::exchange(state_->readable_asked, true)) return;
    socket_.async_wait(stream_descriptor::wait_read,
                       [state = state_](const boost::system::error_code&) {
                         state->readable_asked = false;
                         if (state->events != nullptr) state->events->on_readable();
                       });
  }

  void ask_writable() override {
    if (std::exchange(state_->writable_asked, true)) return;
    socket_.async_wait(stream_descriptor::wait_write,
                       [state = state_](const boost::system::error_code&) {
                         state->writable_asked = false;
                         if (state->events != nullptr) state->events->on_writable();
                       });
  }

  void ask_flush() override {
    if (std::exchange(state_->flush_asked, true)) return;
    boost::asio::post(io_, [state = state_] {
      state->flush_asked = false;
      if (state->events != nullptr) state->events->on_flush();
    });
  }

 private:
  // What handlers hold: they may run after the socket is gone, and then have nobody to tell.
  struct State {
    Events* events = nullptr;
    bool readable_asked = false;
    bool writable_asked = false;
    bool flush_asked = false;
  };

  boost::asio::io_context& io_;
  stream_descriptor socket_;
  std::shared_ptr<State> state_;
};

}  // namespace

std::unique_ptr<ReadySocket> make_asio_socket(boost::asio::io_context& io, UniqueFd socket) {
  return std::make_unique<AsioSocket>(io, std::move(socket));
}

std::unique_ptr<ByteStream> attach_link(boost::asio::io_context& io, Link link) {
  return make_link_stream(make_asio_socket(io, std::move(link.socket)), std::move(link.tls));
}

}  // namespace rayd
