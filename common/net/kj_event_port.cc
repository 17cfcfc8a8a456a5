#include "common/net/kj_event_port.h"

#include <utility>

#include <kj/debug.h>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <atomic>

namespace rayd {
namespace {

constexpr uint32_t kTurnsInARow = 512;  // then Asio's other handlers have their turn

}  // namespace

class KjLoop::Port final : public kj::EventPort, public std::enable_shared_from_this<Port> {
 public:
  explicit Port(boost::asio::io_context& io) : io_(io), work_(io.get_executor()) {}

  void attach(kj::EventLoop& loop, kj::WaitScope& scope) {
    loop_ = &loop;
    scope_ = &scope;
  }
  void detach() {
    loop_ = nullptr;
    work_.reset();
  }

  bool wait() override {
    KJ_REQUIRE(io_.run_one() > 0, "the io_context was stopped while a promise was waited for");
    return woken_.exchange(false);
  }

  bool poll() override {
    if (!running_) io_.poll();
    return woken_.exchange(false);
  }

  void setRunnable(bool runnable) override {
    if (runnable) post();
  }

  void wake() const override {
    woken_ = true;
    const_cast<Port*>(this)->post_wake();  // what it does, it does in the loop's thread
  }

  void run_ready() {
    if (running_ || loop_ == nullptr) return;
    running_ = true;
    // poll() alone looks at what other threads sent, and it does not notice that it left the loop
    // empty; run() does.
    if (woken_) scope_->poll();
    loop_->run(kTurnsInARow);
    running_ = false;
    if (loop_->isRunnable()) post();
  }

 private:
  /// In the loop's thread.
  void post() {
    if (std::exchange(posted_, true)) return;
    boost::asio::post(io_, [self = shared_from_this()] {
      self->posted_ = false;
      self->run_ready();
    });
  }

  void post_wake() {
    boost::asio::post(io_, [self = shared_from_this()] { self->run_ready(); });
  }

  boost::asio::io_context& io_;
  // Without work an io_context counts as stopped, and would not run what is posted later.
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  kj::EventLoop* loop_ = nullptr;
  kj::WaitScope* scope_ = nullptr;
  bool posted_ = false;
  bool running_ = false;
  mutable std::atomic<bool> woken_ = false;
};

KjLoop::KjLoop(boost::asio::io_context& io)
    : port_(std::make_shared<Port>(io)), loop_(*port_), scope_(loop_) {
  port_->attach(loop_, scope_);
}

KjLoop::~KjLoop() { port_->detach(); }

kj::WaitScope& KjLoop::wait_scope() { return scope_; }

void KjLoop::run_ready() { port_->run_ready(); }

const kj::Executor& KjLoop::executor() { return loop_.getExecutor(); }

}  // namespace rayd
