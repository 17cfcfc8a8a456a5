// How a session over rings sends, drains and waits.
#include <pthread.h>

#include <algorithm>

#include "client/runtime/ring_session.h"

namespace rayd::client {

namespace api = ray::internal;

namespace {

/// A worker without work for so long gives its arena back.
constexpr Duration kIdleArena = Duration::millis(500);

/// Calls inside of the waits of others. The rest of the stack is theirs and the last one's.
constexpr int kMaxInlineRuns = 256;

/// Whether this thread's stack is used by half at most. A call that runs inside of a wait needs as
/// much as one that runs alone, and nobody knows how much that is.
bool has_half_of_its_stack() {
  struct Stack {
    uintptr_t bottom = 0;
    size_t bytes = 0;
  };
  thread_local const Stack stack = [] {
    Stack found;
    pthread_attr_t attributes;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0) return found;
    void* bottom = nullptr;
    if (pthread_attr_getstack(&attributes, &bottom, &found.bytes) != 0) found.bytes = 0;
    found.bottom = reinterpret_cast<uintptr_t>(bottom);
    pthread_attr_destroy(&attributes);
    return found;
  }();
  const auto here = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  return stack.bytes > 0 && here - stack.bottom > stack.bytes / 2;
}

}  // namespace

// ---- sending ----------------------------------------------------------------------------------

void RingSession::push(Lock& lock, const ClientMessage& message) {
  const auto bytes = encoder_.encode(message);
  if (!bytes) {
    api::throw_error(ray::ErrorCode::kInvalidArgument,
                     "a call does not fit: " + bytes.error().message +
                         "; pass large or many arguments by ray::Put");
  }
  // The encoded bytes stay valid while this thread waits for room: only who is sending encodes.
  wire::Fragments parts{*bytes, shm::kMaxMessageBytes};
  for (ByteSpan part = parts.next(); !part.empty(); part = parts.next()) push_part(lock, part);
}

void RingSession::push_part(Lock& lock, ByteSpan part) {
  for (;;) {
    if (!gone_.empty()) throw_gone(gone_);
    switch (channel_.out().try_push(part)) {
      case shm::Push::kDone: return;
      case shm::Push::kCorrupt: gone_ = "the daemon broke the ring's protocol"; break;
      case shm::Push::kNoRoom: {
        // The daemon is behind. Answers are drained meanwhile, so that it can go on.
        const auto has_room = [&] { return channel_.out().has_room(part.size()); };
        wait_until(lock, has_room, kNoDeadline, Waiting::kForRoom);
        break;
      }
    }
  }
}

void RingSession::send_done(Done&& done) {
  Lock lock{mutex_};
  std::vector<rayd::ObjectId> contained;
  size_t stored = 0;
  for (const Value& result : done.results) {
    if (result.kind == Value::Kind::kStored) ++stored;
    contained.insert(contained.end(), result.contains.begin(), result.contains.end());
  }
  core_.outbox().push_back(std::move(done));
  on_results_left(stored);
  for (const rayd::ObjectId object : contained) core_.drop_handle(object);
  core_.flush_releases();
  send(lock);
}

// ---- draining ---------------------------------------------------------------------------------

// While a thread leads, the answers are its to take: asleep, it looks at the ring and not at what
// it waits for, so that an answer somebody else took would be one that it never hears of.
void RingSession::drain() {
  while (!leading_) {
    const shm::Popped popped = channel_.answers().try_pop(buffer_.span());
    if (popped.state == shm::Pop::kEmpty) return;
    if (popped.state == shm::Pop::kCorrupt) {
      gone_ = "the daemon broke the ring's protocol";
      return;
    }
    const auto whole = answer_parts_.add(popped.bytes);
    if (whole.ok() && whole->empty()) continue;
    auto answer = whole.ok() ? wire::decode_client_answer(*whole) : whole.error();
    if (!answer) {
      gone_ = "the daemon sent what cannot be read: " + answer.error().message;
      return;
    }
    if (const auto* offer = std::get_if<RunInline>(&*answer)) {
      offered_ = offer->wait;
    } else {
      on_answer(std::move(*answer));
    }
  }
}

// ---- waiting ----------------------------------------------------------------------------------

bool RingSession::wait_until(Lock& lock, const Condition& ready, Time deadline, Waiting waiting) {
  // While somebody waits for work, whoever leads looks at the work ring too.
  const bool for_work = waiting == Waiting::kForWork;
  const bool for_room = waiting == Waiting::kForRoom;
  if (for_work) work_wanted_ = true;
  const auto stop_wanting = [&] {
    if (for_work) work_wanted_ = false;
  };
  for (;;) {
    // Read before looking: credit that comes after the look must count as news.
    const uint64_t credit = channel_.out().peek_credit();
    drain();
    if (ready()) return stop_wanting(), true;
    if (!gone_.empty()) {
      stop_wanting();
      throw_gone(gone_);
    }
    if (now_boottime() >= deadline) return stop_wanting(), false;
    if (leading_) {
      // Who leads may not have asked to be rung for credit: then a follower looks by itself.
      const Duration patience = for_room ? Duration::millis(1) : Duration::seconds(1);
      if (for_room) channel_.ring();  // what fills the ring: who leads has not heard of it
      const int64_t left = std::min(deadline.ns - now_boottime().ns, patience.ns);
      followers_.wait_for(lock, std::chrono::nanoseconds{left});
      continue;
    }
    leading_ = true;
    channel_.ring();
    lock.unlock();
    const auto news = [&] {
      return channel_.answers().peek_ready() ||
             (for_room && channel_.out().peek_credit() != credit) ||
             (work_wanted_ && channel_.has_work() && channel_.work().peek_ready());
    };
    const shm::WaitEnd end = channel_.sleep(
        news, {.deadline = deadline,
               .spin_budget = channel_.spin_budget(),
               .wake_for = for_room ? shm::WakeFor::kMessagesOrCredit : shm::WakeFor::kMessages});
    lock.lock();
    leading_ = false;
    if (end == shm::WaitEnd::kPeerGone) gone_ = "the daemon is gone";
    followers_.notify_all();
  }
}

bool RingSession::block_until(Lock& lock, const Condition& ready, Time deadline,
                              std::span<const rayd::ObjectId> needed) {
  drain();
  if (ready()) return true;
  if (current_call == nullptr) return Session::block_until(lock, ready, deadline, needed);
  core_.flush_releases();
  Blocked blocked;
  if (!needed.empty() && may_run_inline()) {
    blocked.wait = ++waits_;
    for (const rayd::ObjectId object : needed)
      if (!core_.is_known(object, Want::Fetch::kYes)) blocked.objects.push_back(object);
  }
  const uint64_t wait = blocked.wait;
  core_.outbox().push_back(std::move(blocked));
  send(lock);
  const auto is_offered = [&] { return wait != 0 && offered_ == wait; };
  const auto has_news = [&] { return ready() || is_offered(); };
  bool done = wait_until(lock, has_news, deadline, Waiting::kForAnswers);
  while (done && !ready()) {
    done = run_inline(lock, ready, deadline);
    if (done) done = wait_until(lock, has_news, deadline, Waiting::kForAnswers);
  }
  core_.outbox().push_back(Unblocked{});
  send(lock);
  return done;
}

// ---- work -------------------------------------------------------------------------------------

/// The next whole message of the work ring; none: there is none now, or the ring is broken.
std::optional<RingSession::Work> RingSession::claim_work() {
  for (;;) {
    const shm::Popped popped = channel_.work().try_claim(buffer_.span());
    if (popped.state == shm::Pop::kEmpty) return std::nullopt;
    if (popped.state == shm::Pop::kCorrupt) throw_gone("the daemon broke the work ring's protocol");
    const auto whole = work_parts_.add(popped.bytes);
    if (whole.ok() && whole->empty()) continue;
    auto message = whole.ok() ? wire::decode_work_message(*whole) : whole.error();
    if (!message) throw_gone("the daemon sent work that cannot be read");
    return Work{std::move(*message), popped.sequence};
  }
}

std::optional<RingSession::Work> RingSession::next_work() {
  Lock lock{mutex_};
  try {
    core_.flush_releases();
    send(lock);
    for (;;) {
      if (auto work = claim_work()) return work;
      const auto has_work = [&] { return channel_.work().peek_ready(); };
      if (wait_until(lock, has_work, now_boottime() + kIdleArena, Waiting::kForWork)) continue;
      close_idle_arena(lock);
      wait_until(lock, has_work, kNoDeadline, Waiting::kForWork);
    }
  } catch (const api::RayException&) {
    return std::nullopt;
  }
}

// A plain task's own thread only: an actor's ring brings its calls, whose turn comes later.
bool RingSession::may_run_inline() const {
  return inline_runner_ && current_call->actor.is_nil() && inline_runs_ < kMaxInlineRuns &&
         has_half_of_its_stack();
}

// Takes and runs what was offered to this wait. False: the deadline has come.
bool RingSession::run_inline(Lock& lock, const Condition& ready, Time deadline) {
  const auto has_work = [&] { return channel_.work().peek_ready(); };
  for (;;) {
    auto work = claim_work();
    if (!work) {  // all that was there has been taken back
      if (!wait_until(
              lock, [&] { return ready() || has_work(); }, deadline, Waiting::kForWork))
        return false;
      if (ready()) return true;
      continue;
    }
    const bool is_run = std::holds_alternative<wire::RunCall>(work->message);
    if (is_run) offered_ = 0;
    ++inline_runs_;
    lock.unlock();
    inline_runner_(std::move(*work));
    lock.lock();
    --inline_runs_;
    if (is_run) return true;
  }
}

}  // namespace rayd::client
