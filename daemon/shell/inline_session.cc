#include "daemon/shell/inline_session.h"

#include <utility>

#include "daemon/shell/daemon_core.h"

namespace rayd::shell {
namespace {

constexpr size_t kMaxQueuedAnswers = 10'000;

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

}  // namespace

InlineSession::~InlineSession() { daemon_.session_ended(client_); }

Status InlineSession::send(ClientMessage&& message) {
  if (std::holds_alternative<Done>(message) || std::holds_alternative<RequestArena>(message) ||
      std::holds_alternative<CloseArena>(message)) {
    return Error{ErrorCode::kNotAllowed, "a session without rings has no work and no arenas"};
  }
  if (largest_inline(message) > kMaxInlineInPeer) {
    return Error{ErrorCode::kInvalidArgument, "a value of more than " +
                                                  std::to_string(kMaxInlineInPeer) +
                                                  " bytes in a session without shared memory"};
  }
  if (answers_.size() > kMaxQueuedAnswers) {
    return Error{ErrorCode::kPendingCallsLimit, "this session does not take its answers"};
  }
  daemon_.feed(NodeInput{FromClient{client_, std::move(message)}});
  return {};
}

void InlineSession::deliver(ClientAnswer&& answer) {
  if (auto* ready = std::get_if<Ready>(&answer);
      ready && ready->value.kind == Value::Kind::kStored) {
    const auto bytes = daemon_.store().read(ready->value.extent);
    if (bytes) {
      ready->value.kind = Value::Kind::kInline;
      ready->value.bytes = *bytes;
      ready->value.extent = {};
    } else {
      ready->value = Value::of_error(make_error(bytes.error().code, bytes.error().message));
    }
  }
  answers_.push_back(std::move(answer));
  if (wake_) std::exchange(wake_, nullptr)();
}

std::vector<ClientAnswer> InlineSession::take_answers() { return std::exchange(answers_, {}); }

void InlineSession::on_answers(std::function<void()> wake) {
  if (!answers_.empty()) {
    wake();
  } else {
    wake_ = std::move(wake);
  }
}

}  // namespace rayd::shell
