// PeerPipe: a connection under a PeerSession: carries its frames and tells what arrives.
//
// Frames are put together and sent once what is ready has run, as much as the socket takes.
// Belongs to the control thread; destroying it closes the connection.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "common/base/clock.h"
#include "common/net/byte_stream.h"
#include "common/net/peer_session.h"

namespace rayd::shell {

class PeerPipe final : private ByteStream::Events {
 public:
  /// Called from the loop. The pipe may be destroyed in any of them, as the last thing done.
  class Owner {
   public:
    /// False: the pipe, or the session, is no more.
    virtual bool on_frame(ByteSpan message) = 0;
    /// Once, and nothing after it.
    virtual void on_closed(const Error& why) = 0;
    /// acknowledge() is to be called soon.
    virtual void on_ack_owed() = 0;

   protected:
    ~Owner() = default;
  };

  /// `session` is connected already, and outlives this.
  PeerPipe(std::unique_ptr<ByteStream> stream, net::PeerSession& session, Owner& owner, Time now);
  ~PeerPipe();
  PeerPipe(const PeerPipe&) = delete;
  PeerPipe& operator=(const PeerPipe&) = delete;

  /// The session has something to say.
  void wake();
  /// Acknowledges what arrived even if nothing else is to be said.
  void acknowledge();
  Time last_heard() const { return last_heard_; }

 private:
  void on_readable() override;
  void on_writable() override;
  void on_flush() override;

  void write(net::PeerSession::Ack ack);
  bool deliver();
  void close(const Error& why);

  std::unique_ptr<ByteStream> stream_;
  net::PeerSession& session_;
  Owner& owner_;
  Time last_heard_;
  std::vector<uint8_t> input_;
  std::vector<uint8_t> output_;
  size_t output_sent_ = 0;
  bool waits_for_room_ = false;
  bool closed_ = false;
  bool* destroyed_ = nullptr;  // set while the owner is being called
};

}  // namespace rayd::shell
