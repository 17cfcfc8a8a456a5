// The actors of a run: workers that hold the tiles, and the mailbox through which they report.
//
// Workers call each other and the mailbox, and never wait for an answer. A worker with much to do
// works for a while, then calls itself, so that other calls get their turn.
#pragma once

#include <ray/api.h>

#include <chrono>
#include <vector>

#include "models/game-of-life/tile_group.h"
#include "models/lib/words.h"

namespace ray::model::life {

/// Keeps reports until the driver takes them.
class Mailbox {
 public:
  static Mailbox* Create() { return new Mailbox; }
  void Put(Words report) { reports_.insert(reports_.end(), report.begin(), report.end()); }
  Words Take() { return std::exchange(reports_, {}); }

 private:
  Words reports_;
};

class Worker {
 public:
  /// `plan` is an encoded Plan.
  static Worker* Create(Words plan, int64_t worker) { return new Worker(plan, worker); }

  /// Before Start: the workers of the run in their order, this one included.
  void Connect(std::vector<ActorHandle<Worker>> workers, ActorHandle<Mailbox> mailbox);
  void Start();
  /// A message of TileGroup, from another worker.
  void Edges(Words message);
  /// From itself: go on.
  void Continue();
  /// Answers, so that the driver sees that this worker lives.
  void Ping() {}

 private:
  using Clock = std::chrono::steady_clock;

  Worker(const Words& plan, int64_t worker);
  void work();
  void send_edges();
  void send_report();
  template <class Call>
  void reporting_failure(Call call);

  int64_t worker_;
  TileGroup group_;
  std::vector<ActorHandle<Worker>> workers_;
  ActorHandle<Mailbox> mailbox_;
  Outbox out_;
  Clock::time_point reported_{};
  bool continuing_ = false;  // a call of Continue is under way
};

}  // namespace ray::model::life
