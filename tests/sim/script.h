// Script: a random program, the same every time it is run from the same seed.
//
// It says what to do next (submit, put, get, call, …) and is told what came of it; whoever runs it
// carries it out: a simulated client in the cluster, or the oracle in its head. Since both are
// asked the same things in the same order, the oracle knows what every object must contain.
//
// A script sees objects and actors as numbered variables. What it got from cancelled work it never
// uses, so its result does not depend on how a cancel went.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/random.h"

namespace rayd::sim {

/// What scripts may do, as bits; a workload is a set of them.
enum Feature : uint32_t {
  kTasks = 1,
  kPuts = 2,
  kNesting = 4,     // tasks submit tasks
  kReferences = 8,  // values contain references
  kStored = 16,     // values that go to the store
  kCancels = 32,
  kThrows = 64,
  kActors = 128,
  kKills = 256,
  kDeaths = 512,     // a first attempt ends its process
  kRestarts = 1024,  // actors with max_restarts
  kSpread = 2048,    // demands that not every node has
  kForce = 4096,     // forced cancels
  kMethod = 8192,    // of one script: an actor's method, which waits for nothing
  kNames = 16384,    // drivers name actors, and find them
  kGroups = 65536,   // drivers make placement groups, and run tasks in them
  kRoot = 32768,     // of one script: the root of a job, which begins things as a driver does
};

/// All of a script: it travels as the first argument of a task.
struct ScriptSpec {
  uint64_t seed = 0;
  uint32_t features = 0;
  uint16_t steps = 0;
  uint16_t depth = 0;
  Bytes encode() const {
    return Bytes::copy(ByteSpan{reinterpret_cast<const uint8_t*>(this), sizeof(*this)});
  }
  static ScriptSpec decode(const Bytes& bytes);
};

/// An argument: a variable by reference, or a value that contains variables.
struct Piece {
  int reference = -1;  // a variable, or −1
  uint64_t token = 0;
  std::vector<int> contains;
};

struct Step {
  enum class Kind : uint8_t {
    kSubmit,
    kPut,
    kGet,
    kWait,
    kDrop,
    kCancel,
    kCreate,
    kCall,
    kFind,
    kKill,
    kDie,
    kReturn,
    kThrow,
  };
  Kind kind = Kind::kReturn;
  int variable = -1;           // kGet, kDrop, kCancel, kCall, kKill
  std::vector<int> variables;  // kWait
  ScriptSpec program;          // kSubmit, kCreate, kCall
  std::vector<Piece> pieces;   // arguments; kPut, kReturn: the values, one each
  uint32_t returns = 1;        // kSubmit
  int32_t retries = 0;         // kSubmit; kCreate: restarts
  int32_t call_retries = 0;    // kCreate: of its calls
  uint64_t name = 0;           // kCreate, kFind; 0: none
  bool is_detached = false;    // kCreate
  bool is_forced = false;      // kCancel
  bool is_ignored = false;     // kGet: whatever comes
  uint32_t demand = 0;         // kSubmit: which one, of the workload's
  uint32_t size = 0;           // kPut, kReturn: bytes; > 1024: stored
};

class Script {
 public:
  explicit Script(const ScriptSpec& spec)
      : spec_(spec), random_(spec.seed), state_(spec.seed), is_driver_(has(kRoot)) {}

  /// What it learns: part of its result from now on.
  void fold(uint64_t token) { state_ = (state_ ^ token) * 0x9E3779B97F4A7C15u + 1; }
  enum class Variable : uint8_t { kGone, kObject, kCancelled, kActor, kKilled };
  /// Its number is the count of those before.
  int add(Variable kind) {
    if (naming_ != 0) variables_of_name_[std::exchange(naming_, 0)].push_back(size());
    variables_.push_back(kind);
    return static_cast<int>(variables_.size()) - 1;
  }
  Variable kind(int variable) const { return variables_[static_cast<size_t>(variable)]; }

  /// What to do next; after kReturn and kThrow there is nothing. For kSubmit, kPut, kCreate and
  /// kCall the runner adds the variables; a kGet folds and adds what the value contains.
  Step next();
  /// A driver's: everything it still has is read before it ends.
  void set_driver() { is_driver_ = true; }
  uint64_t result() const { return state_; }

 private:
  std::vector<int> all(Variable kind) const;
  int pick(Variable kind);
  Piece make_value();
  std::vector<Piece> make_arguments();
  ScriptSpec make_program();
  uint32_t make_size();
  Step make_submit();
  Step make_get(int variable);
  bool choose(Step& step);
  bool choose_actor_step(Step& step, uint64_t choice);
  bool make_create(Step& step);
  bool make_find(Step& step);
  void make_kill(Step& step);
  int size() const { return static_cast<int>(variables_.size()); }
  bool has(Feature feature) const { return (spec_.features & feature) != 0; }
  void forget(int variable) { variables_[static_cast<size_t>(variable)] = Variable::kGone; }

  ScriptSpec spec_;
  Random random_;
  uint64_t state_;
  uint32_t done_ = 0;
  bool is_driver_ = false;
  std::vector<Variable> variables_;
  std::map<uint64_t, std::vector<int>> variables_of_name_;  // of actors that nobody has killed
  uint64_t naming_ = 0;                                     // the next variable has this name
};

}  // namespace rayd::sim
