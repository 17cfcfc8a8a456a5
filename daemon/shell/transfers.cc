#include "daemon/shell/transfers.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <chrono>
#include <thread>

namespace rayd::shell {
namespace {

constexpr size_t kLeastThreads = 2;
constexpr size_t kMostThreads = 4;
/// What one stream is asked for before its answers: enough that neither end waits for the other.
constexpr uint64_t kMostBytesPerStream = 2 * kMaxWindowBytes;
constexpr size_t kMostWindowsPerStream = 32;
constexpr Duration kIdle = Duration::seconds(10);
constexpr std::chrono::seconds kLookForIdleEvery{5};

size_t thread_count() {
  return std::clamp<size_t>(std::thread::hardware_concurrency() / 4, kLeastThreads, kMostThreads);
}

}  // namespace

Transfers::Transfers(boost::asio::io_context& io, TransfersOwner& owner, ObjectStore& store,
                     const TlsContext& context)
    : io_(io), owner_(owner), store_(store), context_(context), idle_timer_(io) {}

Transfers::~Transfers() = default;

TransferThread& Transfers::next_thread() {
  if (threads_.empty()) {
    TransferReports& reports = *this;
    for (size_t i = 0; i < thread_count(); ++i)
      threads_.push_back(std::make_unique<TransferThread>(io_, reports, context_, store_));
  }
  next_thread_ = (next_thread_ + 1) % threads_.size();
  return *threads_[next_thread_];
}

// ---- pulling ------------------------------------------------------------------------------------

void Transfers::pull(const PullObject& order) {
  Pull pull;
  pull.order = order;
  pull.memory = store_.memory(order.room);
  RAY_CHECK(!pull.memory.empty() && !pulls_.contains(order.object));
  pulls_.emplace(order.object, std::move(pull));
  turns_[order.from].push_back(order.object);
  give_work(order.from);
}

void Transfers::give_work(NodeId peer) {
  const auto turns = turns_.find(peer);
  while (turns != turns_.end() && !turns->second.empty()) {
    const ObjectId object = turns->second.front();
    Pull& pull = pulls_.at(object);
    const auto stream = stream_for(peer);
    if (!stream) return;
    turns->second.pop_front();
    give_window(*stream, pull);
    if (pull.asked < pull.memory.size()) turns->second.push_back(object);
  }
  if (turns != turns_.end()) turns_.erase(turns);
}

// The least busy one that has room; another one while none is idle and there may be more. With
// none at all, whoever waits for this peer has failed.
std::optional<uint64_t> Transfers::stream_for(NodeId peer) {
  std::optional<uint64_t> best;
  size_t count = 0;
  for (const auto& [id, stream] : streams_) {
    if (stream.peer != peer) continue;
    ++count;
    const bool has_room =
        stream.bytes < kMostBytesPerStream && stream.windows.size() < kMostWindowsPerStream;
    if (has_room && (!best || stream.bytes < streams_.at(*best).bytes)) best = id;
  }
  if (best && streams_.at(*best).windows.empty()) return best;
  if (count >= thread_count()) return best;
  if (const auto opened = open_stream(peer)) return opened;
  if (count == 0) fail_turns(peer, "nobody knows where " + to_string(peer) + " is");
  return best;
}

std::optional<uint64_t> Transfers::open_stream(NodeId peer) {
  auto target = owner_.bulk_target(peer);
  if (!target) return std::nullopt;
  TransferThread& thread = next_thread();
  const uint64_t id = ++last_stream_;
  Stream& stream = streams_[id];
  stream.peer = peer;
  stream.thread = &thread;
  thread.open(id, std::move(target->first), std::move(target->second));
  close_idle_later();
  return id;
}

void Transfers::give_window(uint64_t id, Pull& pull) {
  Stream& stream = streams_.at(id);
  const uint64_t total = pull.memory.size();
  BulkWindow window;
  window.request = {pull.order.object, total, pull.asked,
                    std::min(total - pull.asked, kMaxWindowBytes)};
  window.memory = pull.memory.data() + pull.asked;
  pull.asked += window.request.length;
  ++pull.under_way;
  stream.windows.emplace_back(pull.order.object, window.request.length);
  stream.bytes += window.request.length;
  stream.thread->add(id, window);
}

void Transfers::on_window(uint64_t id, const Status& outcome) {
  Stream& stream = streams_.at(id);
  const auto [object, length] = stream.windows.front();
  stream.windows.pop_front();
  stream.bytes -= length;
  if (stream.windows.empty()) stream.idle_since = now_boottime();
  const NodeId peer = stream.peer;
  end_window(object, outcome.ok() ? std::string{} : outcome.error().message);
  give_work(peer);
}

void Transfers::on_pull_closed(uint64_t id, const std::string& why) {
  const auto node = streams_.extract(id);
  const Stream& stream = node.mapped();
  if (!stream.windows.empty()) {
    owner_.on_transfer_event(Event::Level::kInfo, "transfer_broken",
                             to_string(stream.peer) + ": " + why);
  }
  for (const auto& [object, length] : stream.windows) end_window(object, why);
  const bool was_last = std::none_of(streams_.begin(), streams_.end(), [&](const auto& entry) {
    return entry.second.peer == stream.peer;
  });
  if (was_last && !stream.windows.empty()) fail_turns(stream.peer, why);
  give_work(stream.peer);
}

void Transfers::end_window(ObjectId object, const std::string& failure) {
  Pull& pull = pulls_.at(object);
  --pull.under_way;
  if (!failure.empty()) fail(pull, failure);
  end_if_done(object);
}

// It is asked for no more; the windows that are under way may still be written.
void Transfers::fail(Pull& pull, const std::string& why) {
  if (!pull.failure.empty()) return;
  pull.failure = why;
  const auto turns = turns_.find(pull.order.from);
  if (turns != turns_.end()) std::erase(turns->second, pull.order.object);
}

void Transfers::end_if_done(ObjectId object) {
  const auto it = pulls_.find(object);
  const Pull& pull = it->second;
  const bool is_whole = pull.failure.empty() && pull.asked == pull.memory.size();
  if (pull.under_way > 0 || (!is_whole && pull.failure.empty())) return;
  const PullObject order = pull.order;
  const std::string failure = pull.failure;
  pulls_.erase(it);
  // Told later: the answer may be another pull, and that is not begun in the midst of this.
  boost::asio::post(io_, [this, order, failure] {
    if (failure.empty()) return owner_.on_pulled({order.object, order.room});
    owner_.on_pull_failed({order.object, order.from, failure});
  });
}

void Transfers::fail_turns(NodeId peer, const std::string& why) {
  const auto turns = turns_.find(peer);
  if (turns == turns_.end()) return;
  const Turns objects = turns->second;
  for (const ObjectId object : objects) {
    fail(pulls_.at(object), why);
    end_if_done(object);
  }
  turns_.erase(turns);
}

void Transfers::forget(NodeId peer) {
  const std::string why = to_string(peer) + " is dead";
  fail_turns(peer, why);
  for (const auto& [id, stream] : streams_)
    if (stream.peer == peer) stream.thread->close_pull(id, why);
  for (const auto& [id, served] : served_)
    if (served.peer == peer) served.thread->close_serve(id, why);
}

void Transfers::close_idle_later() {
  if (std::exchange(idle_timer_runs_, true)) return;
  idle_timer_.expires_after(kLookForIdleEvery);
  idle_timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    idle_timer_runs_ = false;
    const Time now = now_boottime();
    for (const auto& [id, stream] : streams_) {
      if (stream.windows.empty() && now - stream.idle_since > kIdle)
        stream.thread->close_pull(id, "it was idle");
    }
    if (!streams_.empty()) close_idle_later();
  });
}

// ---- serving ------------------------------------------------------------------------------------

bool Transfers::has_room_for(NodeId peer) const {
  const auto is_theirs = [&](const auto& entry) { return entry.second.peer == peer; };
  const auto theirs = std::count_if(served_.begin(), served_.end(), is_theirs);
  return served_.size() < kMostServed && static_cast<size_t>(theirs) < kMostServedPerPeer;
}

void Transfers::serve(NodeId peer, Link link) {
  TransferThread& thread = next_thread();
  const uint64_t id = ++last_stream_;
  served_[id] = {peer, &thread};
  thread.serve(id, std::move(link));
}

void Transfers::on_serve_closed(uint64_t id, const std::string& why) {
  const NodeId peer = served_.at(id).peer;
  served_.erase(id);
  owner_.on_transfer_event(Event::Level::kDebug, "transfer_closed", to_string(peer) + ": " + why);
}

void Transfers::on_question(uint64_t id, const ServeQuestion& question) {
  ServeReply reply;
  if (question.sent && owner_.copy_here(question.sent->object) != question.sent->extent)
    reply.sent = BulkVerdict::State::kFreed;
  if (question.request) {
    const BulkRequest& request = *question.request;
    const auto extent = owner_.copy_here(request.object);
    const auto memory = extent ? store_.memory(*extent) : std::span<uint8_t>{};
    if (request.total <= memory.size())
      reply.found = {request.object, *extent, memory.subspan(request.offset, request.length)};
  }
  const auto served = served_.find(id);
  if (served != served_.end()) served->second.thread->reply(id, reply);
}

}  // namespace rayd::shell
