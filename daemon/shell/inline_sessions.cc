#include "daemon/shell/inline_sessions.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "common/base/clock.h"

namespace rayd::shell {

Result<std::shared_ptr<InlineSession>> InlineSessions::make(ClientId client,
                                                            std::optional<KeyHash> resumable_by) {
  if (sessions_.size() >= kMaxSessions) {
    return Error{ErrorCode::kPendingCallsLimit,
                 "there are " + std::to_string(kMaxSessions) + " sessions here already"};
  }
  auto session = std::make_shared<InlineSession>(owner_, store_, client, resumable_by,
                                                 [this, client] { end(client, ""); });
  sessions_[client] = session;
  if (resumable_by) watch();
  return session;
}

Result<std::shared_ptr<RemoteSession>> InlineSessions::resume(ClientId client, const KeyHash& key) {
  const auto found = sessions_.find(client);
  if (found == sessions_.end() || found->second->key() != key) {
    return Error{ErrorCode::kNotFound, "this session is over"};
  }
  return std::shared_ptr<RemoteSession>{found->second};
}

InlineSession* InlineSessions::find(ClientId client) {
  const auto found = sessions_.find(client);
  return found == sessions_.end() ? nullptr : found->second.get();
}

void InlineSessions::end(ClientId client, const std::string& why) {
  const auto found = sessions_.find(client);
  if (found == sessions_.end()) return;
  const std::shared_ptr<InlineSession> session = std::move(found->second);
  sessions_.erase(found);
  session->close();
  owner_.on_session_over(client, why);
}

// Runs only while there is somebody whose silence counts: an idle daemon sleeps.
void InlineSessions::watch() {
  if (watching_) return;
  watching_ = true;
  timer_.expires_after(std::chrono::nanoseconds{silence_.ns / 8});
  timer_.async_wait([this](boost::system::error_code error) {
    watching_ = false;
    if (!error) on_watch();
  });
}

void InlineSessions::on_watch() {
  const Time now = now_boottime();
  std::vector<ClientId> silent;
  bool has_more = false;
  for (const auto& [client, session] : sessions_) {
    if (!session->key()) continue;
    if (now - session->last_heard() > silence_) {
      silent.push_back(client);
    } else {
      has_more = true;
    }
  }
  for (const ClientId client : silent) end(client, "nothing was heard of its client for too long");
  if (has_more) watch();
}

}  // namespace rayd::shell
