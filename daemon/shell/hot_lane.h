// The hot lane: the channels of all local clients and workers, drained in batches.
//
//   sleeping (armed, its doorbell in epoll) ──rings──▶ active (polled) ──silent for the budget──▶
//
// Only active channels are polled: those that spoke within the spin budget, or were just given
// something to answer. When none is active the control thread may sleep. Nothing here blocks: what
// does not fit a ring waits in a queue of ours, which is bounded by what the peer asked for.
//
// Belongs to the control thread.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/base/clock.h"
#include "common/shm/channel.h"
#include "common/types/node_io.h"
#include "common/wire/hot_lane.h"
#include "daemon/shell/batch_clock.h"

namespace boost::asio {
class io_context;
}

namespace rayd::shell {

/// What the owner of HotLane hears, from inside drain().
class HotLaneEvents {
 public:
  virtual ~HotLaneEvents() = default;
  virtual void on_client_message(ClientId client, ClientMessage&& message) = 0;
  /// The peer broke the ring's or the schema's rules: nothing more is read from it.
  virtual void on_client_corrupt(ClientId client, const std::string& why) = 0;
};

enum class ChannelKind : uint8_t { kDriver, kWorker };

class HotLane {
 public:
  HotLane(boost::asio::io_context& io, HotLaneEvents& events, const BatchClock& clock,
          Duration spin_budget);
  ~HotLane();

  /// A new channel; what travels to the peer is returned.
  Result<shm::ChannelFds> add(ClientId client, ChannelKind kind);
  /// The peer is dead: what it had published is drained first.
  void drain_last(ClientId client);
  void remove(ClientId client);
  bool has(ClientId client) const { return peers_.contains(client); }

  /// One pass over the active channels, at most 64 messages each. True: there was something.
  bool drain();
  /// Rings whoever sleeps and got something since the last call.
  void ring();
  /// True while channels are polled. Those that were silent for the budget are armed and leave.
  bool is_active();

  // ---- what the core asks for; unknown clients are ignored (they died meanwhile)
  void send(ClientId client, const ClientAnswer& answer);
  void run(ClientId worker, const Run& run);
  SlotRevoked::Outcome revoke(ClientId worker, TaskId task, uint32_t attempt);
  void set_cancel_word(ClientId worker, TaskId task, uint32_t attempt);
  void publish_finished(ClientId client, uint64_t finished);
  /// Of a dead worker: the runs that it claimed and has not answered.
  std::vector<std::pair<TaskId, uint32_t>> claimed(ClientId worker) const;

 private:
  struct Peer;

  Peer* find(ClientId client);
  uint64_t drain(Peer& peer, uint64_t limit);
  void on_message(Peer& peer, ClientMessage&& message);
  void watch(Peer& peer);
  void activate(Peer& peer);
  void flush(Peer& peer);
  void push_work(Peer& peer, ByteSpan message, const Run* run);
  void push_answer(Peer& peer, ByteSpan message);
  void fail(Peer& peer, const std::string& why);

  boost::asio::io_context& io_;
  HotLaneEvents& events_;
  const BatchClock& clock_;
  Duration spin_budget_;
  wire::Encoder encoder_;
  shm::MessageBuffer buffer_;
  std::unordered_map<ClientId, std::shared_ptr<Peer>, IdHash> peers_;
  std::vector<std::shared_ptr<Peer>> active_;
};

}  // namespace rayd::shell
