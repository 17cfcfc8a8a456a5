// RemoteSession: the session of a program on a machine without a daemon, over a RemoteLine. Values
// travel as copies: small ones inside messages, large ones in parts to and from the head's store.
#pragma once

#include <sys/types.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "client/runtime/remote_line.h"
#include "client/runtime/session.h"
#include "common/wire/hot_lane.h"

namespace rayd::client {

class RemoteSession final : public Session, RemoteLine::Events {
 public:
  RemoteSession(SessionOptions options, std::unique_ptr<RemoteLine> line);
  ~RemoteSession() override;

  void shutdown() override;

 private:
  void push(Lock& lock, const ClientMessage& message) override;
  void on_pushed() override {}
  void drain() override {}
  bool wait_until(Lock& lock, const Condition& ready, Time deadline) override;
  uint64_t finished_tasks() const override { return line_->finished_tasks(); }
  void store(Lock& lock, const ray::internal::SerializedValue& value, Value& result) override;
  Result<Payload> payload(Lock& lock, const Extent& extent, rayd::ObjectId object,
                          uint64_t bytes) override;

  void on_answers(std::vector<ClientAnswer>&& answers) override;
  void on_news() override;
  void on_gone(const std::string& why) override;

  /// Copies that the program still has, so that reading again is free.
  std::map<rayd::ObjectId, std::weak_ptr<const Bytes>> copies_;
  wire::Encoder encoder_;
  pid_t process_;
  std::unique_ptr<RemoteLine> line_;
};

}  // namespace rayd::client
