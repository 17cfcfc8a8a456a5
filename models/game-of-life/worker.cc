#include "models/game-of-life/worker.h"

#include <exception>
#include <string>

#include "models/game-of-life/ledger.h"

namespace ray::model::life {
namespace {

constexpr auto kTurn = std::chrono::milliseconds(20);

}  // namespace

Worker::Worker(const Words& plan, int64_t worker)
    : worker_(worker), group_(Plan::decode(plan), worker) {}

/// Nobody waits for these calls, so an exception would be seen by nobody: it goes to the driver.
template <class Call>
void Worker::reporting_failure(Call call) {
  try {
    call();
  } catch (const std::exception& error) {
    Words report;
    report_failure("worker " + std::to_string(worker_) + ": " + error.what(), report);
    mailbox_.Task(&Mailbox::Put).Remote(report);
  }
}

void Worker::Connect(std::vector<ActorHandle<Worker>> workers, ActorHandle<Mailbox> mailbox) {
  workers_ = std::move(workers);
  mailbox_ = std::move(mailbox);
}

void Worker::Start() {
  reporting_failure([this] {
    group_.start(out_);
    send_edges();
    work();
  });
}

void Worker::Edges(Words message) {
  reporting_failure([&] {
    group_.on_edges(message);
    if (!continuing_) work();
  });
}

void Worker::Continue() {
  reporting_failure([this] {
    continuing_ = false;
    work();
  });
}

void Worker::work() {
  const Clock::time_point until = Clock::now() + kTurn;
  Clock::time_point now = until - kTurn;
  while (group_.ready() && now < until) {
    group_.advance(out_);
    send_edges();
    now = Clock::now();
  }
  if (group_.done() || now - reported_ >= kTurn) {
    reported_ = now;
    send_report();
  }
  if (group_.ready()) {
    continuing_ = true;
    workers_[static_cast<size_t>(worker_)].Task(&Worker::Continue).Remote();
  }
}

void Worker::send_edges() {
  for (const auto& [worker, message] : out_.edges) {
    workers_[static_cast<size_t>(worker)].Task(&Worker::Edges).Remote(message);
  }
  out_.edges.clear();
}

void Worker::send_report() {
  group_.finish_report(out_);
  mailbox_.Task(&Mailbox::Put).Remote(out_.report);
  out_.report.clear();
}

}  // namespace ray::model::life

using ray::model::life::Mailbox;
using ray::model::life::Worker;
RAY_REMOTE(Mailbox::Create, &Mailbox::Put, &Mailbox::Take);
RAY_REMOTE(Worker::Create, &Worker::Connect, &Worker::Start, &Worker::Edges, &Worker::Continue,
           &Worker::Ping);
