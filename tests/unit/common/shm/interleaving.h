// Tries every interleaving of two small programs over a weak memory, as an atomics policy.
//
// The memory is that of C++ release/acquire (views, without load buffering): every word keeps all
// values it ever had; a load may return any that is not older than what its thread knows. A release
// store carries what its thread knows, an acquire load that reads it learns that, and sequentially
// consistent fences pass everything known from each to all later ones. So a publication without
// release, a read without acquire or a missing fence shows as a schedule that goes wrong, on any
// machine.
//
// A program is an ordinary function. It is run again from its beginning with the answers its
// operations got so far, until it asks for one more: then it is unwound by an exception. So a state
// is a value, and states met before are not visited again.
#pragma once

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <functional>
#include <set>
#include <string>
#include <unordered_set>
#include <vector>

#include "common/base/check.h"
#include "common/shm/atomics.h"

namespace rayd::shm::interleaving {

constexpr size_t kWords = 10;
constexpr size_t kThreads = 2;

/// Each side of a pair can be made weaker, to show that the test notices.
enum class Flaw { kNone, kNoFenceInFirst, kNoFenceInSecond, kRelaxedStores, kRelaxedLoads };

struct Operation {
  enum class Kind : uint8_t { kLoad, kStore, kExchange, kFence, kRing, kSleep, kEnd };
  Kind kind = Kind::kEnd;
  size_t word = 0;       // or the number of the doorbell
  bool ordered = false;  // acquire or release
  uint64_t value = 0;
  Exchange exchange;
};

/// What the programs address. Its bytes are never used; only the place of a word counts.
inline uint64_t shared_words[kWords];
inline uint64_t* word_at(size_t index) { return shared_words + index; }

/// The run of one program: its past answers, then an operation that has none yet.
struct Replay {
  struct Unfinished {
    Operation operation;
  };
  std::vector<uint64_t>* answers = nullptr;
  /// Carries out what nobody else can notice; false for what they can.
  std::function<bool(const Operation&)> perform_now;
  size_t next = 0;
  size_t* marked = nullptr;
  std::string* mark_text = nullptr;

  inline static Replay* current = nullptr;
  static uint64_t perform(const Operation& operation) { return current->answer(operation); }

  /// At the head of a loop: all that the program still knows of its past are these values (without
  /// padding). Two
  /// pasts that led to the same then count as one. Leaving something out is the mistake to avoid.
  template <class... Objects>
  static void mark(const Objects&... objects) {
    *current->marked = current->next;
    current->mark_text->clear();
    (current->mark_text->append(reinterpret_cast<const char*>(&objects), sizeof objects), ...);
  }

 private:
  uint64_t answer(const Operation& operation) {
    if (next == answers->size()) {
      if (!perform_now(operation)) throw Unfinished{operation};
      answers->push_back(0);
    }
    return (*answers)[next++];
  }
};

/// The policy.
struct ScheduledAtomics {
  using Kind = Operation::Kind;
  static size_t index(const void* address) {
    const auto offset =
        static_cast<const uint8_t*>(address) - reinterpret_cast<const uint8_t*>(shared_words);
    RAY_CHECK(offset >= 0 && offset % 8 == 0 && offset < static_cast<ptrdiff_t>(8 * kWords));
    return static_cast<size_t>(offset) / 8;
  }
  static uint64_t load_acquire(const uint64_t* word) {
    return Replay::perform({.kind = Kind::kLoad, .word = index(word), .ordered = true});
  }
  static uint64_t load_relaxed(const uint64_t* word) {
    return Replay::perform({.kind = Kind::kLoad, .word = index(word)});
  }
  static void store_release(uint64_t* word, uint64_t value) {
    Replay::perform({.kind = Kind::kStore, .word = index(word), .ordered = true, .value = value});
  }
  static void store_relaxed(uint64_t* word, uint64_t value) {
    Replay::perform({.kind = Kind::kStore, .word = index(word), .value = value});
  }
  static bool compare_exchange(uint64_t* word, Exchange exchange) {
    return Replay::perform({.kind = Kind::kExchange, .word = index(word), .exchange = exchange});
  }
  static void fence() { Replay::perform({.kind = Kind::kFence}); }
  static void copy_in(uint8_t* shared, const uint8_t* from, size_t size) {
    for (size_t done = 0; done < size; done += 8) {
      uint64_t value = 0;
      std::memcpy(&value, from + done, 8);
      store_relaxed(reinterpret_cast<uint64_t*>(shared + done), value);
    }
  }
  static void copy_out(uint8_t* to, const uint8_t* shared, size_t size) {
    for (size_t done = 0; done < size; done += 8) {
      const uint64_t value = load_relaxed(reinterpret_cast<const uint64_t*>(shared + done));
      std::memcpy(to + done, &value, 8);
    }
  }
};

/// Doorbells of the programs, by number.
struct ScheduledBell {
  size_t number;
  void ring() const { Replay::perform({.kind = Operation::Kind::kRing, .word = number}); }
  void sleep() const { Replay::perform({.kind = Operation::Kind::kSleep, .word = number}); }
};

using Outcome = std::vector<uint64_t>;
using Program = std::function<Outcome()>;

struct Report {
  uint64_t states = 0;
  uint64_t ends = 0;               // states in which both programs had finished
  uint64_t wrong = 0;              // of these, with an outcome that `verify` refused
  uint64_t stuck = 0;              // states in which nobody could go on: a lost wake-up
  std::set<std::string> outcomes;  // distinct ones, as text
};

class Explorer {
 public:
  using Verify = std::function<bool(const Outcome&, const Outcome&)>;

  /// `contended` are the words that both programs write.
  Explorer(std::array<Program, kThreads> programs, Verify verify, std::set<size_t> contended,
           Flaw flaw)
      : programs_(std::move(programs)),
        verify_(std::move(verify)),
        contended_(std::move(contended)),
        flaw_(flaw) {}

  enum class Until { kAllIsSeen, kFailure };
  Report explore(Until until = Until::kAllIsSeen);

 private:
  using View = std::array<uint8_t, kWords>;  // of each word, which of its values is known
  struct Message {
    uint64_t value = 0;
    View view{};
  };
  struct Bell {
    uint8_t rings = 0;
    View view{};
  };
  struct Thread {
    std::vector<uint64_t> answers;
    size_t marked = 0;  // answers before this one live on only in the mark
    std::string mark;
    View view{};
    Operation pending;
    Outcome outcome;
  };
  struct State {
    std::array<std::vector<Message>, kWords> words;
    std::array<Bell, 2> bells;
    View fences{};
    std::array<Thread, kThreads> threads;
  };

  static void learn(View& view, const View& more) {
    for (size_t word = 0; word < kWords; ++word) view[word] = std::max(view[word], more[word]);
  }
  bool has_fences(size_t thread) const {
    return !(flaw_ == Flaw::kNoFenceInFirst && thread == 0) &&
           !(flaw_ == Flaw::kNoFenceInSecond && thread == 1);
  }
  void run(State& state, size_t thread) const;
  void answer(State state, size_t thread, uint64_t value, std::vector<State>& todo);
  void store(State& state, size_t thread) const;
  bool step(const State& state, size_t thread, std::vector<State>& todo);
  void load(const State& state, size_t thread, std::vector<State>& todo);
  void exchange(State state, size_t thread, std::vector<State>& todo);
  void finish(const State& state);
  static uint64_t key_of(const State& state);

  std::array<Program, kThreads> programs_;
  Verify verify_;
  std::set<size_t> contended_;
  Flaw flaw_;
  Report report_;
  std::unordered_set<uint64_t> seen_;
};

inline Report Explorer::explore(Until until) {
  State start;
  for (auto& word : start.words) word.push_back({});
  std::vector<State> todo;
  run(start, 0);
  run(start, 1);
  todo.push_back(std::move(start));
  while (!todo.empty()) {
    if (until == Until::kFailure && report_.wrong + report_.stuck > 0) break;
    const State state = std::move(todo.back());
    todo.pop_back();
    if (!seen_.insert(key_of(state)).second) continue;
    ++report_.states;
    bool moved = false, ended = true;
    for (size_t thread = 0; thread < kThreads; ++thread) {
      if (state.threads[thread].pending.kind == Operation::Kind::kEnd) continue;
      ended = false;
      moved = step(state, thread, todo) || moved;
    }
    if (ended)
      finish(state);
    else if (!moved)
      ++report_.stuck;
  }
  return report_;
}

/// Runs a program to its next operation that others can notice. Stores to a word that has one
/// writer are done at once: whoever could have loaded before them can still load the older value.
inline void Explorer::run(State& state, size_t thread) const {
  Thread& self = state.threads[thread];
  Replay replay{.answers = &self.answers,
                .perform_now =
                    [&](const Operation& operation) {
                      if (operation.kind == Operation::Kind::kFence) return !has_fences(thread);
                      if (operation.kind != Operation::Kind::kStore) return false;
                      if (contended_.contains(operation.word)) return false;
                      self.pending = operation;
                      store(state, thread);
                      return true;
                    },
                .marked = &self.marked,
                .mark_text = &self.mark};
  Replay::current = &replay;
  try {
    self.outcome = programs_[thread]();
    self.pending = {};
  } catch (const Replay::Unfinished& unfinished) {
    self.pending = unfinished.operation;
  }
}

inline void Explorer::store(State& state, size_t thread) const {
  Thread& self = state.threads[thread];
  const size_t word = self.pending.word;
  const auto stamp = static_cast<uint8_t>(state.words[word].size());
  self.view[word] = stamp;
  Message message{.value = self.pending.value};
  if (self.pending.ordered && flaw_ != Flaw::kRelaxedStores) message.view = self.view;
  message.view[word] = stamp;
  state.words[word].push_back(message);
}

inline void Explorer::answer(State state, size_t thread, uint64_t value, std::vector<State>& todo) {
  state.threads[thread].answers.push_back(value);
  run(state, thread);
  todo.push_back(std::move(state));
}

/// Adds what may come of the thread's pending operation; false when it has to wait.
inline bool Explorer::step(const State& state, size_t thread, std::vector<State>& todo) {
  const Operation& operation = state.threads[thread].pending;
  State next;
  switch (operation.kind) {
    case Operation::Kind::kLoad: load(state, thread, todo); return true;
    case Operation::Kind::kExchange: exchange(state, thread, todo); return true;
    case Operation::Kind::kStore:
      next = state;
      store(next, thread);
      answer(std::move(next), thread, 0, todo);
      return true;
    case Operation::Kind::kFence:
      next = state;
      learn(next.threads[thread].view, next.fences);
      next.fences = next.threads[thread].view;
      answer(std::move(next), thread, 0, todo);
      return true;
    case Operation::Kind::kRing:
      next = state;
      ++next.bells[operation.word].rings;
      learn(next.bells[operation.word].view, next.threads[thread].view);
      answer(std::move(next), thread, 0, todo);
      return true;
    case Operation::Kind::kSleep:
      if (state.bells[operation.word].rings == 0) return false;
      next = state;
      next.bells[operation.word].rings = 0;
      learn(next.threads[thread].view, next.bells[operation.word].view);
      answer(std::move(next), thread, 0, todo);
      return true;
    case Operation::Kind::kEnd: break;
  }
  return false;
}

inline void Explorer::load(const State& state, size_t thread, std::vector<State>& todo) {
  const Operation& operation = state.threads[thread].pending;
  const auto& messages = state.words[operation.word];
  for (size_t stamp = state.threads[thread].view[operation.word]; stamp < messages.size();
       ++stamp) {
    State next = state;
    View& view = next.threads[thread].view;
    view[operation.word] = static_cast<uint8_t>(stamp);
    if (operation.ordered && flaw_ != Flaw::kRelaxedLoads) learn(view, messages[stamp].view);
    answer(std::move(next), thread, messages[stamp].value, todo);
  }
}

/// Acquires and releases. One that succeeds follows the newest value; one that fails is a load.
inline void Explorer::exchange(State state, size_t thread, std::vector<State>& todo) {
  const Operation operation = state.threads[thread].pending;
  const auto& messages = state.words[operation.word];
  for (size_t stamp = state.threads[thread].view[operation.word]; stamp < messages.size();
       ++stamp) {
    const Message& read = messages[stamp];
    const bool matches = read.value == operation.exchange.from;
    if (matches && stamp + 1 < messages.size()) continue;  // somebody else followed it already
    State next = state;
    Thread& self = next.threads[thread];
    learn(self.view, read.view);
    self.view[operation.word] = static_cast<uint8_t>(stamp);
    if (matches) {
      self.view[operation.word] = static_cast<uint8_t>(stamp + 1);
      next.words[operation.word].push_back({.value = operation.exchange.to, .view = self.view});
    }
    answer(std::move(next), thread, matches ? 1 : 0, todo);
  }
}

inline void Explorer::finish(const State& state) {
  ++report_.ends;
  std::string text;
  for (const Thread& thread : state.threads) {
    for (const uint64_t value : thread.outcome) text += std::to_string(value) + " ";
    text += "| ";
  }
  report_.outcomes.insert(text);
  if (!verify_(state.threads[0].outcome, state.threads[1].outcome)) ++report_.wrong;
}

/// Equal for states from which the same can follow: what no thread can read any more is left out,
/// and stamps count from the oldest value that one can.
inline uint64_t Explorer::key_of(const State& state) {
  std::string key;
  const auto add = [&key](const auto& value) {
    key.append(reinterpret_cast<const char*>(&value), sizeof value);
  };
  View base;
  for (size_t word = 0; word < kWords; ++word) {
    base[word] = std::min(state.threads[0].view[word], state.threads[1].view[word]);
  }
  const auto add_view = [&](View view) {
    for (size_t word = 0; word < kWords; ++word) {
      view[word] = static_cast<uint8_t>(std::max(view[word], base[word]) - base[word]);
    }
    add(view);
  };
  for (size_t word = 0; word < kWords; ++word) {
    add(static_cast<uint8_t>(state.words[word].size() - base[word]));
    for (size_t stamp = base[word]; stamp < state.words[word].size(); ++stamp) {
      add(state.words[word][stamp].value);
      add_view(state.words[word][stamp].view);
    }
  }
  for (const Bell& bell : state.bells) {
    add(bell.rings > 0);
    add_view(bell.view);
  }
  add_view(state.fences);
  for (const Thread& thread : state.threads) {
    add(thread.answers.size() - thread.marked);
    for (size_t i = thread.marked; i < thread.answers.size(); ++i) add(thread.answers[i]);
    add(thread.mark.size());
    key += thread.mark;
    for (const uint64_t value : thread.outcome) add(value);
    add_view(thread.view);
  }
  return XXH3_64bits(key.data(), key.size());
}

}  // namespace rayd::shm::interleaving
