// InlineSession: a client without shared memory, as the core sees it: a client like any other,
// whose large values the daemon itself writes into the store and reads out of it.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <vector>

#include "daemon/shell/control.h"

namespace rayd::shell {

class DaemonCore;

class InlineSession final : public RemoteSession {
 public:
  InlineSession(DaemonCore& daemon, ClientId client) : daemon_(daemon), client_(client) {}
  ~InlineSession() override;

  ClientId client() const override { return client_; }
  Status send(ClientMessage&& message) override;
  std::vector<ClientAnswer> take_answers() override;
  void on_answers(std::function<void()> wake) override;

  /// From the core. Stored values become inline ones: copies, pinned by nobody afterwards.
  void deliver(ClientAnswer&& answer);

 private:
  DaemonCore& daemon_;
  ClientId client_;
  std::vector<ClientAnswer> answers_;
  std::function<void()> wake_;
};

}  // namespace rayd::shell
