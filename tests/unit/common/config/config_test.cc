#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include "common/config/config_load.h"
#include "common/config/options.h"
#include "tests/unit/catch.h"

using namespace rayd;

namespace {

constexpr int64_t kGiB = int64_t{1} << 30;
const Machine kMachine{.cpus = 4, .gpus = 1, .memory_bytes = 10 * kGiB};

Result<LoadedConfig> load(const ConfigSources& sources) { return load_config(sources, kMachine); }

ConfigSources with_file(std::string text) {
  ConfigSources sources;
  sources.files.push_back({Source::kUserFile, "u.json", std::move(text)});
  return sources;
}

std::string mistake_in(std::string text) {
  const auto loaded = load(with_file(std::move(text)));
  return loaded.ok() ? "" : loaded.error().message;
}

std::string flag_mistake(std::string option, std::string value) {
  ConfigSources sources;
  sources.flags.push_back({std::move(option), std::move(value)});
  const auto loaded = load(sources);
  return loaded.ok() ? "" : loaded.error().message;
}

}  // namespace

TEST_CASE("without any source the defaults stand, some measured on the machine") {
  const auto loaded = load({});
  REQUIRE(loaded.ok());
  const Config& config = loaded->config;
  CHECK(config.cluster == "default");
  CHECK(config.num_cpus == 4);
  CHECK(config.num_gpus == 1);
  CHECK(config.max_workers == 8 * 4 + 64);
  CHECK(config.object_store_memory == 3 * kGiB);
  CHECK(config.memory == 7 * kGiB);
  CHECK(config.store_full_timeout_ms == 10'000);
  CHECK(config.max_pending_tasks == 2'000'000);
  CHECK(config.remote_timeout_ms == 60'000);
  CHECK(config.lease_ms == 4'000);
  CHECK(config.lease_wait_ms == 4'500);
  CHECK(config.job_retention_ms == int64_t{7} * 24 * 3'600'000);
  CHECK(loaded->origin_of("num_cpus").source == Source::kMeasured);
  CHECK(loaded->origin_of("cluster").source == Source::kDefault);
}

TEST_CASE("the measured store is capped and never tiny") {
  Machine machine{.cpus = 1, .gpus = 0, .memory_bytes = 4096 * kGiB};
  CHECK(load_config({}, machine)->config.object_store_memory == 200 * kGiB);
  machine.memory_bytes = kGiB / 100;
  CHECK(load_config({}, machine)->config.object_store_memory == 64 << 20);
}

TEST_CASE("a stronger source wins and every value keeps its origin") {
  ConfigSources sources;
  sources.files.push_back({Source::kFolderFile, "./rayctl.json", R"({"log_files": 5})"});
  sources.files.push_back({Source::kUserFile, "u.json", R"({"log_files": 6, "jobs_kept": 6})"});
  sources.files.push_back(
      {Source::kSystemFile, "s.json", R"({"log_files": 7, "jobs_kept": 7, "num_gpus": 7})"});
  sources.environment.variables["RAYD_NUM_CPUS"] = "3";
  sources.environment.variables["RAYD_MAX_PENDING_TASKS"] = "30";
  sources.flags.push_back({"num_cpus", "2.5"});
  const auto loaded = load(sources);
  REQUIRE(loaded.ok());
  CHECK(loaded->config.num_cpus == 2.5);
  CHECK(loaded->origin_of("num_cpus").where == "--num-cpus");
  CHECK(loaded->config.max_workers == 84);
  CHECK(loaded->config.max_pending_tasks == 30);
  CHECK(loaded->origin_of("max_pending_tasks").where == "RAYD_MAX_PENDING_TASKS");
  CHECK(loaded->config.log_files == 5);
  CHECK(loaded->origin_of("log_files").where == "./rayctl.json");
  CHECK(loaded->config.jobs_kept == 6);
  CHECK(loaded->config.num_gpus == 7);
  CHECK(loaded->origin_of("num_gpus").source == Source::kSystemFile);
}

TEST_CASE("the address comes from RAY_ADDRESS, and an empty variable counts as unset") {
  ConfigSources sources;
  sources.environment.variables["RAY_ADDRESS"] = "unix:/tmp/x.sock";
  sources.environment.variables["RAYD_CLUSTER"] = "";
  const auto loaded = load(sources);
  REQUIRE(loaded.ok());
  CHECK(loaded->config.address == "unix:/tmp/x.sock");
  CHECK(loaded->config.cluster == "default");
}

TEST_CASE("values may be written with units and as JSON") {
  const auto loaded = load(with_file(
      R"({"object_store_memory": "1.5GiB", "memory": 4096, "store_full_timeout_ms": "2s",
          "resources": {"disk": 2, "fpga": 0.5}, "labels": {"zone": "a"}, "num_cpus": 0})"));
  REQUIRE(loaded.ok());
  CHECK(loaded->config.object_store_memory == 3 * kGiB / 2);
  CHECK(loaded->config.memory == 4096);
  CHECK(loaded->config.store_full_timeout_ms == 2000);
  CHECK(loaded->config.resources == std::map<std::string, double>{{"disk", 2}, {"fpga", 0.5}});
  CHECK(loaded->config.labels == std::map<std::string, std::string>{{"zone", "a"}});
  CHECK(loaded->config.num_cpus == 0);
  CHECK(flag_mistake("labels", "zone=a,rack=7") == "");
  CHECK(flag_mistake("resources", R"({"disk": 2})") == "");
}

TEST_CASE("all mistakes are reported together, each with its place and the nearest name") {
  ConfigSources sources = with_file(R"({"num_cpu": 4, "log_level": "inf"})");
  sources.environment.variables["RAYD_LOG_FILES"] = "0";
  sources.flags.push_back({"max_workers", "many"});
  const auto loaded = load(sources);
  REQUIRE_FALSE(loaded.ok());
  CHECK(loaded.error().code == ErrorCode::kInvalidArgument);
  CHECK(loaded.error().message ==
        "u.json: 'num_cpu' is no option (did you mean 'num_cpus'?)\n"
        "u.json: log_level wants one of error|warn|info|debug, got 'inf' (did you mean 'info'?)\n"
        "RAYD_LOG_FILES wants 1 … 1000 files, got 0\n"
        "--max-workers 'many' is no integer");
}

TEST_CASE("a value of the wrong type is refused by what is wanted") {
  CHECK(mistake_in("[]") == "u.json: wants an object of options, got an array");
  CHECK(mistake_in(R"({"num_cpus": "4"})") ==
        "u.json: num_cpus wants a number without quotes, got \"4\"");
  CHECK(mistake_in(R"({"num_cpus": null})") == "u.json: num_cpus wants a number, got null");
  CHECK(mistake_in(R"({"max_workers": 1.5})") == "u.json: max_workers wants an integer, got 1.5");
  CHECK(mistake_in(R"({"cluster": 1})") == "u.json: cluster wants a string, got an integer");
  CHECK(mistake_in(R"({"resources": {"disk": "2"}})") ==
        "u.json: resources 'disk' wants a number, got \"2\"");
  CHECK(mistake_in(R"({"resources": {"disk": -1}})") ==
        "u.json: resources 'disk' wants 0 … 1000000000, got -1");
  CHECK(mistake_in(R"({"resources": {"CPU": 1}})") ==
        "u.json: resources 'CPU' has an option of its own: num_cpus");
  CHECK(mistake_in(R"({"labels": {"zone": 1}})") == "u.json: labels 'zone' wants a string, got 1");
  CHECK(mistake_in("{\"a\":").starts_with("u.json: line 1, column "));
  CHECK(flag_mistake("num_cpus", "-1") == "--num-cpus wants 0 … 1000000000 CPUs, got -1");
  CHECK(flag_mistake("object_store_memory", "1GB") ==
        "--object-store-memory '1GB' is no size; write bytes such as 4096, 512MiB or 1.5GiB");
  CHECK(flag_mistake("labels", "zone") == "--labels wants K=V,K=V or a JSON object, got 'zone'");
  CHECK(flag_mistake("cluster", "../x").starts_with("--cluster '../x' is no name"));
}

TEST_CASE("settings that contradict each other are refused with their origins") {
  ConfigSources sources;
  sources.flags.push_back({"lease_ms", "5000"});
  CHECK(
      load(sources).error().message ==
      "lease_ms (5000, from --lease-ms) must be less than lease_wait_ms (4500, from the defaults)");
}

TEST_CASE("a variable that looks like a slip is warned of, a foreign one is not") {
  ConfigSources sources;
  sources.environment.variables["RAYD_NUM_CPU"] = "4";
  sources.environment.variables["RAYD_WORKER_CHANNEL"] = "9";
  const auto loaded = load(sources);
  REQUIRE(loaded.ok());
  REQUIRE(loaded->warnings.size() == 1);
  CHECK(loaded->warnings[0] == "RAYD_NUM_CPU is no setting (did you mean 'RAYD_NUM_CPUS'?)");
}

TEST_CASE("every row of the table is complete, and its default reads back") {
  std::set<std::string> flags;
  const auto loaded = load({});
  for (const Option& option : options()) {
    INFO(option.name);
    CHECK_FALSE(option.meaning.empty());
    CHECK_FALSE(option.meaning.ends_with('.'));
    CHECK(option.programs != 0);
    CHECK(flags.insert(flag_of(option)).second);
    CHECK((option.form == Form::kChoice) == !option.choices.empty());
    const bool in_ms = option.name.ends_with("_ms");
    CHECK((option.form == Form::kMillis) == in_ms);
    Config copy;
    const Status status = set_option_text(option, option_text(option, loaded->config), copy);
    CHECK(status.ok());
    CHECK(option_value(option, copy) == option_value(option, loaded->config));
    CHECK(set_option_json(option, option_value(option, loaded->config), copy).ok());
    CHECK(describe_options(option.programs).find(flag_of(option) + " ") != std::string::npos);
  }
}

TEST_CASE("a command line is split into options of the program and the rest") {
  const std::vector<std::string> words{"--head", "--num-cpus", "4",          "--labels=zone=a",
                                       "x",      "--",         "--num-cpus", "5"};
  const SplitArguments split = split_arguments(words, kDaemon);
  REQUIRE(split.settings.size() == 2);
  CHECK(split.settings[0].option == "num_cpus");
  CHECK(split.settings[0].value == "4");
  CHECK(split.settings[1].value == "zone=a");
  CHECK(split.rest == std::vector<std::string>{"--head", "x", "--", "--num-cpus", "5"});
  CHECK(split_arguments(std::vector<std::string>{"--num-cpus"}, kDaemon).mistakes ==
        std::vector<std::string>{"--num-cpus wants a value"});
  CHECK(split_arguments(std::vector<std::string>{"--num-cpus", "4"}, kClient).settings.empty());
  const std::vector<std::string_view> others{"--head"};
  CHECK(unknown_flag("--numcpus=4", kDaemon, others) ==
        "--numcpus is no flag (did you mean '--num-cpus'?)");
  CHECK(unknown_flag("--heda", kDaemon, others) == "--heda is no flag (did you mean '--head'?)");
}

TEST_CASE("a daemon started with the flags of a loaded config loads the same") {
  ConfigSources sources = with_file(R"({"labels": {"a": "x y"}, "resources": {"disk": 1.5}})");
  sources.environment.variables["RAYD_LEASE_MS"] = "3s";
  sources.flags.push_back({"cluster", "c"});
  const auto first = load(sources);
  REQUIRE(first.ok());
  const auto flags = flags_for(*first, kDaemon);
  CHECK(flags == std::vector<std::string>{"--cluster=c", "--resources={\"disk\":1.5}",
                                          "--labels={\"a\":\"x y\"}", "--lease-ms=3000"});
  ConfigSources again;
  again.flags = split_arguments(flags, kDaemon).settings;
  const auto second = load(again);
  REQUIRE(second.ok());
  for (const Option& option : options()) {
    CHECK(option_text(option, second->config) == option_text(option, first->config));
  }
}

TEST_CASE("files are read where they exist, and one in a foreign folder is ignored") {
  namespace fs = std::filesystem;
  std::string folder = (fs::temp_directory_path() / "rayd-config-XXXXXX").string();
  REQUIRE(mkdtemp(folder.data()) != nullptr);
  fs::create_directories(folder + "/rayd");
  std::ofstream(folder + "/rayd/config.json") << R"({"cluster": "mine"})";
  Environment environment = Environment::of_process();
  environment.variables["XDG_CONFIG_HOME"] = folder;
  const ConfigSources sources = read_sources(environment, {});
  const auto user = std::find_if(sources.files.begin(), sources.files.end(),
                                 [](const auto& f) { return f.source == Source::kUserFile; });
  REQUIRE(user != sources.files.end());
  CHECK(user->text == R"({"cluster": "mine"})");

  fs::remove(folder + "/rayd/config.json");
  fs::create_directories(folder + "/rayd/config.json");
  const ConfigSources broken = read_sources(environment, {});
  REQUIRE(broken.mistakes.size() == 1);
  CHECK(broken.mistakes[0] == folder + "/rayd/config.json cannot be read");
  CHECK_FALSE(load(broken).ok());

  const fs::path before = fs::current_path();
  fs::current_path(folder);
  std::ofstream(folder + "/rayctl.json") << "{}";
  environment.variables["XDG_CONFIG_HOME"] = "/nowhere";
  CHECK(read_sources(environment, {}).files.size() == 1);
  if (environment.uid == 0) {  // only root can give the file away
    REQUIRE(chown((folder + "/rayctl.json").c_str(), 12345, 12345) == 0);
    const ConfigSources ignored = read_sources(environment, {});
    CHECK(ignored.files.empty());
    CHECK(ignored.warnings ==
          std::vector<std::string>{"./rayctl.json belongs to another user and is ignored"});
  }
  fs::current_path(before);
  fs::remove_all(folder);
}
