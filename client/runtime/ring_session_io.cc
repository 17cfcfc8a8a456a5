// How a session sends, drains and waits.
#include <algorithm>

#include "client/runtime/ring_session.h"

namespace rayd::client {

namespace api = ray::internal;

namespace {

/// A worker without work for so long gives its arena back.
constexpr Duration kIdleArena = Duration::millis(500);

}  // namespace

// ---- sending ----------------------------------------------------------------------------------

void RingSession::throw_gone(const std::string& why) const {
  api::throw_error(ray::ErrorCode::kUnavailable, why);
}

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
        wait_until(lock, has_room, shm::kNoDeadline, Waiting::kForRoom);
        break;
      }
    }
  }
}

void RingSession::send(Lock& lock) {
  auto& outbox = core_.outbox();
  // Another thread may add to the outbox while this one waits for room: it is sent in order by the
  // one that is sending.
  if (sending_) {
    ++waiting_to_send_;
    followers_.wait(lock, [&] { return !sending_; });
    --waiting_to_send_;
  }
  sending_ = true;
  size_t sent = 0;
  try {
    while (sent < outbox.size()) push(lock, outbox[sent++]);
  } catch (...) {
    outbox.erase(outbox.begin(), outbox.begin() + static_cast<ptrdiff_t>(sent));
    sending_ = false;
    followers_.notify_all();
    throw;
  }
  outbox.clear();
  sending_ = false;
  channel_.ring();
  if (waiting_to_send_ > 0) followers_.notify_all();
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

void RingSession::drain() {
  for (;;) {
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
    on_answer(std::move(*answer));
  }
}

void RingSession::on_answer(ClientAnswer&& answer) {
  if (auto* ready = std::get_if<Ready>(&answer)) {
    core_.on_ready(std::move(*ready));
  } else if (auto* error = std::get_if<SessionError>(&answer)) {
    gone_ = "the daemon ended this session: " + error->message;
  } else {
    const uint64_t request = std::visit(
        [](const auto& reply) -> uint64_t {
          if constexpr (requires { reply.request; }) return reply.request;
          return 0;
        },
        answer);
    replies_[request] = std::move(answer);
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

bool RingSession::block_until(Lock& lock, const Condition& ready, Time deadline) {
  drain();
  if (ready()) return true;
  if (current_call == nullptr) {
    core_.flush_releases();
    send(lock);
    return wait_until(lock, ready, deadline, Waiting::kForAnswers);
  }
  core_.flush_releases();
  core_.outbox().push_back(Blocked{});
  send(lock);
  const bool done = wait_until(lock, ready, deadline, Waiting::kForAnswers);
  core_.outbox().push_back(Unblocked{});
  send(lock);
  return done;
}

std::optional<RingSession::Work> RingSession::next_work() {
  Lock lock{mutex_};
  try {
    core_.flush_releases();
    send(lock);
    for (;;) {
      const shm::Popped popped = channel_.work().try_claim(buffer_.span());
      if (popped.state == shm::Pop::kMessage) {
        const auto whole = work_parts_.add(popped.bytes);
        if (whole.ok() && whole->empty()) continue;
        auto message = whole.ok() ? wire::decode_work_message(*whole) : whole.error();
        if (!message) return std::nullopt;
        return Work{std::move(*message), popped.sequence};
      }
      if (popped.state == shm::Pop::kCorrupt) return std::nullopt;
      const auto has_work = [&] { return channel_.work().peek_ready(); };
      if (wait_until(lock, has_work, now_boottime() + kIdleArena, Waiting::kForWork)) continue;
      close_idle_arena(lock);
      wait_until(lock, has_work, shm::kNoDeadline, Waiting::kForWork);
    }
  } catch (const api::RayException&) {
    return std::nullopt;
  }
}

void RingSession::shutdown() {
  {
    Lock lock{mutex_};
    if (gone_.empty()) {
      core_.flush_releases();
      try {
        send(lock);
      } catch (const api::RayException&) {
        // The daemon is gone already.
      }
      gone_ = "the session has ended by ray::Shutdown()";
    }
    followers_.notify_all();
  }
  if (options_.on_shutdown) options_.on_shutdown();
}

// ---- errors -----------------------------------------------------------------------------------

api::ErrorInfo to_api(const ErrorInfo& error) {
  api::ErrorInfo info;
  info.code = static_cast<ray::ErrorCode>(error.code);
  info.message = error.message;
  info.remote_type = error.remote_type;
  info.function = error.function;
  if (!error.task.is_nil()) info.task = to_string(error.task);
  if (!error.actor.is_nil()) info.actor = to_string(error.actor);
  if (error.node != kHeadNode) info.node = to_string(error.node);
  info.attempt = error.attempt;
  info.may_have_executed = error.may_have_executed == ErrorInfo::MayHaveExecuted::kYes;
  return info;
}

ErrorInfo from_api(const api::ErrorInfo& error) {
  ErrorInfo info;
  info.code = static_cast<ErrorCode>(error.code);
  info.message = error.message;
  info.remote_type = error.remote_type;
  info.function = error.function;
  return info;
}

}  // namespace rayd::client
