// InlineSessions: all sessions without rings, and when they are over: with their connection, by
// their client's word, or after a silence. Control thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <memory>

#include "daemon/shell/inline_session.h"

namespace rayd::shell {

class InlineSessions {
 public:
  static constexpr size_t kMaxSessions = 1000;

  InlineSessions(boost::asio::io_context& io, SessionsOwner& owner, ObjectStore& store,
                 Duration silence)
      : owner_(owner), store_(store), silence_(silence), timer_(io) {}

  /// kPendingCallsLimit: there are too many.
  Result<std::shared_ptr<InlineSession>> make(ClientId client, std::optional<KeyHash> resumable_by);
  /// kNotFound: it is over, or another's.
  Result<std::shared_ptr<RemoteSession>> resume(ClientId client, const KeyHash& key);
  InlineSession* find(ClientId client);
  Duration silence() const { return silence_; }

 private:
  void end(ClientId client, const std::string& why);
  void watch();
  void on_watch();

  SessionsOwner& owner_;
  ObjectStore& store_;
  Duration silence_;
  boost::asio::steady_timer timer_;
  bool watching_ = false;
  std::map<ClientId, std::shared_ptr<InlineSession>> sessions_;
};

}  // namespace rayd::shell
