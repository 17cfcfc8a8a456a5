#include "cli/remote_call.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "cli/values.h"

namespace rayd::cli {
namespace {

constexpr Duration kFirstPatience = Duration::millis(20);
constexpr Duration kLongestPatience = Duration::millis(250);
/// A call that was cancelled gets so long to end by itself; then it is killed.
constexpr Duration kGrace = Duration::seconds(5);

Quantity quantity(double units) { return static_cast<Quantity>(std::llround(units * kUnit)); }

Status add_resources(const Json& json, ResourceSet& demand) {
  const Error wrong{
      ErrorCode::kInvalidArgument,
      "--resources wants a JSON object of numbers, such as '{\"disk\": 1}', got " + json.dump()};
  if (json.object() == nullptr) return wrong;
  for (const auto& [name, value] : *json.object()) {
    const auto units = value.number();
    if (!units || *units < 0 || *units > 1e9) return wrong;
    ResourceSet one;
    if (name == "CPU") {
      one.cpu = quantity(*units);
    } else if (name == "GPU") {
      one.gpu = quantity(*units);
    } else if (quantity(*units) != 0) {
      one.custom.emplace_back(name, quantity(*units));
    }
    demand.add(one);
  }
  return {};
}

}  // namespace

Result<ResourceSet> demand_of(const ParsedCommand& command, Quantity default_cpu) {
  ResourceSet demand;
  const auto cpus = command.number("--num-cpus");
  const auto gpus = command.number("--num-gpus");
  for (const auto& [flag, value] : {std::pair{"--num-cpus", cpus}, {"--num-gpus", gpus}}) {
    if (!value || (*value >= 0 && *value <= 1e9)) continue;
    return Error{ErrorCode::kInvalidArgument,
                 std::string(flag) + " wants 0 or more, got " + Json(*value).dump()};
  }
  demand.cpu = cpus ? quantity(*cpus) : default_cpu;
  demand.gpu = quantity(gpus.value_or(0));
  demand.memory_bytes = command.bytes("--memory").value_or(0);
  if (const auto text = command.text("--resources")) {
    const auto json = Json::parse(*text);
    if (!json) return json.error();
    if (json->find("CPU") != nullptr && !cpus) demand.cpu = 0;
    if (const Status added = add_resources(*json, demand); !added.ok()) return added.error();
  }
  return demand;
}

Result<Placement> placement_of(const ParsedCommand& command) {
  Placement placement;
  for (const std::string& text : command.all("--label")) {
    auto term = parse_label_term(text);
    if (!term) return Error{term.error().code, "--label " + term.error().message};
    placement.required.push_back(std::move(*term));
  }
  return placement;
}

Result<std::vector<std::pair<std::string, std::string>>> environment_of(
    const ParsedCommand& command, const Environment& here) {
  std::map<std::string, std::string> variables;
  for (const std::string& word : command.all("--env")) {
    const size_t equals = word.find('=');
    const std::string name = word.substr(0, equals);
    if (name.empty()) {
      return Error{ErrorCode::kInvalidArgument, "--env wants K=V or K, got '" + word + "'"};
    }
    const auto value = here.variables.find(name);
    if (equals == word.npos && value == here.variables.end()) {
      return Error{ErrorCode::kInvalidArgument,
                   "--env " + name + ": there is no such variable here; give it as " + name + "=…"};
    }
    variables[name] = equals == word.npos ? value->second : word.substr(equals + 1);
  }
  return std::vector<std::pair<std::string, std::string>>{variables.begin(), variables.end()};
}

RemoteCall::RemoteCall(DaemonClient& client, TaskSession& session, const Output& output,
                       CallOptions options)
    : client_(client),
      session_(session),
      options_(options),
      screen_(output, ProgressStyle::kNone),
      patience_(kFirstPatience),
      started_(now_boottime()) {
  client_.set_interrupt(interrupts_.fd());
  if (options_.timeout) deadline_ = started_ + *options_.timeout;
}

Status RemoteCall::want(ObjectId object) {
  return session_.send(Want{{object}, Want::Fetch::kYes});
}

Status RemoteCall::cancel(TaskId task, Cancel::Force force) {
  return session_.send(Cancel{task, force, Cancel::Recursive::kYes});
}

Result<std::optional<Value>> RemoteCall::receive(ObjectId object) {
  Duration patience = patience_;
  if (deadline_) patience = std::clamp(*deadline_ - now_boottime(), Duration{}, patience);
  auto answers = session_.receive(patience);
  if (!answers) {
    if (answers.error().code == ErrorCode::kInvalidArgument) {
      // The call was right; its value is too long to travel.
      return Error{ErrorCode::kInternal,
                   "the result cannot be brought here: " + answers.error().message +
                       "; a workload may write it to a file"};
    }
    if (answers.error().code != ErrorCode::kCancelled) return answers.error();
    // What arrived at that moment may have been lost with the call: ask again.
    if (const Status asked = want(object); !asked.ok()) return asked.error();
    return std::optional<Value>{};
  }
  std::optional<Value> value;
  for (ClientAnswer& answer : *answers) {
    if (auto* ready = std::get_if<Ready>(&answer); ready != nullptr && ready->object == object) {
      value = std::move(ready->value);
    } else if (const auto* refused = std::get_if<SessionError>(&answer)) {
      return Error{ErrorCode::kInternal, "the daemon refused a message: " + refused->message};
    }
  }
  return value;
}

void RemoteCall::show_lines() {
  const auto update = client_.watch(session_.job(), cursor_, Duration{});
  if (!update) return;  // what matters comes over the session
  cursor_ = update->cursor;
  screen_.show(update->lines, update->progress);
}

std::optional<std::string> infeasible_reason(DaemonClient& client, TaskId task) {
  const auto report = client.status();
  if (!report) return std::nullopt;
  for (const Row& row : report->pending) {
    if (row.id == to_string(task) && row.text("infeasible") == "true") {
      return row.text("pending_reason");
    }
  }
  return std::nullopt;
}

Outcome RemoteCall::cut_outcome(Outcome::Cut cut) const {
  Outcome outcome;
  outcome.job = session_.job();
  outcome.state = JobState::kCancelled;
  outcome.cut = cut;
  return outcome;
}

Result<std::optional<Outcome>> RemoteCall::cut_short(TaskId task) {
  const bool may_wait = options_.infeasible == CallOptions::Infeasible::kWait;
  if (auto reason = may_wait ? std::nullopt : infeasible_reason(client_, task)) {
    Outcome outcome = cut_outcome(Outcome::Cut::kInfeasible);
    outcome.infeasible_reason = *reason;
    return std::optional{outcome};
  }
  if (const int count = interrupts_.take(); count > 0) {
    if (cut_ == Outcome::Cut::kInterrupted || count > 1) {
      return std::optional{cut_outcome(Outcome::Cut::kInterrupted)};
    }
    cut_ = Outcome::Cut::kInterrupted;
    deadline_ = now_boottime() + kGrace;
    screen_.say("cancelling; a second Ctrl-C returns at once");
    if (const Status asked = cancel(task, Cancel::Force::kNo); !asked.ok()) return asked.error();
  }
  if (deadline_ && now_boottime() >= *deadline_) {
    const auto force = cut_ == Outcome::Cut::kNo ? Cancel::Force::kNo : Cancel::Force::kYes;
    if (cut_ == Outcome::Cut::kNo) cut_ = Outcome::Cut::kTimedOut;
    deadline_ = now_boottime() + kGrace;
    if (const Status asked = cancel(task, force); !asked.ok()) return asked.error();
  }
  return std::optional<Outcome>{};
}

Outcome RemoteCall::outcome_of(const Value& value) const {
  Outcome outcome;
  outcome.job = session_.job();
  if (value.kind == Value::Kind::kError && value.error) {
    outcome.error = *value.error;
    const bool is_cancelled = value.error->code == ErrorCode::kCancelled;
    outcome.state = is_cancelled ? JobState::kCancelled : JobState::kFailed;
    if (is_cancelled) outcome.cut = cut_;
    return outcome;
  }
  auto json = json_of_value(value);
  if (json) {
    outcome.result = std::move(*json);
  } else {
    outcome.state = JobState::kFailed;
    outcome.error.emplace();
    outcome.error->code = json.error().code;
    outcome.error->message = json.error().message;
  }
  return outcome;
}

Result<Outcome> RemoteCall::wait(TaskId task) {
  const ObjectId object = task.object(1);
  if (const Status asked = want(object); !asked.ok()) return asked.error();
  for (;;) {
    const auto value = receive(object);
    if (!value) return value.error();
    show_lines();
    if (*value) {
      screen_.finish();
      return outcome_of(**value);
    }
    const auto cut = cut_short(task);
    if (!cut) return cut.error();
    if (*cut) return **cut;
    patience_ = std::min(Duration{patience_.ns * 2}, kLongestPatience);
  }
}

}  // namespace rayd::cli
