#include "tests/sim/script.h"

#include <algorithm>
#include <cstring>
#include <iterator>

#include "common/base/check.h"

namespace rayd::sim {

ScriptSpec ScriptSpec::decode(const Bytes& bytes) {
  ScriptSpec spec;
  RAY_CHECK(bytes.size() == sizeof(spec));
  std::memcpy(&spec, bytes.data(), sizeof(spec));
  return spec;
}

std::vector<int> Script::all(Variable kind) const {
  std::vector<int> found;
  for (size_t i = 0; i < variables_.size(); ++i)
    if (variables_[i] == kind) found.push_back(static_cast<int>(i));
  return found;
}

int Script::pick(Variable kind) {
  const std::vector<int> found = all(kind);
  return found.empty() ? -1 : found[random_.below(found.size())];
}

// A value, with references inside if the workload has such.
Piece Script::make_value() {
  Piece piece;
  piece.token = random_.next();
  if (!has(kReferences)) return piece;
  for (const Variable kind : {Variable::kObject, Variable::kActor})
    for (const int variable : all(kind))
      if (piece.contains.size() < 3 && random_.chance(1, 4)) piece.contains.push_back(variable);
  return piece;
}

std::vector<Piece> Script::make_arguments() {
  std::vector<Piece> pieces;
  for (uint64_t count = random_.below(4); count > 0; --count) {
    const int variable = random_.chance(2, 3) ? pick(Variable::kObject) : -1;
    if (variable < 0) {
      pieces.push_back(make_value());
    } else {
      pieces.emplace_back();
      pieces.back().reference = variable;
    }
  }
  return pieces;
}

ScriptSpec Script::make_program() {
  ScriptSpec program;
  program.seed = random_.next();
  program.features = spec_.features & ~uint32_t{kMethod | kRoot | kNames};
  program.depth = spec_.depth > 0 ? static_cast<uint16_t>(spec_.depth - 1) : 0;
  program.steps = static_cast<uint16_t>(random_.below(program.depth == 0 ? 2 : 5));
  return program;
}

uint32_t Script::make_size() {
  if (!has(kStored) || random_.chance(2, 3)) return 16;
  return static_cast<uint32_t>(random_.chance(1, 4) ? 20'000 + random_.below(80'000)
                                                    : 1'100 + random_.below(8'000));
}

Step Script::make_submit() {
  Step step;
  step.kind = Step::Kind::kSubmit;
  step.program = make_program();
  step.pieces = make_arguments();
  step.returns = random_.chance(1, 6) ? static_cast<uint32_t>(random_.below(4)) : 1;
  step.retries = random_.chance(1, 3) ? 0 : 3;
  step.demand = has(kSpread) ? static_cast<uint32_t>(random_.below(5)) : 0;
  // Only CPUs are lent: who holds another thing and waits for a task that needs it waits for ever.
  if (step.demand == 3) step.program.steps = 0;
  return step;
}

Step Script::make_get(int variable) {
  Step step;
  step.kind = Step::Kind::kGet;
  step.variable = variable;
  step.is_ignored = kind(variable) == Variable::kCancelled;
  return step;
}

// False: this choice is not open now.
bool Script::choose(Step& step) {
  const uint64_t choice = random_.below(100);
  const bool may_submit = has(kTasks) && (is_driver_ || (has(kNesting) && spec_.depth > 0));
  if (choice < 30) {
    if (may_submit) step = make_submit();
    return may_submit;
  }
  if (choice < 42) {
    step.kind = Step::Kind::kPut;
    step.pieces = {make_value()};
    step.size = make_size();
    return has(kPuts);
  }
  if (choice < 58) {
    if (has(kMethod)) return false;
    const int variable = pick(random_.chance(1, 5) ? Variable::kCancelled : Variable::kObject);
    if (variable >= 0) step = make_get(variable);
    return variable >= 0;
  }
  if (choice < 62) {
    step.kind = Step::Kind::kWait;
    step.variables = all(Variable::kObject);
    return !has(kMethod) && !step.variables.empty();
  }
  if (choice < 70) {
    step.kind = Step::Kind::kDrop;
    step.variable = pick(random_.chance(1, 5) ? Variable::kActor : Variable::kObject);
    if (step.variable >= 0) forget(step.variable);
    return step.variable >= 0;
  }
  if (choice < 75) {
    if (!has(kCancels)) return false;
    step.kind = Step::Kind::kCancel;
    step.variable = pick(Variable::kObject);
    step.is_forced = has(kForce) && random_.chance(1, 2);
    if (step.variable >= 0) variables_[static_cast<size_t>(step.variable)] = Variable::kCancelled;
    return step.variable >= 0;
  }
  return has(kActors) && choose_actor_step(step, choice);
}

bool Script::choose_actor_step(Step& step, uint64_t choice) {
  if (choice < 80) return make_create(step);
  if (choice < 83 && has(kNames) && is_driver_) return make_find(step);
  step.variable = pick(Variable::kActor);
  if (step.variable < 0) return false;
  if (choice < 98 || !has(kKills)) {
    const int actor = step.variable;
    step = make_submit();
    step.kind = Step::Kind::kCall;
    step.variable = actor;
    // One that waited might wait for a call that comes after it.
    step.program.features |= kMethod;
  } else {
    make_kill(step);
  }
  return true;
}

bool Script::make_create(Step& step) {
  step = make_submit();
  step.kind = Step::Kind::kCreate;
  step.program.depth = 0;
  step.program.steps = 0;
  step.retries = has(kRestarts) ? static_cast<int32_t>(random_.below(3)) : 0;
  step.call_retries = has(kRestarts) ? static_cast<int32_t>(random_.below(3)) : 0;
  // What is begun a second time would find its name taken: roots and tasks name nothing.
  if (!has(kNames) || !is_driver_ || has(kRoot) || random_.chance(1, 2))
    return is_driver_ || spec_.depth > 0;
  step.name = naming_ = random_.next() | 1;
  step.is_detached = random_.chance(1, 2);
  step.program.features &= ~uint32_t{kThrows};
  step.pieces.clear();  // one that failed would end it, and its name
  return true;
}

bool Script::make_find(Step& step) {
  if (variables_of_name_.empty()) return false;
  const auto it = std::next(variables_of_name_.begin(),
                            static_cast<ptrdiff_t>(random_.below(variables_of_name_.size())));
  step.kind = Step::Kind::kFind;
  step.name = naming_ = it->first;
  return true;
}

void Script::make_kill(Step& step) {
  step.kind = Step::Kind::kKill;
  std::vector<int> killed{step.variable};
  for (auto it = variables_of_name_.begin(); it != variables_of_name_.end(); ++it) {
    const std::vector<int>& same = it->second;
    if (std::find(same.begin(), same.end(), step.variable) == same.end()) continue;
    killed = same;
    variables_of_name_.erase(it);
    break;
  }
  for (const int variable : killed)
    if (kind(variable) == Variable::kActor)
      variables_[static_cast<size_t>(variable)] = Variable::kKilled;
}

Step Script::next() {
  Step step;
  if (done_ == 0 && has(kDeaths) && !is_driver_ && random_.chance(1, 12)) {
    step.kind = Step::Kind::kDie;  // the first attempt does; the others go on
    ++done_;
    return step;
  }
  while (done_ < spec_.steps) {
    ++done_;
    if (choose(step)) return step;
    step = Step{};
  }
  if (is_driver_) {
    for (const Variable kind : {Variable::kObject, Variable::kCancelled}) {
      const int variable = pick(kind);
      if (variable < 0) continue;
      step = make_get(variable);
      if (kind == Variable::kObject)
        variables_[static_cast<size_t>(variable)] = Variable::kGone;
      else
        forget(variable);
      return step;
    }
  }
  if (has(kThrows) && !is_driver_ && random_.chance(1, 8)) {
    step.kind = Step::Kind::kThrow;
    return step;
  }
  step.kind = Step::Kind::kReturn;
  step.pieces = {make_value()};
  step.size = make_size();
  return step;
}

}  // namespace rayd::sim
