// The line's thread: one connection after the other, each with a long poll for answers, a batch of
// messages and some parts of large values under way.
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <optional>
#include <thread>

#include "client/core/line_core.h"
#include "client/runtime/remote_line.h"
#include "common/base/unique_fd.h"
#include "common/net/head_dial.h"
#include "common/net/rpc_client.h"
#include "common/net/rpc_errors.h"
#include "common/schema/control.capnp.h"
#include "common/wire/hot_lane.h"

namespace rayd::client {
namespace {

constexpr Duration kDialPatience = Duration::seconds(3);
constexpr Duration kPause = Duration::millis(100);  // between attempts to connect
constexpr Duration kTick = Duration::millis(250);
constexpr Duration kEndPatience = Duration::seconds(2);
constexpr Duration kClosePatience = Duration::seconds(5);
constexpr size_t kPartsUnderWay = 8;  // of all large values together

/// One large value on its way. Guarded by the line's mutex.
struct Transfer {
  enum class Way : bool { kUp, kDown };
  Way way = Way::kUp;
  uint64_t number = 0;        // kUp
  ObjectId object;            // kDown
  uint8_t* memory = nullptr;  // only read from by kUp; not touched once there is an outcome
  uint64_t bytes = 0;
  Parts parts{0};
  enum class Room : uint8_t { kNone, kAsked, kReserved };
  Room room = Room::kNone;
  std::optional<Status> outcome;
};
using TransferRef = std::shared_ptr<Transfer>;

class RpcRemoteLine;

/// One connection, from its resumption to its end. The line's thread.
class LineConnection final : kj::TaskSet::ErrorHandler {
 public:
  LineConnection(RpcRemoteLine& line, PollLoop& loop, schema::Session::Client session)
      : line_(line), loop_(loop), session_(kj::mv(session)), tasks_(*this) {}

  /// Until it breaks or the line has enough of it.
  void run();
  /// Says that the session is over.
  void end(RpcClient& client);

 private:
  void receive();
  void send();
  void move_values();
  void reserve(const TransferRef& transfer);
  void move_part(const TransferRef& transfer, Parts::Part part);
  void on_failed(kj::Exception&& why);
  void on_transfer_failed(const TransferRef& transfer, kj::Exception&& why);
  void on_part_done(const TransferRef& transfer, uint64_t offset);
  void taskFailed(kj::Exception&& why) override { on_failed(kj::mv(why)); }

  RpcRemoteLine& line_;
  PollLoop& loop_;
  schema::Session::Client session_;
  bool broken_ = false;
  size_t parts_under_way_ = 0;
  Time last_reply_ = now_boottime();
  kj::Own<kj::PromiseFulfiller<void>> wake_;
  kj::TaskSet tasks_;
};

class RpcRemoteLine final : public RemoteLine {
 public:
  RpcRemoteLine(std::unique_ptr<HeadDial> head, ClientId client, Duration silence)
      : head_(std::move(head)),
        client_(client),
        silence_(silence),
        doorbell_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

  ~RpcRemoteLine() override {
    {
      const std::lock_guard lock{mutex_};
      stopping_ = true;
    }
    ring();
    if (thread_.joinable()) thread_.join();
  }

  void start(Events& events) override {
    events_ = &events;
    thread_ = std::thread{[this] { run(); }};
  }

  bool has_room() const override {
    const std::lock_guard lock{mutex_};
    return core_.has_room();
  }

  bool push(ByteSpan message) override {
    {
      const std::lock_guard lock{mutex_};
      if (!core_.has_room()) {
        wants_room_ = true;
        return false;
      }
      core_.push(message);
    }
    ring();
    return true;
  }

  uint64_t finished_tasks() const override { return finished_.load(std::memory_order_relaxed); }

  Result<uint64_t> upload(ByteSpan bytes) override {
    const auto transfer = std::make_shared<Transfer>();
    transfer->way = Transfer::Way::kUp;
    transfer->memory = const_cast<uint8_t*>(bytes.data());
    transfer->bytes = bytes.size();
    const Status done = carry(transfer);
    if (!done.ok()) return done.error();
    return transfer->number;
  }

  Status download(ObjectId object, std::span<uint8_t> into) override {
    const auto transfer = std::make_shared<Transfer>();
    transfer->way = Transfer::Way::kDown;
    transfer->room = Transfer::Room::kReserved;
    transfer->object = object;
    transfer->memory = into.data();
    transfer->bytes = into.size();
    return carry(transfer);
  }

  void close() override {
    std::unique_lock lock{mutex_};
    if (over_ || !thread_.joinable()) return;
    closing_ = true;
    ring();
    changed_.wait_for(lock, std::chrono::nanoseconds{kClosePatience.ns}, [&] { return over_; });
    stopping_ = true;
    ring();
  }

 private:
  friend class LineConnection;

  void ring() {
    if (rung_.exchange(true)) return;
    const uint64_t one = 1;
    static_cast<void>(!write(doorbell_.get(), &one, sizeof one));
  }
  void unring() {
    // In this order: who rings in between is looked after anyway, and the next ring is not lost.
    uint64_t count = 0;
    static_cast<void>(!read(doorbell_.get(), &count, sizeof count));
    rung_ = false;
  }

  Status carry(const TransferRef& transfer) {
    std::unique_lock lock{mutex_};
    if (over_) return Error{ErrorCode::kUnavailable, why_over_};
    if (transfer->way == Transfer::Way::kUp) transfer->number = ++last_number_;
    transfer->parts = Parts{transfer->bytes};
    transfers_.push_back(transfer);
    ring();
    changed_.wait(lock, [&] { return transfer->outcome.has_value(); });
    return *transfer->outcome;
  }

  void settle(const TransferRef& transfer, Status outcome) {  // with the mutex
    if (transfer->outcome) return;
    transfer->outcome = std::move(outcome);
    std::erase(transfers_, transfer);
    changed_.notify_all();
  }

  void finish(const std::string& why) {
    {
      const std::lock_guard lock{mutex_};
      if (over_) return;
      over_ = true;
      why_over_ = why;
      while (!transfers_.empty()) {
        settle(TransferRef{transfers_.front()}, Error{ErrorCode::kUnavailable, why});
      }
      changed_.notify_all();
    }
    events_->on_gone(why);
  }

  bool is_over() const {
    const std::lock_guard lock{mutex_};
    return over_ || stopping_;
  }
  /// It was closed, and all that was said before has arrived.
  bool may_end() const {
    const std::lock_guard lock{mutex_};
    return closing_ && core_.is_empty();
  }

  void run();
  void serve(PollLoop& loop, Link link);

  const std::unique_ptr<HeadDial> head_;
  const ClientId client_;
  const Duration silence_;
  const UniqueFd doorbell_;
  std::atomic<bool> rung_{false};
  std::atomic<uint64_t> finished_{0};
  Events* events_ = nullptr;
  Time last_contact_ = now_boottime();  // the thread's
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  LineCore core_;
  bool wants_room_ = false;
  std::vector<TransferRef> transfers_;
  uint64_t last_number_ = 0;
  bool closing_ = false;
  bool stopping_ = false;
  bool over_ = false;
  std::string why_over_;
  std::thread thread_;
};

// ---- the thread ---------------------------------------------------------------------------------

void RpcRemoteLine::run() {
  PollLoop loop;
  std::string trouble = "its connection broke";
  while (!is_over()) {
    auto link = head_->dial(std::min(kDialPatience, silence_));
    if (link) {
      serve(loop, std::move(*link));
    } else {
      trouble = link.error().message;
      if (link.error().code == ErrorCode::kNotAllowed) return finish(trouble);
    }
    if (is_over()) return;
    if (now_boottime() - last_contact_ > silence_) {
      return finish("the head at " + to_string(head_->address()) +
                    " was out of reach for too long: " + trouble);
    }
    pollfd bell{doorbell_.get(), POLLIN, 0};
    if (link) continue;
    unring();
    ::poll(&bell, 1, static_cast<int>(kPause.ns / 1'000'000));
  }
}

void RpcRemoteLine::serve(PollLoop& loop, Link link) {
  RpcClient client{loop, attach_link(loop, std::move(link))};
  auto request = client.bootstrap<schema::Daemon>().resumeSessionRequest();
  request.getClient().setNode(client_.node);
  request.getClient().setSerial(client_.serial);
  auto resumed = client.wait(request.send(), kDialPatience);
  if (!resumed) {
    const ErrorCode code = resumed.error().code;
    const bool may_pass = code == ErrorCode::kUnavailable || code == ErrorCode::kTimeout;
    return may_pass ? void()
                    : finish("the head has ended this session: " + resumed.error().message);
  }
  last_contact_ = now_boottime();
  {
    const std::lock_guard lock{mutex_};
    core_.on_connected();
    for (const TransferRef& transfer : transfers_) {
      transfer->parts.on_connected();
      if (transfer->room == Transfer::Room::kAsked) transfer->room = Transfer::Room::kNone;
    }
  }
  LineConnection connection{*this, loop, resumed->getSession()};
  connection.run();
  if (!may_end()) return;
  connection.end(client);
  finish("the session has ended by ray::Shutdown()");
}

void LineConnection::run() {
  const Duration patience{
      std::clamp(line_.silence_.ns / 3, Duration::millis(500).ns, Duration::seconds(10).ns)};
  receive();
  while (!broken_ && !line_.is_over() && !line_.may_end()) {
    send();
    move_values();
    auto pair = kj::newPromiseAndFulfiller<void>();
    wake_ = kj::mv(pair.fulfiller);
    static_cast<void>(loop_.run_until(
        pair.promise.exclusiveJoin(loop_.when_readable(line_.doorbell_.get())), kTick));
    line_.unring();
    if (now_boottime() - last_reply_ > patience) broken_ = true;
  }
  line_.last_contact_ = std::max(line_.last_contact_, last_reply_);
}

void LineConnection::end(RpcClient& client) {
  if (broken_) return;
  static_cast<void>(client.wait(session_.endRequest().send().ignoreResult(), kEndPatience));
}

void LineConnection::on_failed(kj::Exception&& why) {
  const Error error = translate(why);
  broken_ = true;
  if (error.code != ErrorCode::kUnavailable) {
    line_.finish("the head has ended this session: " + error.message);
  }
  if (wake_.get() != nullptr) wake_->fulfill();
}

// ---- messages -----------------------------------------------------------------------------------

void LineConnection::receive() {
  auto request = session_.receiveRequest();
  const int64_t wait_ms = std::min<int64_t>(1000, line_.silence_.ns / 6'000'000);
  request.setMaxWaitMs(static_cast<uint32_t>(wait_ms));
  {
    const std::lock_guard lock{line_.mutex_};
    request.setAfter(line_.core_.received());
  }
  tasks_.add(request.send().then(
      [this](auto&& reply) {
        last_reply_ = now_boottime();
        const auto list = reply.getAnswers();
        const auto known = [&] {
          const std::lock_guard lock{line_.mutex_};
          return line_.core_.on_answers(reply.getFirst(), list.size());
        }();
        if (!known) return on_failed(to_exception(known.error()));
        std::vector<ClientAnswer> answers;
        for (unsigned i = static_cast<unsigned>(*known); i < list.size(); ++i) {
          std::vector<uint64_t> words((list[i].size() + 7) / 8);
          std::memcpy(words.data(), list[i].begin(), list[i].size());
          auto answer = wire::decode_client_answer(
              {reinterpret_cast<const uint8_t*>(words.data()), list[i].size()});
          if (!answer) return on_failed(to_exception(answer.error()));
          answers.push_back(std::move(*answer));
        }
        const bool has_ended = line_.finished_.exchange(reply.getFinished()) != reply.getFinished();
        if (!answers.empty()) {
          line_.events_->on_answers(std::move(answers));
        } else if (has_ended) {
          line_.events_->on_news();
        }
        receive();
        send();
      },
      [this](kj::Exception&& why) { on_failed(kj::mv(why)); }));
}

void LineConnection::send() {
  auto request = session_.sendRequest();
  {
    const std::lock_guard lock{line_.mutex_};
    const auto batch = line_.core_.next_batch();
    if (!batch) return;
    request.setFirst(batch->first);
    auto list = request.initMessages(static_cast<unsigned>(batch->messages.size()));
    for (unsigned i = 0; i < list.size(); ++i) {
      list.set(i, {batch->messages[i].data(), batch->messages[i].size()});
    }
  }
  tasks_.add(request.send().then(
      [this](auto&& reply) {
        last_reply_ = now_boottime();
        bool has_room = false;
        const Status taken = [&] {
          const std::lock_guard lock{line_.mutex_};
          Status status = line_.core_.on_taken(reply.getTaken());
          has_room = line_.wants_room_ && line_.core_.has_room();
          if (has_room) line_.wants_room_ = false;
          return status;
        }();
        if (!taken.ok()) return on_failed(to_exception(taken.error()));
        if (has_room) line_.events_->on_news();
        if (line_.may_end() && wake_.get() != nullptr) wake_->fulfill();
        send();
      },
      [this](kj::Exception&& why) { on_failed(kj::mv(why)); }));
}

// ---- large values -------------------------------------------------------------------------------

void LineConnection::move_values() {
  std::vector<TransferRef> transfers;
  {
    const std::lock_guard lock{line_.mutex_};
    transfers = line_.transfers_;
  }
  for (const TransferRef& transfer : transfers) {
    reserve(transfer);
    while (parts_under_way_ < kPartsUnderWay) {
      std::optional<Parts::Part> part;
      {
        const std::lock_guard lock{line_.mutex_};
        if (transfer->outcome || transfer->room != Transfer::Room::kReserved) break;
        part = transfer->parts.next();
      }
      if (!part) break;
      move_part(transfer, *part);
    }
  }
}

void LineConnection::reserve(const TransferRef& transfer) {
  {
    const std::lock_guard lock{line_.mutex_};
    if (transfer->outcome || transfer->room != Transfer::Room::kNone) return;
    transfer->room = Transfer::Room::kAsked;
  }
  auto request = session_.reserveRequest();
  request.setValue(transfer->number);
  request.setBytes(transfer->bytes);
  tasks_.add(request.send().ignoreResult().then(
      [this, transfer] {
        {
          const std::lock_guard lock{line_.mutex_};
          transfer->room = Transfer::Room::kReserved;
        }
        move_values();
      },
      [this, transfer](kj::Exception&& why) { on_transfer_failed(transfer, kj::mv(why)); }));
}

void LineConnection::move_part(const TransferRef& transfer, Parts::Part part) {
  ++parts_under_way_;
  auto failed = [this, transfer](kj::Exception&& why) {
    --parts_under_way_;
    on_transfer_failed(transfer, kj::mv(why));
  };
  if (transfer->way == Transfer::Way::kUp) {
    auto request = session_.writeRequest();
    request.setValue(transfer->number);
    request.setOffset(part.offset);
    request.setBytes({transfer->memory + part.offset, part.bytes});
    tasks_.add(request.send().ignoreResult().then(
        [this, transfer, part] { on_part_done(transfer, part.offset); }, kj::mv(failed)));
    return;
  }
  auto request = session_.readRequest();
  request.getObject().setHigh(transfer->object.high);
  request.getObject().setLow(transfer->object.low);
  request.setOffset(part.offset);
  request.setMaxBytes(static_cast<uint32_t>(part.bytes));
  tasks_.add(request.send().then(
      [this, transfer, part](auto&& reply) {
        const auto bytes = reply.getBytes();
        {
          const std::lock_guard lock{line_.mutex_};
          if (bytes.size() != part.bytes) {
            line_.settle(transfer, Error{ErrorCode::kCorrupt, "a value is shorter than it says"});
          }
          if (!transfer->outcome) {
            std::memcpy(transfer->memory + part.offset, bytes.begin(), part.bytes);
          }
        }
        on_part_done(transfer, part.offset);
      },
      kj::mv(failed)));
}

void LineConnection::on_part_done(const TransferRef& transfer, uint64_t offset) {
  last_reply_ = now_boottime();
  --parts_under_way_;
  {
    const std::lock_guard lock{line_.mutex_};
    transfer->parts.on_done(offset);
    if (transfer->parts.is_done()) line_.settle(transfer, {});
  }
  move_values();
}

void LineConnection::on_transfer_failed(const TransferRef& transfer, kj::Exception&& why) {
  const Error error = translate(why);
  if (error.code == ErrorCode::kUnavailable) return on_failed(kj::mv(why));
  {
    const std::lock_guard lock{line_.mutex_};
    line_.settle(transfer, error);
  }
  move_values();
}

}  // namespace

std::unique_ptr<RemoteLine> make_remote_line(std::unique_ptr<HeadDial> head, ClientId client,
                                             Duration silence) {
  return std::make_unique<RpcRemoteLine>(std::move(head), client, silence);
}

}  // namespace rayd::client
