#include "cli/job_follower.h"

#include <algorithm>

namespace rayd::cli {
namespace {

/// Folded lines and a drawn progress line are looked at that often.
constexpr Duration kTick = Duration::seconds(1);
/// A job that was cancelled for its timeout gets so long to end by itself.
constexpr Duration kGrace = Duration::seconds(5);

bool has_ended(JobState state) {
  return state != JobState::kPending && state != JobState::kRunning;
}

Outcome outcome_of(JobId job, const JobUpdate& update) {
  Outcome outcome;
  outcome.job = job;
  outcome.state = update.state;
  outcome.error = update.error;
  if (!update.result_json.empty()) {
    auto json = Json::parse(update.result_json);
    outcome.result = json ? std::move(*json) : Json{update.result_json};
  }
  return outcome;
}

}  // namespace

JobFollower::JobFollower(DaemonClient& client, const Output& output, FollowOptions options)
    : client_(client), options_(std::move(options)), screen_(output, options_.progress) {
  if (options_.timeout) deadline_ = now_boottime() + *options_.timeout;
}

Duration JobFollower::patience() const {
  if (!deadline_) return kTick;
  return std::clamp(*deadline_ - now_boottime(), Duration{}, kTick);
}

Result<JobUpdate> JobFollower::next() { return client_.watch(job_, cursor_, patience()); }

Status JobFollower::take_news(const JobUpdate& update) {
  cursor_ = update.cursor;
  const bool shows = options_.lines == FollowOptions::Lines::kShow;
  screen_.show(shows ? update.lines : std::vector<LogLine>{}, update.progress);
  if (!files_) return {};
  const auto paths = files_->bring(update.files);
  if (!paths) return paths.error();
  for (const std::string& path : *paths) screen_.say("wrote " + path);
  return {};
}

void JobFollower::cancel(Force force) {
  if (const Status asked = client_.cancel(job_, force); !asked.ok()) {
    screen_.say("cancel: " + asked.error().message);
  }
}

std::optional<Outcome::Cut> JobFollower::on_interrupts(int count) {
  if (count == 0) return std::nullopt;
  const bool again = cut_ == Outcome::Cut::kInterrupted || count > 1;
  if (options_.when_cut == FollowOptions::WhenCut::kLeave) return Outcome::Cut::kInterrupted;
  if (cut_ != Outcome::Cut::kInterrupted) {
    cut_ = Outcome::Cut::kInterrupted;
    cancel(Force::kNo);
    if (!again) {
      screen_.say("cancelling " + to_string(job_) +
                  "; a second Ctrl-C returns at once while that goes on");
    }
  }
  return again ? std::optional(Outcome::Cut::kInterrupted) : std::nullopt;
}

std::optional<Outcome::Cut> JobFollower::on_deadline() {
  if (!deadline_ || now_boottime() < *deadline_) return std::nullopt;
  if (options_.when_cut == FollowOptions::WhenCut::kLeave) return Outcome::Cut::kTimedOut;
  // First it may end by itself, then it is killed.
  cancel(cut_ == Outcome::Cut::kTimedOut ? Force::kYes : Force::kNo);
  cut_ = Outcome::Cut::kTimedOut;
  deadline_ = now_boottime() + kGrace;
  return std::nullopt;
}

std::optional<Outcome::Cut> JobFollower::cut_short(const JobUpdate& update) {
  if (update.infeasible && options_.infeasible == FollowOptions::Infeasible::kEnd) {
    cancel(Force::kYes);
    return Outcome::Cut::kInfeasible;
  }
  if (const auto cut = on_interrupts(interrupts_.take())) return cut;
  return on_deadline();
}

Error JobFollower::lost(const Error& error) {
  screen_.finish();
  return {error.code, "the daemon went away while " + to_string(job_) + " ran (" + error.message +
                          "); rayctl status tells whether it is back"};
}

Result<Outcome> JobFollower::follow(JobId job, const std::string& out_folder) {
  job_ = job;
  client_.set_interrupt(interrupts_.fd());
  if (!out_folder.empty()) files_.emplace(client_, job, out_folder);
  JobUpdate last;
  for (;;) {
    auto update = next();
    if (!update && update.error().code == ErrorCode::kUnavailable) return lost(update.error());
    if (!update && update.error().code != ErrorCode::kCancelled) return update.error();
    if (update) {
      last = std::move(*update);
      if (const Status taken = take_news(last); !taken.ok()) return taken.error();
      if (has_ended(last.state)) break;
    }
    if (const auto cut = cut_short(last)) {
      Outcome outcome = outcome_of(job, last);
      outcome.cut = *cut;
      outcome.infeasible_reason = last.pending_reason;
      return outcome;
    }
  }
  // What its workers printed last may have come just behind the end.
  if (const auto rest = client_.watch(job, cursor_, Duration{})) {
    if (const Status taken = take_news(*rest); !taken.ok()) return taken.error();
  }
  screen_.finish();
  Outcome outcome = outcome_of(job, last);
  if (outcome.state == JobState::kCancelled) outcome.cut = cut_;
  return outcome;
}

}  // namespace rayd::cli
