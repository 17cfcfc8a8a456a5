#include "cli/outcome.h"

#include <algorithm>

#include "cli/exit_status.h"

namespace rayd::cli {
namespace {

/// "std::runtime_error: no seed" as a person reads it; without the type where it is in the text.
std::string message_of(const ErrorInfo& error) {
  std::string text = error.message;
  if (!error.remote_type.empty() && text.find(error.remote_type) == text.npos) {
    text = error.remote_type + ": " + text;
  }
  if (!error.function.empty() && text.find(error.function) == text.npos) {
    text = error.function + " failed: " + text;
  }
  return text;
}

}  // namespace

std::string_view state_name(JobState state) {
  constexpr std::string_view kNames[] = {"pending", "running", "succeeded", "failed", "cancelled"};
  return kNames[std::min<size_t>(static_cast<size_t>(state), std::size(kNames) - 1)];
}

std::optional<Error> error_of(const Outcome& outcome) {
  switch (outcome.cut) {
    case Outcome::Cut::kTimedOut:
      return Error{ErrorCode::kTimeout,
                   outcome.state == JobState::kRunning || outcome.state == JobState::kPending
                       ? "it has not ended within the time given"
                       : "cancelled after the time given by --timeout"};
    case Outcome::Cut::kInterrupted: return Error{ErrorCode::kCancelled, "interrupted"};
    case Outcome::Cut::kInfeasible: return Error{ErrorCode::kInfeasible, outcome.infeasible_reason};
    case Outcome::Cut::kNo: break;
  }
  if (outcome.error) return Error{outcome.error->code, message_of(*outcome.error)};
  if (outcome.state == JobState::kCancelled) return Error{ErrorCode::kCancelled, "cancelled"};
  if (outcome.state == JobState::kFailed) return Error{ErrorCode::kInternal, "failed"};
  return std::nullopt;
}

Json to_json(const Outcome& outcome) {
  Json json{Json::Object{}};
  json.set("v", 1);
  json.set("job", to_string(outcome.job));
  json.set("state", std::string(state_name(outcome.state)));
  json.set("result", outcome.result);
  Json error;
  if (const auto wrong = error_of(outcome)) {
    error.set("code", std::string(error_name(wrong->code)));
    error.set("message", wrong->message);
  }
  json.set("error", error);
  return json;
}

void read_outcome(const Json& json, Outcome& outcome) {
  const Json* state = json.find("state");
  for (const JobState known : {JobState::kSucceeded, JobState::kFailed, JobState::kCancelled}) {
    if (state != nullptr && *state == Json(state_name(known))) outcome.state = known;
  }
  if (const Json* result = json.find("result")) outcome.result = *result;
  const Json* error = json.find("error");
  if (error == nullptr || error->object() == nullptr) return;
  const auto text = [&](std::string_view key) {
    const Json* member = error->find(key);
    return member == nullptr || member->string() == nullptr ? std::string() : *member->string();
  };
  outcome.error.emplace();
  outcome.error->code = error_code_of(text("code"));
  outcome.error->message = text("message");
}

int exit_status(const Outcome& outcome) {
  const auto error = error_of(outcome);
  if (!error) return kDone;
  if (outcome.cut == Outcome::Cut::kInterrupted) return kInterrupted;
  // Parameters that only the workload itself could judge are wrong all the same.
  if (outcome.error && outcome.error->remote_type == "ray::ParameterError") return kUsage;
  // What a task threw is its failure, whatever code its text suggests to the shell.
  return outcome.cut == Outcome::Cut::kNo ? kFailed : exit_status(error->code);
}

}  // namespace rayd::cli
