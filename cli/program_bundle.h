// ProgramBundle: what a machine needs to be a node, as one archive: rayctl, rayd, rayd-worker,
// librayclient, the bundled models, and the libraries they use but for those of the C library. So
// nothing has to be installed there first.
#pragma once

#include <string>

#include "common/base/result.h"
#include "common/base/unique_fd.h"

namespace rayd::cli {

struct ProgramBundle {
  std::string name;      // of its folder: the version and a hash of the content
  std::string platform;  // as `uname -sm` says it: "Linux x86_64"
  UniqueFd archive;      // tar; the file has no name any more
};

/// From the files of this very rayctl. kNotFound, naming the one that is missing.
Result<ProgramBundle> make_program_bundle();

}  // namespace rayd::cli
