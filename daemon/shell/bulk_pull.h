// PullStream: the asking end of a bulk connection: fetches windows of objects from one peer
// straight into the store's memory.
//
// Belongs to a transfer thread, with all that it calls; it writes to a window's memory only between
// add() and the end that it tells of it.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/net/asio_dial.h"
#include "common/net/byte_stream.h"
#include "daemon/shell/bulk_frames.h"

namespace rayd::shell {

/// A window, and where it goes.
struct BulkWindow {
  BulkRequest request;
  uint8_t* memory = nullptr;  // of the window
};

class PullStream final : private ByteStream::Events {
 public:
  class Owner {
   public:
    /// The memory is about to be written: gives it real pages.
    virtual Status prepare(const BulkWindow& window) = 0;
    /// The oldest window is done, for good or not.
    virtual void on_window(PullStream& stream, Status outcome) = 0;
    /// Once, as the last thing: the windows that are left will not be written to any more. The
    /// stream may be destroyed in this call.
    virtual void on_closed(PullStream& stream, const std::string& why) = 0;

   protected:
    ~Owner() = default;
  };

  PullStream(boost::asio::io_context& io, const TlsContext& context, uint64_t id, Owner& owner,
             DialTarget target, Hello hello);
  ~PullStream();
  PullStream(const PullStream&) = delete;
  PullStream& operator=(const PullStream&) = delete;

  uint64_t id() const { return id_; }
  void add(const BulkWindow& window);
  void close(const std::string& why);

 private:
  enum class Step : uint8_t { kAnswer, kBytes, kVerdict };

  void on_readable() override;
  void on_writable() override;
  void on_flush() override;
  void on_dialled(DialResult result);
  void watch();
  void write();
  bool read_some(size_t& budget);
  Status on_frame();
  Status begin_window();
  Status end_window(const BulkVerdict& verdict);
  void tell(Status outcome);
  std::span<uint8_t> wanted();

  boost::asio::io_context& io_;
  uint64_t id_;
  Owner& owner_;
  std::unique_ptr<AsioDial> dial_;
  std::unique_ptr<ByteStream> stream_;
  BulkFrames frames_{SealFrom::kDialler, std::nullopt};
  boost::asio::steady_timer timer_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // Asio's handlers look here

  std::deque<BulkWindow> windows_;
  size_t asked_ = 0;  // how many of them the peer was asked for
  std::vector<uint8_t> output_;
  size_t output_sent_ = 0;
  Step step_ = Step::kAnswer;
  std::array<uint8_t, kMaxFrameBytes> frame_{};
  size_t received_ = 0;  // of this step
  Time last_byte_;
  bool closed_ = false;
};

}  // namespace rayd::shell
