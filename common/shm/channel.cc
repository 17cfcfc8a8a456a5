#include "common/shm/channel.h"

namespace rayd::shm {
namespace {

uint64_t* word(const Mapping& memory, uint64_t offset) {
  return reinterpret_cast<uint64_t*>(memory.data() + offset);
}

ChannelHeader header_of(const ChannelOptions& options, ChannelFile file) {
  return {.file = file,
          .id = options.id,
          .out_bytes = options.sizes.out_bytes,
          .answers_bytes = options.sizes.answers_bytes,
          .work_bytes = options.sizes.work_bytes,
          .spin_budget_ns = options.spin_budget.ns};
}

struct SharedFile {
  UniqueFd fd;
  Mapping mapping;
};

Result<SharedFile> create_file(const ChannelHeader& header, uint64_t size) {
  auto fd = create_memory_file("rayd-channel", size);
  if (!fd) return fd.error();
  auto mapping = Mapping::map(fd->get(), {0, size}, Access::kReadWrite);
  if (!mapping) return mapping.error();
  write_channel_header(header, mapping->data());
  return SharedFile{std::move(*fd), std::move(*mapping)};
}

struct OpenedFile {
  ChannelHeader header;
  Mapping mapping;
};

/// Maps the header alone first: the size of the rest follows from it.
Result<OpenedFile> open_file(int fd, ChannelFile file) {
  const Status sealed = check_memory_file(fd, kPageBytes);
  if (!sealed) return sealed.error();
  auto page = Mapping::map(fd, {0, kPageBytes}, Access::kReadOnly);
  if (!page) return page.error();
  const auto header = read_channel_header({page->data(), kPageBytes}, file);
  if (!header) return header.error();

  const ChannelLayout layout{{header->out_bytes, header->answers_bytes, header->work_bytes}};
  const uint64_t size = file == ChannelFile::kClient   ? layout.client_bytes()
                        : file == ChannelFile::kDaemon ? layout.daemon_bytes()
                                                       : layout.claim_bytes();
  const Status whole = check_memory_file(fd, size);
  if (!whole) return whole.error();
  auto mapping = Mapping::map(
      fd, {0, size}, file == ChannelFile::kDaemon ? Access::kReadOnly : Access::kReadWrite);
  if (!mapping) return mapping.error();
  return OpenedFile{*header, std::move(*mapping)};
}

Status check_same_channel(const ChannelHeader& a, const ChannelHeader& b) {
  const ChannelSizes sizes_a{a.out_bytes, a.answers_bytes, a.work_bytes};
  const ChannelSizes sizes_b{b.out_bytes, b.answers_bytes, b.work_bytes};
  if (a.id == b.id && sizes_a == sizes_b) return {};
  return Error{ErrorCode::kCorrupt, "channel memory: files of different channels"};
}

}  // namespace

Result<ChannelHost> ChannelHost::create(const ChannelOptions& options) {
  const Status sizes = check_channel_sizes(options.sizes);
  if (!sizes) return sizes.error();
  const ChannelLayout layout{options.sizes};
  auto client = create_file(header_of(options, ChannelFile::kClient), layout.client_bytes());
  if (!client) return client.error();
  auto daemon = create_file(header_of(options, ChannelFile::kDaemon), layout.daemon_bytes());
  if (!daemon) return daemon.error();
  auto read_only = reopen_read_only(daemon->fd.get());
  if (!read_only) return read_only.error();
  auto daemon_bell = make_daemon_bell();
  if (!daemon_bell) return daemon_bell.error();
  auto client_bell = make_client_bell();
  if (!client_bell) return client_bell.error();

  Memories memories{std::move(client->mapping), std::move(daemon->mapping), {}};
  ChannelFds fds;
  fds.client_memory = std::move(client->fd);
  fds.daemon_memory = std::move(*read_only);
  fds.daemon_rope = std::move(daemon_bell->rope);
  fds.client_bell = std::move(client_bell->doorbell);
  if (layout.has_work()) {
    auto claims = create_file(header_of(options, ChannelFile::kClaims), layout.claim_bytes());
    if (!claims) return claims.error();
    memories.claims = std::move(claims->mapping);
    fds.claim_memory = std::move(claims->fd);
  }
  ChannelHost host{std::move(memories), layout, Bells{*daemon_bell, *client_bell}};
  host.peer_fds_ = std::move(fds);
  return host;
}

ChannelHost::ChannelHost(Memories memories, const ChannelLayout& layout, Bells bells)
    : memories_(std::move(memories)),
      out_({memories_.client.data() + ChannelLayout::kOutRing, layout.out_slots(),
            word(memories_.daemon, ChannelLayout::kOutConsumed)}),
      answers_({memories_.daemon.data() + ChannelLayout::kAnswersRing, layout.answers_slots(),
                word(memories_.client, ChannelLayout::kAnswersConsumed)}),
      doorbell_(std::move(bells.daemon.doorbell)),
      kept_client_bell_(std::move(bells.client.kept_doorbell)),
      sleeper_(word(memories_.daemon, ChannelLayout::kDaemonArmed)),
      ringer_(word(memories_.client, ChannelLayout::kClientArmed),
              BellRope{std::move(bells.client.rope)}) {
  if (!layout.has_work()) return;
  work_.emplace(ProducerMemory{memories_.daemon.data() + layout.work_ring(), layout.work_slots(),
                               word(memories_.client, ChannelLayout::kWorkConsumed)},
                ClaimMemory{word(memories_.claims, ChannelLayout::kClaims),
                            word(memories_.claims, ChannelLayout::kCancel)});
}

ChannelFds ChannelHost::take_peer_fds() {
  RAY_CHECK(static_cast<bool>(peer_fds_.client_memory));
  return std::exchange(peer_fds_, {});
}

void ChannelHost::ring() {
  const uint64_t messages = answers_.produced() + (work_ ? work_->produced() : 0);
  const uint64_t credit = out_.credited();
  ringer_.ring({.messages = messages != rung_messages_, .credit = credit != rung_credit_});
  rung_messages_ = messages;
  rung_credit_ = credit;
}

bool ChannelHost::try_arm(WakeFor wake_for) {
  sleeper_.arm(wake_for);
  if (!pending()) return true;
  sleeper_.disarm();
  return false;
}

void ChannelHost::wake() {
  doorbell_.clear();
  sleeper_.disarm();
}

void ChannelHost::set_finished_tasks(uint64_t count) {
  HardwareAtomics::store_release(word(memories_.daemon, ChannelLayout::kFinishedTasks), count);
}

void ChannelHost::set_lease_deadline(Time deadline) {
  HardwareAtomics::store_release(word(memories_.daemon, ChannelLayout::kLeaseDeadline),
                                 static_cast<uint64_t>(deadline.ns));
}

Result<ChannelPeer> ChannelPeer::open(ChannelFds fds) {
  auto client = open_file(fds.client_memory.get(), ChannelFile::kClient);
  if (!client) return client.error();
  auto daemon = open_file(fds.daemon_memory.get(), ChannelFile::kDaemon);
  if (!daemon) return daemon.error();
  const Status same = check_same_channel(client->header, daemon->header);
  if (!same) return same.error();
  const ChannelHeader& header = client->header;
  const ChannelLayout layout{{header.out_bytes, header.answers_bytes, header.work_bytes}};

  Memories memories{std::move(client->mapping), std::move(daemon->mapping), {}};
  if (layout.has_work()) {
    auto claims = open_file(fds.claim_memory.get(), ChannelFile::kClaims);
    if (!claims) return claims.error();
    const Status also_same = check_same_channel(header, claims->header);
    if (!also_same) return also_same.error();
    memories.claims = std::move(claims->mapping);
  }
  if (!fds.daemon_rope || !fds.client_bell) {
    return Error{ErrorCode::kCorrupt, "channel: a bell is missing"};
  }
  ChannelPeer peer{std::move(memories), layout, fds};
  peer.spin_budget_ = Duration{header.spin_budget_ns};
  return peer;
}

ChannelPeer::ChannelPeer(Memories memories, const ChannelLayout& layout, ChannelFds& fds)
    : memories_(std::move(memories)),
      out_({memories_.client.data() + ChannelLayout::kOutRing, layout.out_slots(),
            word(memories_.daemon, ChannelLayout::kOutConsumed)}),
      answers_({memories_.daemon.data() + ChannelLayout::kAnswersRing, layout.answers_slots(),
                word(memories_.client, ChannelLayout::kAnswersConsumed)}),
      doorbell_(std::move(fds.client_bell)),
      sleeper_(word(memories_.client, ChannelLayout::kClientArmed)),
      ringer_(word(memories_.daemon, ChannelLayout::kDaemonArmed),
              BellRope{std::move(fds.daemon_rope)}) {
  if (!layout.has_work()) return;
  work_.emplace(ConsumerMemory{memories_.daemon.data() + layout.work_ring(), layout.work_slots(),
                               word(memories_.client, ChannelLayout::kWorkConsumed)},
                ClaimMemory{word(memories_.claims, ChannelLayout::kClaims),
                            word(memories_.claims, ChannelLayout::kCancel)});
}

void ChannelPeer::ring() {
  const uint64_t messages = out_.produced();
  const uint64_t credit = answers_.credited() + (work_ ? work_->credited() : 0);
  ringer_.ring({.messages = messages != rung_messages_, .credit = credit != rung_credit_});
  rung_messages_ = messages;
  rung_credit_ = credit;
}

uint64_t ChannelPeer::finished_tasks() const {
  return HardwareAtomics::load_acquire(word(memories_.daemon, ChannelLayout::kFinishedTasks));
}

Time ChannelPeer::lease_deadline() const {
  return Time{static_cast<int64_t>(
      HardwareAtomics::load_acquire(word(memories_.daemon, ChannelLayout::kLeaseDeadline)))};
}

}  // namespace rayd::shm
