#include "client/runtime/remote_session.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "common/shm/object_header.h"

namespace rayd::client {

namespace api = ray::internal;

RemoteSession::RemoteSession(SessionOptions options, std::unique_ptr<RemoteLine> line)
    : Session(std::move(options)), process_(getpid()), line_(std::move(line)) {
  line_->start(*this);
}

RemoteSession::~RemoteSession() {
  // In a child that the program has forked there is no such thread, and the line is not its own.
  if (getpid() != process_) static_cast<void>(line_.release());
}

// ---- messages -----------------------------------------------------------------------------------

void RemoteSession::push(Lock& lock, const ClientMessage& message) {
  if (!gone_.empty()) throw_gone(gone_);
  const auto bytes = encoder_.encode(message);
  if (!bytes) {
    api::throw_error(ray::ErrorCode::kInvalidArgument,
                     "a call does not fit: " + bytes.error().message +
                         "; pass large or many arguments by ray::Put");
  }
  // The encoded bytes stay valid while this thread waits for room: only who is sending encodes.
  while (!line_->push(*bytes)) {
    wait_until(
        lock, [&] { return line_->has_room(); }, kNoDeadline);
  }
}

bool RemoteSession::wait_until(Lock& lock, const Condition& ready, Time deadline) {
  for (;;) {
    if (ready()) return true;
    if (!gone_.empty()) throw_gone(gone_);
    const Time now = now_boottime();
    if (now >= deadline) return false;
    const int64_t left_ns = std::min(deadline.ns - now.ns, Duration::seconds(1).ns);
    followers_.wait_for(lock, std::chrono::nanoseconds{left_ns});
  }
}

void RemoteSession::on_answers(std::vector<ClientAnswer>&& answers) {
  const Lock lock{mutex_};
  for (ClientAnswer& answer : answers) on_answer(std::move(answer));
  followers_.notify_all();
}

void RemoteSession::on_news() {
  const Lock lock{mutex_};
  followers_.notify_all();
}

void RemoteSession::on_gone(const std::string& why) {
  const Lock lock{mutex_};
  if (gone_.empty()) gone_ = why;
  followers_.notify_all();
}

void RemoteSession::shutdown() {
  Session::shutdown();
  if (getpid() == process_) line_->close();
}

// ---- large values -------------------------------------------------------------------------------

void RemoteSession::store(Lock& lock, const api::SerializedValue& value, Value& result) {
  core_.flush_releases();  // what the program let go of may be the room that is wanted
  send(lock);
  lock.unlock();
  const auto number = line_->upload(value.bytes);
  lock.lock();
  if (!number) {
    api::throw_error(static_cast<ray::ErrorCode>(number.error().code), number.error().message);
  }
  result.extent = {0, *number, shm::kObjectHeaderBytes + value.bytes.size()};
}

Result<Session::Payload> RemoteSession::payload(Lock& lock, const Extent&, rayd::ObjectId object,
                                                uint64_t bytes) {
  std::erase_if(copies_, [](const auto& copy) { return copy.second.expired(); });
  if (const auto known = copies_.find(object); known != copies_.end()) {
    if (const auto copy = known->second.lock()) return Payload{copy->span(), copy};
  }
  lock.unlock();
  Bytes memory = Bytes::uninitialised(bytes);
  const Status read = line_->download(object, memory.writable());
  lock.lock();
  if (!read.ok()) return read.error();
  const auto copy = std::make_shared<const Bytes>(std::move(memory));
  copies_[object] = copy;
  return Payload{copy->span(), copy};
}

}  // namespace rayd::client
