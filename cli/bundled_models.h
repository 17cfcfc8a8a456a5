// Where the models that come with rayd lie.
#pragma once

#include <string>

namespace rayd::cli {

/// The module; empty where they are not installed.
std::string bundled_module();

}  // namespace rayd::cli
