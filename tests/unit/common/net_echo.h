// The Echo of net_test.capnp, as a daemon would serve it.
#pragma once

#include <functional>
#include <string>

#include "tests/unit/common/net_test.capnp.h"

namespace rayd::test {

/// `on_never` is told of each call of never().
Echo::Client make_echo(std::function<void()> on_never);

/// A capability whose descriptor is a file of this content.
File::Client make_file(const std::string& content);

}  // namespace rayd::test
