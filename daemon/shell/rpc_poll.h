// A long poll: a promise that is done at the next change, or when the caller's patience is over.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>

#include <kj/async.h>

namespace rayd::shell {

/// `subscribe(wake)` arranges for one call of `wake` and returns how to undo that. Both run on the
/// control thread. If the promise is dropped, everything is undone.
class LongPoll {
 public:
  using Wake = std::function<void()>;
  using Undo = std::function<void()>;

  static kj::Promise<void> wait(boost::asio::io_context& io, uint32_t max_wait_ms,
                                const std::function<Undo(Wake)>& subscribe) {
    auto pair = kj::newPromiseAndFulfiller<void>();
    auto poll = std::make_shared<LongPoll>(io, kj::mv(pair.fulfiller));
    poll->timer_.expires_after(std::chrono::milliseconds{max_wait_ms});
    poll->timer_.async_wait([weak = std::weak_ptr<LongPoll>{poll}](boost::system::error_code) {
      if (const auto self = weak.lock()) self->finish();
    });
    poll->undo_ = subscribe([weak = std::weak_ptr<LongPoll>{poll}] {
      if (const auto self = weak.lock()) self->finish();
    });
    return pair.promise.attach(kj::heap<Holder>(Holder{poll}));
  }

  LongPoll(boost::asio::io_context& io, kj::Own<kj::PromiseFulfiller<void>> fulfiller)
      : timer_(io), fulfiller_(kj::mv(fulfiller)) {}
  ~LongPoll() {
    if (undo_) undo_();
  }

 private:
  struct Holder {
    std::shared_ptr<LongPoll> poll;
  };

  void finish() { fulfiller_->fulfill(); }

  boost::asio::steady_timer timer_;
  kj::Own<kj::PromiseFulfiller<void>> fulfiller_;
  Undo undo_;
};

}  // namespace rayd::shell
