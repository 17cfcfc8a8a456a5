#include "client/runtime/executor.h"

#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <thread>

#include "client/runtime/job_run.h"
#include "ray/internal/executor.h"

namespace rayd::client {

namespace api = ray::internal;

namespace {

/// Copies a result out of user memory while it is alive. That it cannot be stored is no exception
/// of the user's function.
class StoringSink final : public api::ResultSink {
 public:
  explicit StoringSink(RingSession& session) : session_(session) {}
  ~StoringSink() {
    for (const Value& result : results_) session_.abandon_result(result);
  }
  void value(const api::SerializedValue& result) override {
    try {
      results_.push_back(session_.store_result(result));
    } catch (const api::RayException& refused) {
      refusal_ = refused.info();
    }
  }
  const std::shared_ptr<const api::ErrorInfo>& refusal() const { return refusal_; }
  std::vector<Value> take() { return std::move(results_); }

 private:
  RingSession& session_;
  std::vector<Value> results_;
  std::shared_ptr<const api::ErrorInfo> refusal_;
};

struct Call {
  wire::RunCall run;
  CallTemplate definition;
  uint64_t slot = 0;
};

class Executor {
 public:
  Executor(std::shared_ptr<RingSession> session, ControlSocket control)
      : session_(std::move(session)), control_(control) {}

  int run() {
    session_->set_inline_runner([this](RingSession::Work&& work) {
      if (take(std::move(work)) == Next::kEnd) ends_ = true;
    });
    while (!ends_) {
      auto work = session_->next_work();
      if (!work || take(std::move(*work)) == Next::kEnd) break;
    }
    session_->set_inline_runner({});
    stop_threads();
    std::fflush(nullptr);
    return 0;
  }

 private:
  enum class Next : uint8_t { kGoOn, kEnd };

  // From the loop, or inside of a wait of a call that it runs.
  Next take(RingSession::Work&& work) {
    if (auto* definition = std::get_if<wire::DefineCall>(&work.message)) {
      if (definition->id != definitions_.size()) return Next::kEnd;
      session_->set_runtime(definition->definition);
      definitions_.push_back(std::move(definition->definition));
      return Next::kGoOn;
    }
    auto& run = std::get<wire::RunCall>(work.message);
    if (run.call >= definitions_.size()) return Next::kEnd;
    Call call{std::move(run), definitions_[run.call], work.slot};
    if (concurrency_ > 1 && call.definition.kind == CallTemplate::Kind::kActorCall) {
      enqueue(std::move(call));
      return Next::kGoOn;
    }
    return carry_out(call);
  }

  Next carry_out(const Call& call) {
    const bool is_method = call.definition.kind == CallTemplate::Kind::kActorCall;
    CurrentCall current{call.run.task,
                        call.run.attempt,
                        call.slot,
                        call.run.actor,
                        call.run.incarnation,
                        is_method ? actor_name_space_ : call.definition.name_space,
                        false,
                        is_method ? gpus_ : call.run.gpus};
    if (!is_method) show_gpus(call.run.gpus);
    CurrentCall* const outer = std::exchange(RingSession::current_call, &current);
    Done done{call.run.task, call.run.attempt, {}, nullptr, Done::ActorExits::kNo};
    execute(call, done);
    RingSession::current_call = outer;
    if (outer != nullptr) show_gpus(outer->gpus);
    std::fflush(stdout);
    if (current.exits_actor) done.actor_exits = Done::ActorExits::kYes;
    const Next next = current.exits_actor ? Next::kEnd : Next::kGoOn;
    try {
      session_->send_done(std::move(done));
    } catch (const api::RayException&) {
      return Next::kEnd;  // the daemon is gone
    }
    return next;
  }

  /// Before the function is entered. A process of another lease never sees them: it is a new one.
  void show_gpus(const std::vector<uint32_t>& gpus) {
    gpus_ = gpus;
    if (gpus.empty()) return;
    std::string devices;
    for (const uint32_t gpu : gpus) devices += (devices.empty() ? "" : ",") + std::to_string(gpu);
    setenv("CUDA_VISIBLE_DEVICES", devices.c_str(), 1);
  }

  void execute(const Call& call, Done& done) {
    for (const Value& arg : call.run.args) {
      if (arg.kind != Value::Kind::kError) continue;
      done.error = arg.error;  // what a reference was to bring: the call fails with it
      return;
    }
    api::Execution execution;
    StoringSink sink{*session_};
    const auto arguments = session_->open_arguments(call.run.args);
    try {
      execution = dispatch(call, arguments, sink);
    } catch (const api::RayException& refused) {
      execution.end = api::Execution::End::kFailed;
      execution.error = *refused.info();
    }
    session_->close_arguments(call.run.args);
    if (sink.refusal()) {
      execution.end = api::Execution::End::kFailed;
      execution.error = *sink.refusal();
    }
    if (execution.end != api::Execution::End::kFailed) {
      done.results = sink.take();
      if (done.results.empty() && call.definition.kind != CallTemplate::Kind::kActorCreation) {
        sink.value({});  // ExitActor: the call itself ends well, without a value
        done.results = sink.take();
      }
      return;
    }
    auto error = std::make_shared<ErrorInfo>(from_api(execution.error));
    error->task = call.run.task;
    error->actor = call.run.actor;
    error->attempt = call.run.attempt;
    if (error->function.empty()) error->function = call.definition.function.name;
    done.error = std::move(error);
  }

  api::Execution dispatch(const Call& call, std::span<const api::FetchedValue> arguments,
                          StoringSink& sink) {
    if (call.definition.kind == CallTemplate::Kind::kJobRoot) return run_root(call, sink);
    const FunctionKey& key = call.definition.function;
    const api::FunctionEntry* entry = api::find_function(key.name, key.type);
    if (entry == nullptr) {
      api::throw_error(ray::ErrorCode::kFunctionNotFound,
                       "this program has no function " + key.name + " of type " + key.type);
    }
    switch (call.definition.kind) {
      case CallTemplate::Kind::kActorCreation: {
        concurrency_ = call.definition.actor.max_concurrency;
        actor_name_space_ = call.definition.name_space;
        return api::construct(*entry, arguments, instance_);
      }
      case CallTemplate::Kind::kActorCall: return api::execute(*entry, &instance_, arguments, sink);
      default: return api::execute(*entry, nullptr, arguments, sink);
    }
  }

  api::Execution run_root(const Call& call, StoringSink& sink) {
    api::Execution execution;
    try {
      const std::string json = run_job(call.definition.function.name, control_.fd);
      sink.value({api::kTextTag,
                  ByteSpan{reinterpret_cast<const uint8_t*>(json.data()), json.size()},
                  {}});
    } catch (const api::RayException&) {
      throw;
    } catch (const std::exception& failure) {
      execution.end = api::Execution::End::kFailed;
      execution.error.code = ray::ErrorCode::kTaskThrew;
      execution.error.remote_type = api::demangle(typeid(failure));
      execution.error.message = failure.what();
    } catch (...) {
      execution.end = api::Execution::End::kFailed;
      execution.error.code = ray::ErrorCode::kTaskThrew;
      execution.error.remote_type = "unknown";
      execution.error.message = "the workload threw something that is no std::exception";
    }
    return execution;
  }

  // ---- concurrent actors
  void enqueue(Call&& call) {
    if (threads_.empty()) {
      for (int i = 0; i < concurrency_; ++i) threads_.emplace_back([this] { serve(); });
    }
    {
      const std::lock_guard lock{mutex_};
      queue_.push_back(std::move(call));
    }
    queued_.notify_one();
  }

  void serve() {
    for (;;) {
      std::unique_lock lock{mutex_};
      queued_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      const Call call = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      if (carry_out(call) == Next::kEnd) std::quick_exit(0);
    }
  }

  void stop_threads() {
    {
      const std::lock_guard lock{mutex_};
      stopping_ = true;
    }
    queued_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  std::shared_ptr<RingSession> session_;
  ControlSocket control_;
  std::vector<CallTemplate> definitions_;
  api::ActorInstance instance_;
  std::string actor_name_space_;
  std::vector<uint32_t> gpus_;
  int32_t concurrency_ = 1;
  std::mutex mutex_;
  std::condition_variable queued_;
  std::deque<Call> queue_;
  bool stopping_ = false;
  bool ends_ = false;  // one that ran inside of a wait said so
  std::vector<std::thread> threads_;
};

}  // namespace

int run_executor(const std::shared_ptr<RingSession>& session, ControlSocket control) {
  return Executor{session, control}.run();
}

}  // namespace rayd::client
