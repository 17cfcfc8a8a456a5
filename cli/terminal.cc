#include "cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include "common/config/quantity.h"

namespace rayd::cli {

Terminal look_at_terminal(const Environment& environment) {
  Terminal terminal;
  terminal.output = isatty(STDOUT_FILENO) == 1;
  terminal.errors = isatty(STDERR_FILENO) == 1;
  const std::string kind = environment.get("TERM");
  const bool is_dumb = kind.empty() || kind == "dumb";
  terminal.colour = terminal.output && !is_dumb && environment.get("NO_COLOR").empty();
  terminal.cursor_moves = terminal.errors && !is_dumb;
  const auto given = parse_integer(environment.get("COLUMNS"));
  winsize size{};
  if (given && *given > 0 && *given < 10'000) {
    terminal.columns = static_cast<size_t>(*given);
  } else if (ioctl(terminal.output ? STDOUT_FILENO : STDERR_FILENO, TIOCGWINSZ, &size) == 0 &&
             size.ws_col > 0) {
    terminal.columns = size.ws_col;
  }
  return terminal;
}

}  // namespace rayd::cli
