// The workload `game-of-life`: plans a run, starts its actors, and turns their reports into a
// series, pictures and a result.
#include <ray/api.h>
#include <ray/workload.h>

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>

#include "models/game-of-life/checkpoint.h"
#include "models/game-of-life/ledger.h"
#include "models/game-of-life/options.h"
#include "models/game-of-life/picture.h"
#include "models/game-of-life/worker.h"
#include "models/lib/csv.h"
#include "models/lib/digest.h"
#include "models/lib/gif_file.h"
#include "models/lib/png_file.h"

namespace ray::model::life {
namespace {

using Clock = std::chrono::steady_clock;

/// The actors of a run. They hold handles of each other, so nobody's last handle would end them:
/// this does.
class Actors {
 public:
  explicit Actors(const Plan& plan) : mailbox_(Actor(Mailbox::Create).Remote()) {
    const ObjectRef<Words> words = Put(plan.encode());  // once, whatever the number of workers
    for (int64_t worker = 0; worker < plan.workers; ++worker) {
      workers_.push_back(Actor(Worker::Create).Remote(words, worker));
    }
  }
  ~Actors() {
    for (const auto& worker : workers_) end(worker);
    end(mailbox_);
  }
  Actors(const Actors&) = delete;
  Actors& operator=(const Actors&) = delete;

  void start() {
    std::vector<ObjectRef<void>> connected;
    for (const auto& worker : workers_) {
      connected.push_back(worker.Task(&Worker::Connect).Remote(workers_, mailbox_));
    }
    Get(connected);
    for (const auto& worker : workers_) worker.Task(&Worker::Start).Remote();
  }

  Words take_reports() { return *Get(mailbox_.Task(&Mailbox::Take).Remote()); }

  /// Throws when one of the workers has died.
  void check_alive() {
    if (pings_.empty()) {
      for (const auto& worker : workers_) pings_.push_back(worker.Task(&Worker::Ping).Remote());
      return;
    }
    const auto answered = Wait(pings_, static_cast<int>(pings_.size()), 0);
    for (const auto& ping : answered.ready) Get(ping);
    if (answered.unready.empty()) pings_.clear();
  }

 private:
  template <class T>
  static void end(const ActorHandle<T>& actor) {
    try {
      actor.Kill();
    } catch (const std::exception&) {
      // It is dead already, or the cluster is going: nothing is left to end.
    }
  }

  ActorHandle<Mailbox> mailbox_;
  std::vector<ActorHandle<Worker>> workers_;
  std::vector<ObjectRef<void>> pings_;
};

/// What a run leaves behind while it goes on, and at its end.
class Results {
 public:
  Results(const Options& options, const Plan& plan, Job& job)
      : options_(options), plan_(plan), job_(job) {
    series_.cell("step").cell("population").end_row();
  }

  void on_closed(Ledger& ledger) {
    for (const Ledger::Point& point : ledger.take_series()) {
      if (!is_news(point.step, series_step_)) continue;
      series_.cell(point.step).cell(point.population).end_row();
      job_.metrics(point.step, {{"population", static_cast<int64_t>(point.population)}});
    }
    for (const Ledger::Frame& frame : ledger.take_frames()) {
      if (!is_news(frame.step, frame_step_)) continue;
      const Image image = picture_of(frame, plan_.frame_scale);
      if (!film_) film_.emplace(image);
      // The last frame stands for a while before the film begins again.
      film_->add(image, {frame.step == plan_.steps ? 150 : 6});
      job_.frame(frame.step, image);
    }
    for (Ledger::State& state : ledger.take_checkpoints()) {
      const Checkpoint checkpoint{state.step, plan_.topology, plan_.rule, std::move(state.cells)};
      job_.write("checkpoint-" + std::to_string(checkpoint.step) + ".bin",
                 encode_checkpoint(checkpoint));
      last_.emplace(std::move(checkpoint));
    }
  }

  /// What a run that was broken off goes on from: the newest checkpoint, or where it began.
  void rewind(Plan& plan) {
    if (!last_) return;
    plan.first_step = last_->step;
    plan.cells_at_start = last_->cells.words();
  }

  Json finish(const Ledger& ledger) {
    if (plan_.series_every > 0) job_.write("series.csv", series_.text());
    if (!options_.rle.empty()) job_.write(options_.rle, write_rle(ledger.cells(), rule()));
    if (!options_.png.empty()) job_.write(options_.png, encode_png(picture_of(ledger.cells())));
    if (film_) job_.write(options_.gif, film_->finish());
    return Json::object()
        .set("steps", plan_.steps)
        .set("stop", "steps")
        .set("population", ledger.population())
        .set("digest", digest_text(ledger.digest()));
  }

 private:
  /// After a step that is made once more, what was told before is not told again.
  static bool is_news(uint64_t step, std::optional<uint64_t>& told) {
    if (told && step <= *told) return false;
    told = step;
    return true;
  }
  /// With the topology as Golly writes it: B3/S23:T100,60, and P for a bounded plane.
  std::string rule() const {
    return rule_text(plan_.rule) + (plan_.topology == Topology::kTorus ? ":T" : ":P") +
           std::to_string(plan_.size.width) + "," + std::to_string(plan_.size.height);
  }

  const Options& options_;
  const Plan& plan_;
  Job& job_;
  CsvWriter series_;
  std::optional<GifWriter> film_;
  std::optional<uint64_t> series_step_;
  std::optional<uint64_t> frame_step_;
  std::optional<Checkpoint> last_;
};

/// Until the last report is in. Reports are fetched, not waited for: between them the driver looks
/// whether the job was cancelled and whether all workers live.
void follow(Actors& actors, Ledger& ledger, Results& results, Job& job, uint64_t steps) {
  using std::chrono::milliseconds;
  auto pause = std::chrono::microseconds(200);
  Clock::time_point checked = Clock::now();
  while (true) {
    const Words reports = actors.take_reports();
    ledger.on_report(reports);
    results.on_closed(ledger);
    if (ledger.done()) return;
    job.progress(ledger.steps(), steps);
    if (job.cancelled()) {
      throw std::runtime_error("cancelled at step " + std::to_string(ledger.steps()));
    }
    if (Clock::now() - checked > milliseconds(500)) {
      checked = Clock::now();
      actors.check_alive();
    }
    if (!reports.empty()) pause = std::chrono::microseconds(200);
    std::this_thread::sleep_for(pause);
    pause = std::min<std::chrono::microseconds>(pause * 2, milliseconds(20));
  }
}

/// Worker and machine deaths do not end a run, unless it gets nowhere between them.
Ledger run_to_end(Plan plan, Results& results, Job& job) {
  constexpr int kMostDeaths = 3;  // since the last checkpoint
  for (int deaths = 0;;) {
    const uint64_t from = plan.first_step;
    try {
      Ledger ledger(plan);
      Actors actors(plan);
      actors.start();
      follow(actors, ledger, results, job, plan.steps);
      return ledger;
    } catch (const RayActorException& death) {
      results.rewind(plan);
      deaths = plan.first_step > from ? 1 : deaths + 1;
      if (deaths > kMostDeaths) throw;
      job.log(LogLevel::kWarn, std::string(death.what()) + "; the run goes on from step " +
                                   std::to_string(plan.first_step));
    }
  }
}

std::string size_text(int64_t width, int64_t height) {
  return std::to_string(width) + "x" + std::to_string(height);
}

}  // namespace

struct GameOfLife : Options {
  static constexpr const char* summary = "Conway's Game of Life, and every other B/S rule";

  Json run(Job& job) {
    const Plan plan = this->plan({job.seed(), job.cluster_cpus()});
    job.log(LogLevel::kInfo, size_text(plan.size.width, plan.size.height) + " cells in " +
                                 size_text(plan.tiles.across, plan.tiles.down) + " tiles on " +
                                 std::to_string(plan.workers) + " workers, " +
                                 std::to_string(plan.halo) + " steps a message, kernel " +
                                 kernels().front().name);
    const Clock::time_point begun = Clock::now();
    Results results(*this, plan, job);
    const Ledger ledger = run_to_end(plan, results, job);
    const double seconds = std::chrono::duration<double>(Clock::now() - begun).count();
    const double rate =
        static_cast<double>(plan.size.cells()) * static_cast<double>(plan.steps) / seconds;
    job.progress(plan.steps, plan.steps);
    job.log(LogLevel::kInfo, "cells_per_s " + Json(static_cast<uint64_t>(rate)).text());
    return results.finish(ledger);
  }
};

}  // namespace ray::model::life

using ray::model::life::GameOfLife;
RAY_WORKLOAD(GameOfLife, "game-of-life");
