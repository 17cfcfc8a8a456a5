// Dial in an Asio loop: resolve, connect, shake hands, say hello; then tell. Destroying it before
// cancels it.
#pragma once

#include <functional>
#include <memory>

#include "common/net/dial.h"

namespace boost::asio {
class io_context;
}

namespace rayd {

class AsioDial {
 public:
  /// `done` is called once, from the loop, never from inside of this; it may destroy the AsioDial.
  /// `context` is a client's and outlives it.
  AsioDial(boost::asio::io_context& io, const TlsContext& context, DialTarget target, Hello hello,
           Duration timeout, std::function<void(DialResult)> done);
  ~AsioDial();
  AsioDial(const AsioDial&) = delete;
  AsioDial& operator=(const AsioDial&) = delete;

 private:
  class State;

  std::shared_ptr<State> state_;
};

}  // namespace rayd
