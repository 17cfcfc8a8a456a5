// rayd: flags → config → wire the parts → run.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "common/base/daemon_process.h"
#include "common/config/config_load.h"
#include "common/config/environment.h"
#include "common/config/machine.h"
#include "common/config/options.h"
#include "daemon/shell/daemon.h"
#include "daemon/shell/keeper.h"
#include "daemon/version.h"

namespace {

using namespace rayd;

int refuse(const std::string& why) {
  std::fprintf(stderr, "rayd: %s\n", why.c_str());
  return 2;
}

std::string folder_of_program() {
  char path[4096];
  return realpath("/proc/self/exe", path) == nullptr
             ? "."
             : std::string{path}.substr(0, std::string{path}.rfind('/'));
}

std::string folder_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

/// The words that are not options of the table.
std::string read_own_words(const std::vector<std::string>& words, shell::DaemonOptions& options) {
  options.role = shell::DaemonRole::kNode;
  for (size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "--head") {
      options.role = shell::DaemonRole::kHead;
      continue;
    }
    if (words[i] != "--owner-pid" && words[i] != "--ready-fd") {
      return words[i] +
             ": rayd takes --head, --owner-pid, --ready-fd and the daemon's options; "
             "people start it by rayctl start --head";
    }
    if (i + 1 == words.size()) return words[i] + " wants a number";
    int& number = words[i] == "--owner-pid" ? options.owner_pid : options.ready_fd;
    number = std::atoi(words[++i].c_str());
  }
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (is_keeper(argc, argv)) return keeper_main(argc, argv);
  const std::vector<std::string> words(argv + 1, argv + argc);
  const SplitArguments split = split_arguments(words, kDaemon);
  shell::DaemonOptions options;
  if (!split.mistakes.empty()) return refuse(split.mistakes.front());
  if (const std::string wrong = read_own_words(split.rest, options); !wrong.empty()) {
    return refuse(wrong);
  }
  const Environment environment = Environment::of_process();
  auto loaded = load_config(read_sources(environment, split.settings), measure_machine());
  if (!loaded) return refuse(loaded.error().message);
  if (options.role == shell::DaemonRole::kNode) {
    if (loaded->config.address.empty()) return refuse("say --head, or --address of a head to join");
    // In the environment nobody else sees it; and workers do not inherit it.
    if (const char* token = std::getenv("RAYD_TOKEN")) options.token = token;
  }
  unsetenv("RAYD_TOKEN");
  auto places = find_places(loaded->config.cluster, environment);
  if (!places) return refuse(places.error().message);
  options.config = std::move(loaded->config);
  options.places = std::move(*places);
  const std::string folder = folder_of_program();
  options.worker_program = find_worker_program(folder);
  const std::string library = find_client_library(folder);
  if (!library.empty()) options.library_dir = folder_of(library);
  options.version = kVersion;
  return shell::run_daemon(std::move(options));
}
