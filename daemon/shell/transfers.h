// Transfers: objects between machines: brings copies here, and lets others take them.
//
//   pull(order) ─▶ windows of it ─▶ streams to its source, on transfer threads ─▶ Pulled
//                                     └── refused, cut, silent, freed there ───▶ PullFailed
//   arrival ─▶ a serving stream ── where does it lie? ──▶ (control thread) ── here ─▶ sends it
//
// A pull has ended only when nobody writes to its room any more. Pulls from one peer take turns,
// window by window, so that a large object does not hold up small ones. Connections are kept for a
// while. Belongs to the control thread; the threads start with the first transfer.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/net/listener.h"
#include "common/types/node_io.h"
#include "daemon/shell/transfer_thread.h"

namespace rayd::shell {

class TransfersOwner {
 public:
  /// Where the bytes of an object lie in this node's store; nullopt: not here.
  virtual std::optional<Extent> copy_here(ObjectId object) const = 0;
  /// Where a node is, and what is said to it on the bulk lane; nullopt: nobody knows (any more).
  virtual std::optional<std::pair<DialTarget, Hello>> bulk_target(NodeId node) const = 0;
  virtual void on_pulled(const Pulled& pulled) = 0;
  virtual void on_pull_failed(const PullFailed& failed) = 0;
  virtual void on_transfer_event(Event::Level level, const std::string& name,
                                 const std::string& text) = 0;

 protected:
  ~TransfersOwner() = default;
};

class Transfers final : private TransferReports {
 public:
  /// Connections that are served, for one peer and in all.
  static constexpr size_t kMostServedPerPeer = 8;
  static constexpr size_t kMostServed = 64;

  /// `context` is a client's. `io` must not run any more once this is gone.
  Transfers(boost::asio::io_context& io, TransfersOwner& owner, ObjectStore& store,
            const TlsContext& context);
  ~Transfers();

  /// The answer is on_pulled() or on_pull_failed(), later.
  void pull(const PullObject& order);
  /// A peer that is dead: its pulls fail, and it is served no more.
  void forget(NodeId peer);

  /// Whether one more connection of this peer would be served.
  bool has_room_for(NodeId peer) const;
  void serve(NodeId peer, Link link);

 private:
  struct Pull {
    PullObject order;
    std::span<uint8_t> memory;
    uint64_t asked = 0;    // bytes, in windows that some stream has or had
    size_t under_way = 0;  // windows
    std::string failure;   // not empty: it ends when none is under way
  };
  struct Stream {
    NodeId peer;
    TransferThread* thread = nullptr;
    std::deque<std::pair<ObjectId, uint64_t>> windows;  // and their lengths, in order
    uint64_t bytes = 0;                                 // of them
    Time idle_since;
  };
  struct Served {
    NodeId peer;
    TransferThread* thread = nullptr;
  };
  using Turns = std::deque<ObjectId>;  // pulls that have windows left, from one peer

  void on_window(uint64_t stream, const Status& outcome) override;
  void on_pull_closed(uint64_t stream, const std::string& why) override;
  void on_serve_closed(uint64_t stream, const std::string& why) override;
  void on_question(uint64_t stream, const ServeQuestion& question) override;

  void give_work(NodeId peer);
  std::optional<uint64_t> stream_for(NodeId peer);
  std::optional<uint64_t> open_stream(NodeId peer);
  void give_window(uint64_t id, Pull& pull);
  void end_window(ObjectId object, const std::string& failure);
  void fail(Pull& pull, const std::string& why);
  void end_if_done(ObjectId object);
  void fail_turns(NodeId peer, const std::string& why);
  TransferThread& next_thread();
  void close_idle_later();

  boost::asio::io_context& io_;
  TransfersOwner& owner_;
  ObjectStore& store_;
  const TlsContext& context_;
  std::map<ObjectId, Pull> pulls_;
  std::map<NodeId, Turns> turns_;
  std::map<uint64_t, Stream> streams_;
  std::map<uint64_t, Served> served_;
  uint64_t last_stream_ = 0;
  boost::asio::steady_timer idle_timer_;
  bool idle_timer_runs_ = false;
  std::vector<std::unique_ptr<TransferThread>> threads_;
  size_t next_thread_ = 0;
};

}  // namespace rayd::shell
