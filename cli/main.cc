// rayctl: words → command → settings → the verb's function → exit status.
#include <cstdio>
#include <string>
#include <vector>

#include "cli/command_line.h"
#include "cli/exit_status.h"
#include "cli/help.h"
#include "cli/shell.h"
#include "cli/version.h"
#include "common/config/machine.h"

namespace {

using namespace rayd;
using namespace rayd::cli;

OutputOptions output_options(const ParsedCommand& command, const Environment& environment) {
  OutputOptions options;
  options.terminal = look_at_terminal(environment);
  if (command.has("--quiet")) options.quiet = Quiet::kYes;
  const std::string format = command.text("-o").value_or(command.has("--json") ? "json" : "");
  constexpr std::pair<const char*, Format> kFormats[] = {{"table", Format::kTable},
                                                         {"wide", Format::kWide},
                                                         {"json", Format::kJson},
                                                         {"jsonl", Format::kJsonl},
                                                         {"csv", Format::kCsv}};
  for (const auto& [name, value] : kFormats) {
    if (format == name) options.format = value;
  }
  return options;
}

int run_verb(const ParsedCommand& command, const Environment& environment, const Output& output) {
  const bool is_daemons = (command.verb->programs & kDaemon) != 0;
  // Only a daemon's defaults are measured: looking at the machine costs more than most verbs.
  const auto loaded = load_config(read_sources(environment, command.settings),
                                  is_daemons ? measure_machine() : Machine{});
  if (!loaded) return output.fail(loaded.error());
  Shell shell{command, environment, *loaded, output};
  return command.verb->run(shell);
}

int run(const std::vector<std::string>& words) {
  const Environment environment = Environment::of_process();
  const auto command = parse_command_line(verbs(), words);
  if (!command) return Output{{}}.fail(command.error());
  const Output output{output_options(*command, environment)};
  int status = kDone;
  if (command->asks == ParsedCommand::Asks::kVersion) {
    output.print(std::string("rayctl ") + kVersion + "\n");
  } else if (command->verb == nullptr) {
    output.print(help(verbs()));
    if (words.empty()) status = kUsage;
  } else if (command->asks == ParsedCommand::Asks::kHelp &&
             (command->verb->own_help == Verb::OwnHelp::kNo || command->operands.empty())) {
    output.print(help(*command->verb));
  } else {
    status = run_verb(*command, environment, output);
  }
  if (!output.flush() && status == kDone) {
    return output.fail({ErrorCode::kInternal, "standard output cannot be written"});
  }
  return status;
}

}  // namespace

int main(int argc, char** argv) { return run({argv + 1, argv + argc}); }
