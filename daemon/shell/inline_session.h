// InlineSession: a client without shared memory, as the core sees it: a client like any other,
// whose large values the daemon itself writes into the store and reads out of it.
//
//   client's messages   1 … taken            each is taken once, in order
//   answers             first … last         kept until the client says that they have arrived
//   large values        reserved → written in parts → put, by the client's numbers
//
// Nothing here is about connections: what comes twice is passed over, and the owner decides when a
// silence was too long. Control thread.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>

#include "daemon/shell/control.h"
#include "daemon/shell/object_store.h"

namespace rayd::shell {

class SessionsOwner {
 public:
  virtual void on_session_message(ClientId client, ClientMessage&& message) = 0;
  /// Nothing of it is heard any more. `why`: nothing, if its client said so.
  virtual void on_session_over(ClientId client, const std::string& why) = 0;
  /// As the node knows it; null: it does not.
  virtual const Value* stored_value(ObjectId object) const = 0;

 protected:
  ~SessionsOwner() = default;
};

class InlineSession final : public RemoteSession {
 public:
  static constexpr size_t kMaxQueuedAnswers = 10'000;
  static constexpr size_t kMaxQueuedBytes = size_t{16} << 20;
  static constexpr size_t kMaxReserved = 64;
  /// Of one reply, about.
  static constexpr size_t kReplyBytes = size_t{2} << 20;
  static constexpr size_t kReplyAnswers = 4096;

  /// `over` is called when the client has ended it.
  InlineSession(SessionsOwner& owner, ObjectStore& store, ClientId client,
                std::optional<KeyHash> key, std::function<void()> over);

  ClientId client() const override { return client_; }
  Status touch() override;
  void on_connection_gone() override;
  void end() override;
  uint64_t taken() const override { return taken_; }
  bool has_room() const override;
  Status take(ClientMessage&& message) override;
  Result<Answers> answers(uint64_t after) override;
  void on_answers(uint64_t after, std::function<void()> wake) override;
  void reserve(uint64_t value, uint64_t bytes, Callback<uint64_t> done) override;
  Status write(uint64_t value, uint64_t offset, ByteSpan bytes) override;
  Result<ByteSpan> read(ObjectId object, uint64_t offset, uint64_t max_bytes) override;

  /// From the core.
  void deliver(ClientAnswer&& answer);
  void on_finished(uint64_t finished);

  const std::optional<KeyHash>& key() const { return key_; }
  /// Since when nothing was heard.
  Time last_heard() const { return last_heard_; }
  /// It is over: nothing is taken or answered any more.
  void close();

 private:
  struct Reserved {
    uint64_t bytes = 0;
    std::optional<Extent> extent;  // none: the core has not answered yet
    std::vector<Callback<uint64_t>> waiting;
  };

  void on_granted(const ArenaGranted& granted);
  void on_refused(const ArenaRefused& refused);
  Status seal(Put& put);
  void wake();

  SessionsOwner& owner_;
  ObjectStore& store_;
  const ClientId client_;
  const std::optional<KeyHash> key_;
  std::function<void()> over_;
  bool closed_ = false;
  Time last_heard_;
  uint64_t taken_ = 0;
  uint64_t first_ = 1;  // the number of answers_.front()
  std::deque<ClientAnswer> answers_;
  size_t answer_bytes_ = 0;
  uint64_t finished_ = 0;
  uint64_t told_finished_ = 0;
  std::function<void()> wake_;
  uint64_t wake_after_ = 0;
  std::map<uint64_t, Reserved> reserved_;
  uint64_t last_reserved_ = 0;
  std::set<ObjectId> readable_;  // stored values that were answered and not released since
};

}  // namespace rayd::shell
