// A channel: the memory and bells that one client or worker shares with its daemon.
//
//   client memory   written by the client:  header | armed | answers consumed | work consumed | out
//   ring daemon memory   written by the daemon:  header | armed | out consumed | finished | lease |
//   answers ring | work ring claim memory    written by both, workers only:  header | cancel | one
//   claim word per work slot
//
// The daemon creates all three (channel_layout.h has the offsets) and maps them; the client gets
// the daemon's memory read-only. The daemon never reads back what it wrote and believes nothing of
// the client's memory beyond what ring.h and bell.h judge. The client checks sizes, seals and
// headers before it touches anything.
//
//   daemon:  auto host = ChannelHost::create(options);  send(host->take_peer_fds());
//   client:  auto peer = ChannelPeer::open(received);   peer->out().try_push(…); peer->ring();
//
// Neither object is thread-safe. Both can be moved; rings hold addresses, which do not change.
#pragma once

#include <cstdint>
#include <optional>

#include "common/base/clock.h"
#include "common/base/result.h"
#include "common/shm/bell.h"
#include "common/shm/channel_layout.h"
#include "common/shm/doorbell.h"
#include "common/shm/memory_file.h"
#include "common/shm/ring.h"
#include "common/shm/work_ring.h"

namespace rayd::shm {

struct ChannelOptions {
  ChannelSizes sizes;
  Duration spin_budget;  // what the client shall use; see default_spin_budget()
  uint64_t id = 0;       // the same in all files of a channel, so that they are not mixed up
};

/// What travels to the client, in this order. `claim_memory` is invalid when there is no work ring.
struct ChannelFds {
  UniqueFd client_memory;  // read-write
  UniqueFd daemon_memory;  // read-only
  UniqueFd daemon_rope;    // the client pulls it
  UniqueFd client_bell;    // the client sleeps on it
  UniqueFd claim_memory;   // read-write
};

/// The daemon's end.
class ChannelHost {
 public:
  static Result<ChannelHost> create(const ChannelOptions& options);

  /// Precondition: not taken before.
  ChannelFds take_peer_fds();

  RingConsumer& out() { return out_; }
  RingProducer& answers() { return answers_; }
  /// Precondition: has_work(), that is, it was created with a work ring.
  WorkProducer& work() { return *work_; }
  bool has_work() const { return work_.has_value(); }

  /// Call once after a batch and before blocking: rings the client if it sleeps and there are
  /// messages or credit it waits for.
  void ring();

  /// Anything to drain?
  bool pending() const { return out_.peek_ready(); }
  /// Before the daemon sleeps, or stops polling this channel: true when it may. False when
  /// something has arrived meanwhile; then it is disarmed again.
  bool try_arm(WakeFor wake_for);
  /// After the doorbell was readable, before draining: forgets the rings and disarms.
  void wake();
  bool is_armed() const { return sleeper_.is_armed(); }
  /// For epoll, level-triggered or not. Never read from it: the client shares its flags; wake().
  int doorbell_fd() const { return doorbell_.fd(); }

  /// Words that the client reads without a message.
  void set_finished_tasks(uint64_t count);
  void set_lease_deadline(Time deadline);

 private:
  struct Memories {
    Mapping client;
    Mapping daemon;
    Mapping claims;
  };
  struct Bells {
    DaemonBell& daemon;
    ClientBell& client;
  };
  ChannelHost(Memories memories, const ChannelLayout& layout, Bells bells);

  Memories memories_;
  ChannelFds peer_fds_;
  RingConsumer out_;
  RingProducer answers_;
  std::optional<WorkProducer> work_;
  Doorbell doorbell_;
  UniqueFd kept_client_bell_;
  Sleeper sleeper_;
  Ringer ringer_;
  uint64_t rung_messages_ = 0;  // what had been published when we last rang
  uint64_t rung_credit_ = 0;
};

/// The client's or worker's end.
class ChannelPeer {
 public:
  static Result<ChannelPeer> open(ChannelFds fds);

  RingProducer& out() { return out_; }
  RingConsumer& answers() { return answers_; }
  /// Precondition: has_work().
  WorkConsumer& work() { return *work_; }
  bool has_work() const { return work_.has_value(); }

  /// Call once after a batch and before blocking.
  void ring();

  bool pending() const { return answers_.peek_ready() || (work_ && work_->peek_ready()); }
  /// Waits as the bell's hybrid wait does, with `ready` in place of pending() if given.
  /// Rings first, so that nothing published is left unsaid.
  template <class Ready>
  WaitEnd wait(Ready&& ready, const WaitOptions& options) {
    ring();
    return shm::wait(sleeper_, doorbell_, ready, options);
  }
  WaitEnd wait(const WaitOptions& options) {
    return wait([this] { return pending(); }, options);
  }

  /// As wait(), but without ring(), which comes before: touches only the bell, so one thread may
  /// sleep here while others, under the caller's lock, use the rings. `ready` runs without that
  /// lock.
  template <class Ready>
  WaitEnd sleep(Ready&& ready, const WaitOptions& options) {
    return shm::wait(sleeper_, doorbell_, ready, options);
  }

  Duration spin_budget() const { return spin_budget_; }
  uint64_t finished_tasks() const;
  Time lease_deadline() const;

 private:
  struct Memories {
    Mapping client;
    Mapping daemon;
    Mapping claims;
  };
  ChannelPeer(Memories memories, const ChannelLayout& layout, ChannelFds& fds);

  Memories memories_;
  RingProducer out_;
  RingConsumer answers_;
  std::optional<WorkConsumer> work_;
  Doorbell doorbell_;
  Sleeper sleeper_;
  Ringer ringer_;
  Duration spin_budget_;
  uint64_t rung_messages_ = 0;
  uint64_t rung_credit_ = 0;
};

}  // namespace rayd::shm
