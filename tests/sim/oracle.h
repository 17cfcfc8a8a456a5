// Oracle: what every object must contain, known from the moment its task is submitted, and which
// errors the faults of this run excuse.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "common/types/resources.h"
#include "common/types/value.h"
#include "tests/sim/script.h"

namespace rayd::sim {

/// What a correct run gives.
struct Outcome {
  enum class Kind : uint8_t { kValue, kError, kActor };
  Kind kind = Kind::kValue;
  uint64_t token = 0;
  uint64_t identity = 0;  // which object: a repeated reference is the same one
  std::vector<std::shared_ptr<const Outcome>> contains;
  bool is_doomed = false;    // kActor: its constructor throws
  int32_t call_retries = 0;  // kActor: max_task_retries
};
using OutcomeRef = std::shared_ptr<const Outcome>;

/// An argument as the oracle sees it.
struct Argument {
  bool is_reference = false;
  OutcomeRef outcome;
};

/// What a program gives for these arguments; `actor`: whose method it is. One outcome a return.
std::vector<OutcomeRef> evaluate(const ScriptSpec& program, const std::vector<Argument>& arguments,
                                 uint32_t returns, const OutcomeRef& actor);
/// Folds arguments as a run does, and adds the variables they bring.
void take_argument(Script& script, const Argument& argument, std::vector<OutcomeRef>& variables);
/// Which object a program's return number i is.
inline uint64_t identity_of_return(const ScriptSpec& program, uint32_t i) {
  return program.seed + 0x1000003u * (i + 1);
}
/// The token that follows `token` for return number i.
inline uint64_t token_of_return(uint64_t token, uint32_t i) { return token + 0x1000003u * i; }

/// What happened in this run, so that an error may be due to it.
struct Excuses {
  bool cancels = false;
  bool worker_deaths = false;
  bool node_deaths = false;
  bool suspects = false;
  bool kills = false;
  bool client_deaths = false;  // in the midst of their programs
  bool job_ends = false;       // what was left of a job was cancelled
  bool full_store = false;
  bool start_failures = false;
  bool head_restarts = false;
  bool groups = false;       // one was removed, with what ran in it
  bool few_workers = false;  // max_workers is small: waits may fail
  bool any() const {
    return cancels || worker_deaths || node_deaths || suspects || kills || client_deaths ||
           full_store || start_failures || head_restarts || groups || few_workers;
  }
};

class Oracle {
 public:
  struct Task {
    std::vector<OutcomeRef> outcomes;  // of its returns
    std::vector<Argument> arguments;
    TaskId parent;  // nil: a driver's
    ClientId caller;
    int32_t retries = 0;
    ResourceSet demand;
    uint32_t starts = 0;        // claims, ever
    bool is_cancelled = false;  // somebody asked
    ActorId actor;              // a call of it
    OutcomeRef actor_outcome;
  };

  Task& add_task(TaskId id, Task&& task);
  Task* find_task(TaskId id);
  void add_object(ObjectId object, OutcomeRef outcome) { objects_[object] = std::move(outcome); }
  /// nullptr: nobody made it.
  OutcomeRef outcome_of(ObjectId object) const;

  /// A script's error for what it did not expect.
  static constexpr const char* kScripted = "scripted";
  static constexpr const char* kFault = "fault";

  /// Empty, or what is wrong with this value of the object. `token`: what its bytes say.
  std::string judge(ObjectId object, const Value& value, uint64_t token);
  /// Empty, or why this error cannot be.
  std::string judge_error(ObjectId object, const ErrorInfo& error) const;
  /// Somebody cancelled it, or what submitted it.
  bool was_cancelled(TaskId task) const;

  Excuses excuses;

 private:
  std::map<TaskId, Task> tasks_;
  std::map<ObjectId, OutcomeRef> objects_;
};

}  // namespace rayd::sim
