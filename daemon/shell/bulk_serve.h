// ServeStream: the answering end of a bulk connection: sends windows of stored objects from the
// store's memory, as the control thread says where they lie.
//
// Belongs to a transfer thread, with all that it calls. A peer's further requests stay in the
// socket until the one before is answered.
#pragma once

#include <array>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/net/byte_stream.h"
#include "common/net/peer_link.h"
#include "common/types/value.h"
#include "daemon/shell/bulk_frames.h"

namespace rayd::shell {

/// Where an object lies, and the memory of the window that was asked for.
struct ServedWindow {
  ObjectId object;
  Extent extent;
  ByteSpan bytes;
};
/// What a stream asks of the control thread, in one go.
struct ServeQuestion {
  std::optional<ServedWindow> sent;    // does it still lie there?
  std::optional<BulkRequest> request;  // where is this?
};
struct ServeReply {
  BulkVerdict::State sent = BulkVerdict::State::kValid;
  std::optional<ServedWindow> found;
};

class ServeStream final : private ByteStream::Events {
 public:
  class Owner {
   public:
    /// The answer is reply(), later; one question at a time.
    virtual void ask(ServeStream& stream, const ServeQuestion& question) = 0;
    /// Once, as the last thing. The stream may be destroyed in this call.
    virtual void on_closed(ServeStream& stream, const std::string& why) = 0;

   protected:
    ~Owner() = default;
  };

  ServeStream(boost::asio::io_context& io, uint64_t id, Owner& owner, Link link);
  ~ServeStream();
  ServeStream(const ServeStream&) = delete;
  ServeStream& operator=(const ServeStream&) = delete;

  uint64_t id() const { return id_; }
  /// Begins; may close at once.
  void start();
  void reply(const ServeReply& reply);
  void close(const std::string& why);

 private:
  void on_readable() override;
  void on_writable() override;
  void on_flush() override {}
  void watch();
  void go_on();
  bool send_all();
  void read_request();
  void ask();

  uint64_t id_;
  Owner& owner_;
  BulkFrames frames_;
  std::unique_ptr<ByteStream> stream_;
  boost::asio::steady_timer timer_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // Asio's handlers look here

  std::array<uint8_t, kMaxFrameBytes> frame_{};
  size_t received_ = 0;
  std::optional<BulkRequest> request_;  // read, not asked about yet
  bool asking_ = false;
  bool asked_where_ = false;     // with the question that is out
  std::vector<uint8_t> output_;  // frames that go before the window's bytes
  size_t output_sent_ = 0;
  std::optional<ServedWindow> window_;  // being sent, or awaiting its verdict
  size_t window_sent_ = 0;
  uint64_t checksum_ = 0;
  Time last_byte_;
  bool closed_ = false;
};

}  // namespace rayd::shell
