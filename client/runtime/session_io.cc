// How a session sends and ends, and errors as the API has them.
#include "client/runtime/session.h"

namespace rayd::client {

namespace api = ray::internal;

// ---- sending ----------------------------------------------------------------------------------

void Session::throw_gone(const std::string& why) const {
  api::throw_error(ray::ErrorCode::kUnavailable, why);
}

void Session::send(Lock& lock) {
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
  on_pushed();
  if (waiting_to_send_ > 0) followers_.notify_all();
}

void Session::exit_actor() {
  api::throw_error(ray::ErrorCode::kInvalidArgument, "ExitActor outside of an actor's method");
}

bool Session::block_until(Lock& lock, const Condition& ready, Time deadline,
                          std::span<const rayd::ObjectId>) {
  drain();
  if (ready()) return true;
  core_.flush_releases();
  send(lock);
  return wait_until(lock, ready, deadline);
}

void Session::on_answer(ClientAnswer&& answer) {
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
    if (given_up_.erase(request) == 0) replies_[request] = std::move(answer);
  }
}

void Session::shutdown() {
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
