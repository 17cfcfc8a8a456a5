#include "cli/bundled_models.h"

#include <cstdlib>

#include "common/base/daemon_process.h"

#ifndef RAYD_LIBDIR
#define RAYD_LIBDIR "lib"
#endif

namespace rayd::cli {

std::string bundled_module() {
  const std::string folder = folder_of_this_code();
  for (const char* relative : {"/../" RAYD_LIBDIR "/rayd/libmodels.so", "/../lib/rayd/libmodels.so",
                               "/../models/libmodels.so"}) {
    char path[4096];
    if (realpath((folder + relative).c_str(), path) != nullptr) return path;
  }
  return {};
}

}  // namespace rayd::cli
