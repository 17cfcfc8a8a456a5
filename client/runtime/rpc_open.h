// Opens a driver's session: one connection to the daemon's socket, which is closed again when the
// rings are there (a driver's death is its pid's).
#pragma once

#include <memory>
#include <string>

#include "client/runtime/ring_session.h"

namespace rayd::client {

struct OpenRequest {
  std::string socket;
  std::string name;        // of the job: the program's
  std::string name_space;  // empty: one of its own
  ray::ActorLifetime default_lifetime = ray::ActorLifetime::NON_DETACHED;
  std::function<void()> on_shutdown;
};

/// kUnavailable: nobody serves there.
Result<std::shared_ptr<RingSession>> open_session(const OpenRequest& request);

}  // namespace rayd::client
