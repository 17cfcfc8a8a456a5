#include "tests/sim/oracle.h"

#include <algorithm>

#include "tests/sim/trace.h"

namespace rayd::sim {
namespace {

std::vector<OutcomeRef> error_outcomes(const ScriptSpec& program, uint32_t returns) {
  std::vector<OutcomeRef> outcomes;
  for (uint32_t i = 0; i < returns; ++i) {
    auto outcome = std::make_shared<Outcome>();
    outcome->kind = Outcome::Kind::kError;
    outcome->identity = identity_of_return(program, i);
    outcomes.push_back(std::move(outcome));
  }
  return outcomes;
}

class Evaluation {
 public:
  Evaluation(const ScriptSpec& program, const OutcomeRef& actor)
      : program_(program), script_(program) {
    if (actor != nullptr) script_.fold(actor->token);
  }

  std::vector<OutcomeRef> run(const std::vector<Argument>& arguments, uint32_t returns) {
    for (const Argument& argument : arguments)
      if (argument.is_reference && argument.outcome->kind == Outcome::Kind::kError)
        return error_outcomes(program_, returns);
    for (const Argument& argument : arguments) take_argument(script_, argument, variables_);
    for (;;) {
      const Step step = script_.next();
      if (step.kind == Step::Kind::kThrow) return error_outcomes(program_, returns);
      if (step.kind == Step::Kind::kReturn) return results(step, returns);
      carry_out(step);
    }
  }

 private:
  OutcomeRef variable(int i) const { return variables_[static_cast<size_t>(i)]; }

  std::shared_ptr<Outcome> value_of(const Piece& piece) const {
    auto outcome = std::make_shared<Outcome>();
    outcome->token = outcome->identity = piece.token;
    auto& contains = outcome->contains;
    for (const int inner : piece.contains)
      if (std::none_of(contains.begin(), contains.end(), [&](const OutcomeRef& other) {
            return other->identity == variable(inner)->identity;
          }))
        contains.push_back(variable(inner));
    return outcome;
  }

  std::vector<Argument> arguments_of(const Step& step) const {
    std::vector<Argument> arguments;
    for (const Piece& piece : step.pieces) {
      const bool is_reference = piece.reference >= 0;
      arguments.push_back(
          {is_reference, is_reference ? variable(piece.reference) : value_of(piece)});
    }
    return arguments;
  }

  void add(const OutcomeRef& outcome) {
    variables_.push_back(outcome);
    script_.add(outcome->kind == Outcome::Kind::kActor ? Script::Variable::kActor
                                                       : Script::Variable::kObject);
  }

  std::vector<OutcomeRef> results(const Step& step, uint32_t returns) const {
    std::vector<OutcomeRef> outcomes;
    for (uint32_t i = 0; i < returns; ++i) {
      auto outcome = i == 0 ? value_of(step.pieces.front()) : std::make_shared<Outcome>();
      outcome->token = token_of_return(script_.result(), i);
      outcome->identity = identity_of_return(program_, i);
      outcomes.push_back(std::move(outcome));
    }
    return outcomes;
  }

  void carry_out(const Step& step) {
    switch (step.kind) {
      case Step::Kind::kSubmit:
        for (const OutcomeRef& outcome :
             evaluate(step.program, arguments_of(step), step.returns, nullptr))
          add(outcome);
        return;
      case Step::Kind::kCall:
        for (const OutcomeRef& outcome :
             evaluate(step.program, arguments_of(step), step.returns, variable(step.variable)))
          add(outcome);
        return;
      case Step::Kind::kCreate: {
        const OutcomeRef made = evaluate(step.program, arguments_of(step), 1, nullptr).front();
        auto actor = std::make_shared<Outcome>();
        actor->kind = Outcome::Kind::kActor;
        actor->is_doomed = made->kind == Outcome::Kind::kError;
        actor->token = made->token;
        actor->identity = made->identity;
        actor->call_retries = step.call_retries;
        add(actor);
        if (step.name != 0) named_[step.name] = actor;
        return;
      }
      case Step::Kind::kFind: add(named_.at(step.name)); return;
      case Step::Kind::kPut: add(value_of(step.pieces.front())); return;
      case Step::Kind::kGet: {
        const OutcomeRef outcome = variable(step.variable);
        if (step.is_ignored) return;
        script_.fold(outcome->token);
        for (const OutcomeRef& inner : outcome->contains) add(inner);
        return;
      }
      default: return;
    }
  }

  const ScriptSpec program_;
  Script script_;
  std::vector<OutcomeRef> variables_;
  std::map<uint64_t, OutcomeRef> named_;
};

}  // namespace

void take_argument(Script& script, const Argument& argument, std::vector<OutcomeRef>& variables) {
  script.fold(argument.outcome->token);
  for (const OutcomeRef& inner : argument.outcome->contains) {
    variables.push_back(inner);
    script.add(inner->kind == Outcome::Kind::kActor ? Script::Variable::kActor
                                                    : Script::Variable::kObject);
  }
}

std::vector<OutcomeRef> evaluate(const ScriptSpec& program, const std::vector<Argument>& arguments,
                                 uint32_t returns, const OutcomeRef& actor) {
  if (actor != nullptr && actor->is_doomed) return error_outcomes(program, returns);
  return Evaluation(program, actor).run(arguments, returns);
}

Oracle::Task& Oracle::add_task(TaskId id, Task&& task) {
  for (uint32_t i = 0; i < task.outcomes.size(); ++i) objects_[id.object(i + 1)] = task.outcomes[i];
  return tasks_[id] = std::move(task);
}

Oracle::Task* Oracle::find_task(TaskId id) {
  const auto it = tasks_.find(id);
  return it == tasks_.end() ? nullptr : &it->second;
}

OutcomeRef Oracle::outcome_of(ObjectId object) const {
  const auto it = objects_.find(object);
  return it == objects_.end() ? nullptr : it->second;
}

bool Oracle::was_cancelled(TaskId task) const {
  for (auto it = tasks_.find(task); it != tasks_.end(); it = tasks_.find(it->second.parent))
    if (it->second.is_cancelled) return true;
  return false;
}

std::string Oracle::judge(ObjectId object, const Value& value, uint64_t token) {
  const OutcomeRef outcome = outcome_of(object);
  std::string what;
  if (outcome == nullptr) return what = "a value for an object that nobody made";
  if (value.kind == Value::Kind::kError) return judge_error(object, *value.error);
  if (outcome->kind == Outcome::Kind::kError) return "a value where the program throws";
  if (token != outcome->token) {
    say(what, "the token ", token, " instead of ", outcome->token);
    return what;
  }
  if (value.contains.size() != outcome->contains.size()) return "another number of references";
  for (size_t i = 0; i < value.contains.size(); ++i) {
    const OutcomeRef inner = outcome_of(value.contains[i]);
    if (inner == nullptr || inner->identity != outcome->contains[i]->identity ||
        inner->kind != outcome->contains[i]->kind) {
      say(what, "another reference inside: ", value.contains[i]);
      return what;
    }
  }
  return {};
}

std::string Oracle::judge_error(ObjectId object, const ErrorInfo& error) const {
  const OutcomeRef outcome = outcome_of(object);
  const bool throws = outcome != nullptr && outcome->kind == Outcome::Kind::kError;
  if (throws && error.remote_type == kScripted) return {};
  const bool deaths =
      excuses.worker_deaths || excuses.node_deaths || excuses.suspects || excuses.groups;
  bool is_excused = false;
  switch (error.code) {
    case ErrorCode::kTaskThrew:
      is_excused = error.remote_type == kFault && (excuses.any() || throws);
      break;
    case ErrorCode::kCancelled:
      is_excused = was_cancelled(object.task()) || excuses.job_ends || deaths ||
                   excuses.head_restarts || excuses.cancels;
      break;
    case ErrorCode::kWorkerDied:
      is_excused = excuses.worker_deaths || excuses.cancels || excuses.groups;
      break;
    case ErrorCode::kInfeasible: is_excused = excuses.groups || excuses.head_restarts; break;
    case ErrorCode::kNodeDied: is_excused = excuses.node_deaths; break;
    case ErrorCode::kActorDied:
      is_excused = throws || excuses.kills || deaths || excuses.job_ends || excuses.cancels ||
                   excuses.head_restarts || excuses.start_failures || excuses.full_store;
      break;
    case ErrorCode::kOwnerDied:
    case ErrorCode::kObjectLost: is_excused = excuses.node_deaths || excuses.head_restarts; break;
    case ErrorCode::kStoreFull: is_excused = excuses.full_store; break;
    case ErrorCode::kWorkersLimit: is_excused = excuses.few_workers; break;
    case ErrorCode::kRuntimeEnv:  // also when those that start are killed, thrice in a row
      is_excused = excuses.start_failures || excuses.worker_deaths;
      break;
    default: break;
  }
  if (is_excused) return {};
  std::string what;
  say(what, "the error ", static_cast<int>(error.code), " (", error.remote_type, " ", error.message,
      ") that nothing excuses");
  return what;
}

}  // namespace rayd::sim
