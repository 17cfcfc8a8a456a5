#include "cli/bundled_models.h"

#include "common/base/daemon_process.h"

#ifndef RAYD_LIBDIR
#define RAYD_LIBDIR "lib"
#endif

namespace rayd::cli {

std::string bundled_module() {
  return find_beside(folder_of_this_code(),
                     {"/../" RAYD_LIBDIR "/rayd/", "/../lib/rayd/", "/../models/"}, "libmodels.so");
}

}  // namespace rayd::cli
