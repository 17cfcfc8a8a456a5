// What standard output and standard error are: terminals of some width with colour, or pipes.
#pragma once

#include <cstddef>

#include "common/config/environment.h"

namespace rayd::cli {

struct Terminal {
  bool output = false;  // standard output is one
  bool errors = false;
  size_t columns = 80;
  bool colour = false;        // for standard output
  bool cursor_moves = false;  // standard error may be drawn over: a progress line
};

/// NO_COLOR, TERM=dumb and COLUMNS are honoured.
Terminal look_at_terminal(const Environment& environment);

}  // namespace rayd::cli
