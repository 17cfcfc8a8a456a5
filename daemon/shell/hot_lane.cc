#include "daemon/shell/hot_lane.h"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <utility>

namespace rayd::shell {
namespace {

constexpr uint64_t kBatch = 64;

}  // namespace

struct HotLane::Peer {
  /// A run that is in the work ring, or waits for room in it (sequence 0).
  struct Slot {
    TaskId task;
    uint32_t attempt = 0;
    uint64_t sequence = 0;
  };
  /// A piece of a message that waits for room.
  struct Queued {
    std::vector<uint8_t> bytes;
    TaskId task;  // the last piece of a run; nil otherwise
    uint32_t attempt = 0;
  };

  Peer(boost::asio::io_context& io, ClientId client, shm::ChannelHost host)
      : client(client), host(std::move(host)), doorbell(io, this->host.doorbell_fd()) {}
  ~Peer() { doorbell.release(); }  // the descriptor is the host's

  ClientId client;
  shm::ChannelHost host;
  boost::asio::posix::stream_descriptor doorbell;
  wire::Reassembler parts;
  Time last_heard;
  bool active = false;
  bool dead = false;                         // removed, or broke the rules
  std::deque<std::vector<uint8_t>> answers;  // that found no room
  std::deque<Queued> work;
  std::deque<Slot> slots;                                   // unanswered runs, oldest first
  std::unordered_map<const CallTemplate*, uint32_t> calls;  // that this worker knows
  std::vector<TemplateRef> known_calls;                     // keeps the keys alive
};

HotLane::HotLane(boost::asio::io_context& io, HotLaneEvents& events, const BatchClock& clock,
                 Duration spin_budget)
    : io_(io), events_(events), clock_(clock), spin_budget_(spin_budget) {}

HotLane::~HotLane() {
  for (auto& [client, peer] : peers_) peer->dead = true;
}

Result<shm::ChannelFds> HotLane::add(ClientId client, ChannelKind kind) {
  shm::ChannelOptions options;
  options.id = client.bits();
  options.spin_budget = spin_budget_;
  if (kind == ChannelKind::kDriver) options.sizes.work_bytes = 0;
  auto host = shm::ChannelHost::create(options);
  if (!host) return host.error();
  auto fds = host->take_peer_fds();
  auto peer = std::make_shared<Peer>(io_, client, std::move(*host));
  peers_[client] = peer;
  watch(*peer);
  activate(*peer);
  return fds;
}

void HotLane::remove(ClientId client) {
  const auto it = peers_.find(client);
  if (it == peers_.end()) return;
  it->second->dead = true;
  boost::system::error_code ignored;
  it->second->doorbell.cancel(ignored);
  peers_.erase(it);  // `active_` lets go at the next pass
}

HotLane::Peer* HotLane::find(ClientId client) {
  const auto it = peers_.find(client);
  return it == peers_.end() || it->second->dead ? nullptr : it->second.get();
}

// ---- waking and polling -----------------------------------------------------------------------

void HotLane::watch(Peer& peer) {
  peer.doorbell.async_wait(
      boost::asio::posix::stream_descriptor::wait_read,
      [this, weak = std::weak_ptr<Peer>(peers_[peer.client])](boost::system::error_code error) {
        const auto peer = weak.lock();
        if (error || !peer || peer->dead) return;
        peer->host.wake();
        activate(*peer);
        watch(*peer);
      });
}

void HotLane::activate(Peer& peer) {
  peer.last_heard = clock_.now();
  if (peer.active) return;
  peer.host.wake();
  peer.active = true;
  active_.push_back(peers_[peer.client]);
}

bool HotLane::is_active() {
  if (active_.empty()) return false;
  const Time now = clock_.now();
  std::erase_if(active_, [&](const std::shared_ptr<Peer>& peer) {
    if (peer->dead) return true;
    if (now - peer->last_heard < spin_budget_) return false;
    const bool waits_for_room = !peer->answers.empty() || !peer->work.empty();
    if (!peer->host.try_arm(waits_for_room ? shm::WakeFor::kMessagesOrCredit
                                           : shm::WakeFor::kMessages)) {
      peer->last_heard = now;
      return false;
    }
    peer->active = false;
    return true;
  });
  return !active_.empty();
}

void HotLane::ring() {
  for (const auto& peer : active_) {
    if (!peer->dead) peer->host.ring();
  }
}

// ---- reading ----------------------------------------------------------------------------------

bool HotLane::drain() {
  bool any = false;
  // Handlers may add channels meanwhile: by index, and over a copy of the pointer.
  for (size_t i = 0; i < active_.size(); ++i) {
    const std::shared_ptr<Peer> peer = active_[i];
    if (peer->dead) continue;
    flush(*peer);
    if (drain(*peer, kBatch) > 0) any = true;
  }
  return any;
}

void HotLane::drain_last(ClientId client) {
  Peer* peer = find(client);
  if (peer == nullptr) return;
  const std::shared_ptr<Peer> keep = peers_[client];
  // A dead peer publishes nothing more, so this ends within one lap of the ring.
  while (!keep->dead && drain(*keep, kBatch) > 0) {
  }
}

uint64_t HotLane::drain(Peer& peer, uint64_t limit) {
  uint64_t count = 0;
  while (count < limit && !peer.dead) {
    const shm::Popped popped = peer.host.out().try_pop(buffer_.span());
    if (popped.state == shm::Pop::kEmpty) break;
    ++count;
    if (popped.state == shm::Pop::kCorrupt) {
      fail(peer, "its ring is not in order");
      break;
    }
    const auto whole = peer.parts.add(popped.bytes);
    if (whole.ok() && whole->empty()) continue;
    auto message = whole.ok() ? wire::decode_client_message(*whole, peer.client) : whole.error();
    if (!message) {
      fail(peer, message.error().message);
      break;
    }
    on_message(peer, std::move(*message));
  }
  if (count > 0) peer.last_heard = clock_.now();
  return count;
}

void HotLane::on_message(Peer& peer, ClientMessage&& message) {
  if (const auto* done = std::get_if<Done>(&message)) {
    const auto slot = std::find_if(peer.slots.begin(), peer.slots.end(), [&](const auto& s) {
      return s.task == done->task && s.attempt == done->attempt;
    });
    if (slot == peer.slots.end()) {
      fail(peer, "it answered a call that it was not given");
      return;
    }
    peer.slots.erase(slot);
  }
  events_.on_client_message(peer.client, std::move(message));
}

void HotLane::fail(Peer& peer, const std::string& why) {
  peer.dead = true;
  events_.on_client_corrupt(peer.client, why);
}

// ---- writing ----------------------------------------------------------------------------------

void HotLane::send(ClientId client, const ClientAnswer& answer) {
  Peer* peer = find(client);
  if (peer == nullptr) return;
  const auto bytes = encoder_.encode(answer);
  if (!bytes) {
    fail(*peer, bytes.error().message);
    return;
  }
  wire::Fragments parts{*bytes, shm::kMaxMessageBytes};
  for (ByteSpan part = parts.next(); !part.empty(); part = parts.next()) push_answer(*peer, part);
  activate(*peer);
}

void HotLane::push_answer(Peer& peer, ByteSpan message) {
  if (peer.answers.empty() && peer.host.answers().try_push(message) == shm::Push::kDone) return;
  peer.answers.emplace_back(message.begin(), message.end());
}

void HotLane::run(ClientId worker, const Run& run) {
  Peer* peer = find(worker);
  if (peer == nullptr) return;
  const auto [known, is_new] =
      peer->calls.try_emplace(run.call.get(), static_cast<uint32_t>(peer->known_calls.size()));
  const auto push_parts = [&](const Result<ByteSpan>& bytes, const Run* last_of) {
    if (!bytes) {
      fail(*peer, bytes.error().message);
      return;
    }
    wire::Fragments parts{*bytes, shm::kMaxMessageBytes};
    ByteSpan part = parts.next();
    while (!part.empty()) {
      // Fragments reuses its buffer: only the last part names the run.
      const std::vector<uint8_t> copy(part.begin(), part.end());
      part = parts.next();
      push_work(*peer, copy, part.empty() ? last_of : nullptr);
    }
  };
  if (is_new) {
    peer->known_calls.push_back(run.call);
    push_parts(encoder_.encode_define_call(known->second, *run.call), nullptr);
  }
  push_parts(encoder_.encode_run(run, known->second), &run);
  activate(*peer);
}

void HotLane::push_work(Peer& peer, ByteSpan message, const Run* run) {
  Peer::Slot* slot = nullptr;
  if (run != nullptr) slot = &peer.slots.emplace_back(Peer::Slot{run->task, run->attempt, 0});
  if (peer.work.empty()) {
    const uint64_t sequence = peer.host.work().next_sequence();
    if (peer.host.work().try_push(message) == shm::Push::kDone) {
      if (slot != nullptr) slot->sequence = sequence;
      return;
    }
  }
  peer.work.push_back({{message.begin(), message.end()},
                       run == nullptr ? TaskId{} : run->task,
                       run == nullptr ? 0 : run->attempt});
}

void HotLane::flush(Peer& peer) {
  while (!peer.answers.empty() &&
         peer.host.answers().try_push(peer.answers.front()) == shm::Push::kDone) {
    peer.answers.pop_front();
  }
  while (!peer.work.empty()) {
    const uint64_t sequence = peer.host.work().next_sequence();
    if (peer.host.work().try_push(peer.work.front().bytes) != shm::Push::kDone) return;
    for (Peer::Slot& slot : peer.slots) {
      if (slot.task == peer.work.front().task && slot.attempt == peer.work.front().attempt) {
        slot.sequence = sequence;
      }
    }
    peer.work.pop_front();
  }
}

SlotRevoked::Outcome HotLane::revoke(ClientId worker, TaskId task, uint32_t attempt) {
  Peer* peer = find(worker);
  if (peer == nullptr) return SlotRevoked::Outcome::kAlreadyStarted;  // its death says the rest
  const auto slot = std::find_if(peer->slots.begin(), peer->slots.end(), [&](const auto& s) {
    return s.task == task && s.attempt == attempt;
  });
  if (slot == peer->slots.end()) return SlotRevoked::Outcome::kAlreadyStarted;
  if (slot->sequence == 0) {
    // Still with us. Earlier parts of it may be in the ring; the next first part discards them.
    std::erase_if(peer->work, [&](const Peer::Queued& queued) {
      return queued.task == task && queued.attempt == attempt;
    });
  } else if (peer->host.work().revoke(slot->sequence) == shm::Revoke::kTooLate) {
    return SlotRevoked::Outcome::kAlreadyStarted;
  }
  peer->slots.erase(slot);
  return SlotRevoked::Outcome::kWon;
}

void HotLane::set_cancel_word(ClientId worker, TaskId task, uint32_t attempt) {
  Peer* peer = find(worker);
  if (peer == nullptr) return;
  for (const Peer::Slot& slot : peer->slots) {
    if (slot.task == task && slot.attempt == attempt && slot.sequence != 0) {
      peer->host.work().cancel(slot.sequence);
    }
  }
}

void HotLane::publish_finished(ClientId client, uint64_t finished) {
  Peer* peer = find(client);
  if (peer != nullptr) peer->host.set_finished_tasks(finished);
}

std::vector<std::pair<TaskId, uint32_t>> HotLane::claimed(ClientId worker) const {
  std::vector<std::pair<TaskId, uint32_t>> runs;
  const auto it = peers_.find(worker);
  if (it == peers_.end() || !it->second->host.has_work()) return runs;
  for (const Peer::Slot& slot : it->second->slots) {
    if (slot.sequence == 0) continue;
    if (it->second->host.work().state(slot.sequence) == shm::ClaimState::kStarted) {
      runs.emplace_back(slot.task, slot.attempt);
    }
  }
  return runs;
}

}  // namespace rayd::shell
