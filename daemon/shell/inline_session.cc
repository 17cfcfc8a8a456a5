#include "daemon/shell/inline_session.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "common/base/clock.h"

namespace rayd::shell {
namespace {

/// Who waits at its limit of pending calls hears after so many ends at the latest.
constexpr uint64_t kFinishedStep = 4096;

/// The largest inline value of a message; 0: none.
size_t largest_inline(const ClientMessage& message) {
  size_t largest = 0;
  const auto look = [&](const Value& value) { largest = std::max(largest, value.bytes.size()); };
  std::visit(
      [&](const auto& alternative) {
        if constexpr (requires { alternative.args; }) {
          for (const Arg& arg : alternative.args) look(arg.value);
        }
        if constexpr (requires { alternative.value; }) look(alternative.value);
      },
      message);
  return largest;
}

bool has_stored_argument(const ClientMessage& message) {
  bool has = false;
  std::visit(
      [&](const auto& alternative) {
        if constexpr (requires { alternative.args; }) {
          for (const Arg& arg : alternative.args) has |= arg.value.kind == Value::Kind::kStored;
        }
      },
      message);
  return has;
}

size_t bytes_of(const ClientAnswer& answer) {
  const auto* ready = std::get_if<Ready>(&answer);
  return 128 + (ready == nullptr ? 0 : ready->value.bytes.size());
}

Error is_over() { return {ErrorCode::kNotFound, "this session is over"}; }

}  // namespace

InlineSession::InlineSession(SessionsOwner& owner, ObjectStore& store, ClientId client,
                             std::optional<KeyHash> key, std::function<void()> over)
    : owner_(owner),
      store_(store),
      client_(client),
      key_(key),
      over_(std::move(over)),
      last_heard_(now_boottime()) {}

Status InlineSession::touch() {
  if (closed_) return is_over();
  last_heard_ = now_boottime();
  return {};
}

void InlineSession::on_connection_gone() {
  if (!key_) end();
}

void InlineSession::end() {
  if (!closed_ && over_) std::exchange(over_, nullptr)();
}

void InlineSession::close() {
  closed_ = true;
  wake();
  for (auto& [number, reserved] : std::exchange(reserved_, {})) {
    for (const auto& done : reserved.waiting) done(is_over());
  }
  answers_.clear();
}

// ---- messages -----------------------------------------------------------------------------------

bool InlineSession::has_room() const {
  return answers_.size() < kMaxQueuedAnswers && answer_bytes_ < kMaxQueuedBytes;
}

Status InlineSession::take(ClientMessage&& message) {
  if (closed_) return is_over();
  if (std::holds_alternative<Done>(message) || std::holds_alternative<RequestArena>(message) ||
      std::holds_alternative<CloseArena>(message) || std::holds_alternative<Blocked>(message) ||
      std::holds_alternative<Unblocked>(message)) {
    return Error{ErrorCode::kNotAllowed, "a session without rings has no work and no arenas"};
  }
  if (largest_inline(message) > kMaxInlineInPeer || has_stored_argument(message)) {
    return Error{ErrorCode::kInvalidArgument, "a value of more than " +
                                                  std::to_string(kMaxInlineInPeer) +
                                                  " bytes in a message: reserve, write and put it"};
  }
  if (auto* put = std::get_if<Put>(&message); put && put->value.kind == Value::Kind::kStored) {
    if (const Status sealed = seal(*put); !sealed.ok()) return sealed;
  }
  if (const auto* release = std::get_if<Release>(&message)) {
    for (const CountedObject& counted : release->objects) readable_.erase(counted.object);
  }
  ++taken_;
  owner_.on_session_message(client_, std::move(message));
  return {};
}

/// Puts the extent in place of the client's number.
Status InlineSession::seal(Put& put) {
  Value& value = put.value;
  const auto found = reserved_.find(value.extent.offset);
  if (found == reserved_.end() || !found->second.extent || found->second.bytes != value.size) {
    return Error{ErrorCode::kInvalidArgument, to_string(put.object) + ": not reserved"};
  }
  value.extent = *found->second.extent;
  reserved_.erase(found);
  const std::span<uint8_t> memory = store_.memory(value.extent);
  shm::write_object_header({.kind = static_cast<uint8_t>(value.tag),
                            .element = static_cast<uint8_t>(value.tag >> 8),
                            .contained_refs = static_cast<uint32_t>(value.contains.size()),
                            .payload_bytes = value.size},
                           memory.first<shm::kObjectHeaderBytes>());
  return {};
}

// ---- answers ------------------------------------------------------------------------------------

void InlineSession::deliver(ClientAnswer&& answer) {
  if (closed_) return;
  if (const auto* granted = std::get_if<ArenaGranted>(&answer)) return on_granted(*granted);
  if (const auto* refused = std::get_if<ArenaRefused>(&answer)) return on_refused(*refused);
  if (const auto* ready = std::get_if<Ready>(&answer);
      ready && ready->value.kind == Value::Kind::kStored) {
    readable_.insert(ready->object);
  }
  answer_bytes_ += bytes_of(answer);
  answers_.push_back(std::move(answer));
  if (first_ + answers_.size() > wake_after_ + 1) wake();
}

void InlineSession::on_finished(uint64_t finished) {
  finished_ = finished;
  if (finished_ >= told_finished_ + kFinishedStep) wake();
}

void InlineSession::wake() {
  if (wake_) std::exchange(wake_, nullptr)();
}

Result<RemoteSession::Answers> InlineSession::answers(uint64_t after) {
  if (closed_) return is_over();
  const uint64_t last = first_ + answers_.size() - 1;
  if (after > last) {
    return Error{ErrorCode::kInvalidArgument, "answers that were not given cannot have arrived"};
  }
  while (first_ <= after) {
    answer_bytes_ -= bytes_of(answers_.front());
    answers_.pop_front();
    ++first_;
  }
  Answers result{first_, {}, finished_};
  told_finished_ = finished_;
  size_t bytes = 0;
  for (const ClientAnswer& answer : answers_) {
    if (bytes > kReplyBytes || result.answers.size() == kReplyAnswers) break;
    bytes += bytes_of(answer);
    result.answers.push_back(answer);
  }
  return result;
}

void InlineSession::on_answers(uint64_t after, std::function<void()> wake) {
  wake_after_ = after;
  wake_ = std::move(wake);
  const bool has_news = first_ + answers_.size() > after + 1;
  if (closed_ || has_news || finished_ >= told_finished_ + kFinishedStep) this->wake();
}

// ---- large values -------------------------------------------------------------------------------

void InlineSession::reserve(uint64_t value, uint64_t bytes, Callback<uint64_t> done) {
  if (closed_) return done(is_over());
  const auto known = reserved_.find(value);
  if (known != reserved_.end()) {  // it asks again
    if (known->second.bytes != bytes) {
      return done(Error{ErrorCode::kInvalidArgument, "this value was reserved with another size"});
    }
    if (known->second.extent) return done(value);
    return known->second.waiting.push_back(std::move(done));
  }
  if (value <= last_reserved_ || bytes > UINT64_MAX / 2) {
    return done(Error{ErrorCode::kInvalidArgument, "this value was put before"});
  }
  if (reserved_.size() == kMaxReserved) {
    return done(Error{ErrorCode::kPendingCallsLimit,
                      std::to_string(kMaxReserved) + " values are reserved and not put"});
  }
  last_reserved_ = value;
  Reserved& reserved = reserved_[value];
  reserved.bytes = bytes;
  reserved.waiting.push_back(std::move(done));
  owner_.on_session_message(
      client_, RequestArena{value, shm::kObjectHeaderBytes + bytes, RequestArena::Kind::kExtent});
}

void InlineSession::on_granted(const ArenaGranted& granted) {
  const auto found = reserved_.find(granted.request);
  if (found == reserved_.end()) return;
  found->second.extent = {granted.arena.segment, granted.arena.offset,
                          shm::kObjectHeaderBytes + found->second.bytes};
  for (const auto& done : std::exchange(found->second.waiting, {})) done(granted.request);
}

void InlineSession::on_refused(const ArenaRefused& refused) {
  const auto found = reserved_.find(refused.request);
  if (found == reserved_.end()) return;
  const Reserved reserved = std::move(found->second);
  reserved_.erase(found);
  // It may be asked for again by the same number: nobody was told that it is used up.
  if (last_reserved_ == refused.request) --last_reserved_;
  const Error full{ErrorCode::kStoreFull, store_full_text(reserved.bytes, refused)};
  for (const auto& done : reserved.waiting) done(full);
}

Status InlineSession::write(uint64_t value, uint64_t offset, ByteSpan bytes) {
  if (closed_) return is_over();
  const auto found = reserved_.find(value);
  if (found == reserved_.end() || !found->second.extent || offset > found->second.bytes ||
      bytes.size() > found->second.bytes - offset) {
    return Error{ErrorCode::kInvalidArgument, "this part belongs to no value that was reserved"};
  }
  const std::span<uint8_t> memory =
      store_.memory(*found->second.extent).subspan(shm::kObjectHeaderBytes + offset, bytes.size());
  if (bytes.empty()) return {};
  if (const Status paged = store_.reserve(memory); !paged.ok()) return paged;
  std::memcpy(memory.data(), bytes.data(), bytes.size());
  return {};
}

Result<ByteSpan> InlineSession::read(ObjectId object, uint64_t offset, uint64_t max_bytes) {
  if (closed_) return is_over();
  if (!readable_.contains(object)) {
    return Error{ErrorCode::kNotAllowed, to_string(object) + " was not answered, or was released"};
  }
  const Value* value = owner_.stored_value(object);
  if (value == nullptr || value->extent.length == 0) {
    return Error{ErrorCode::kObjectLost, to_string(object) + " is not here any more"};
  }
  const std::span<uint8_t> memory = store_.memory(value->extent);
  if (memory.size() < shm::kObjectHeaderBytes) {
    return Error{ErrorCode::kCorrupt, to_string(object) + " lies outside the store"};
  }
  const auto header = shm::read_object_header(memory);
  if (!header) return header.error();
  const ByteSpan payload = shm::object_payload(memory, *header);
  offset = std::min<uint64_t>(offset, payload.size());
  return payload.subspan(offset, std::min<uint64_t>(max_bytes, payload.size() - offset));
}

}  // namespace rayd::shell
