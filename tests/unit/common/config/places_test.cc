#include "common/config/places.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "common/config/machine.h"
#include "tests/unit/catch.h"

using namespace rayd;
namespace fs = std::filesystem;

namespace {

Environment user(std::map<std::string, std::string, std::less<>> variables) {
  return {std::move(variables), 1000};
}

// A folder of this test's own, gone when it ends.
struct Folder {
  Folder() {
    path = (fs::temp_directory_path() / "rayd-places-XXXXXX").string();
    REQUIRE(mkdtemp(path.data()) != nullptr);
  }
  ~Folder() { fs::remove_all(path); }
  std::string path;
};

Environment here(const Folder& folder) {
  return {{{"XDG_RUNTIME_DIR", folder.path}, {"XDG_STATE_HOME", folder.path + "/state"}},
          geteuid()};
}

}  // namespace

TEST_CASE("root's places are the system's, also within a login") {
  for (const char* runtime : {"", "/run/user/0"}) {
    const auto places = find_places("lab", {{{"XDG_RUNTIME_DIR", runtime}, {"HOME", "/root"}}, 0});
    REQUIRE(places.ok());
    CHECK(places->socket() == "/run/rayd/lab/rayd.sock");
    CHECK(places->journal() == "/var/lib/rayd/lab/journal.sqlite");
    CHECK(places->daemon_log() == "/var/log/rayd/lab/rayd.log");
  }
}

TEST_CASE("root with a runtime folder of its own choice uses it as a user would") {
  const auto places = find_places("lab", {{{"XDG_RUNTIME_DIR", "/tmp/t"}, {"HOME", "/root"}}, 0});
  REQUIRE(places.ok());
  CHECK(places->run_dir == "/tmp/t/rayd/lab");
  CHECK(places->state_dir == "/root/.local/state/rayd/lab");
}

TEST_CASE("a user's places follow XDG and fall back to /tmp and HOME") {
  const auto xdg = find_places(
      "default", user({{"XDG_RUNTIME_DIR", "/run/user/1000"}, {"XDG_STATE_HOME", "/s"}}));
  REQUIRE(xdg.ok());
  CHECK(xdg->run_dir == "/run/user/1000/rayd/default");
  CHECK(xdg->state_dir == "/s/rayd/default");
  CHECK(xdg->log_dir == "/s/rayd/default/log");
  const auto bare = find_places("default", user({{"HOME", "/home/a"}}));
  REQUIRE(bare.ok());
  CHECK(bare->run_dir == "/tmp/rayd-1000/default");
  CHECK(bare->state_dir == "/home/a/.local/state/rayd/default");
}

TEST_CASE("places that cannot work are refused with the reason") {
  CHECK_FALSE(find_places("default", user({})).ok());
  CHECK(find_places("x", user({{"XDG_RUNTIME_DIR", "run"}, {"HOME", "/h"}})).error().message ==
        "XDG_RUNTIME_DIR wants an absolute path, got 'run'");
  for (const char* name : {"", ".", "..", "a/b", "-x", ".hidden", "a b", "ä"}) {
    INFO(name);
    CHECK_FALSE(find_places(name, user({{"HOME", "/h"}})).ok());
  }
  CHECK_FALSE(find_places(std::string(65, 'a'), user({{"HOME", "/h"}})).ok());
  const auto deep =
      find_places("x", user({{"XDG_RUNTIME_DIR", "/" + std::string(90, 'd')}, {"HOME", "/h"}}));
  REQUIRE_FALSE(deep.ok());
  CHECK(deep.error().message.find("and the kernel takes 107") != std::string::npos);
}

TEST_CASE("places are made once for their owner alone, and made again without harm") {
  const Folder folder;
  const Environment environment = here(folder);
  const auto places = find_places("lab", environment);
  REQUIRE(places.ok());
  REQUIRE(make_places(*places, environment).ok());
  REQUIRE(make_places(*places, environment).ok());
  for (const std::string& path : {places->run_dir, places->state_dir, places->log_dir}) {
    struct stat status {};
    REQUIRE(stat(path.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0700);
  }
}

TEST_CASE("a folder that others prepared is not used") {
  const Folder folder;
  const Environment environment = here(folder);
  const auto places = find_places("lab", environment);
  fs::create_directories(folder.path + "/elsewhere");

  SECTION("a link") {
    fs::create_directory_symlink(folder.path + "/elsewhere", folder.path + "/rayd");
    CHECK(make_places(*places, environment).error().message == folder.path + "/rayd is no folder");
  }
  SECTION("a file") {
    std::ofstream(folder.path + "/rayd") << "x";
    CHECK(make_places(*places, environment).error().code == ErrorCode::kNotAllowed);
  }
  SECTION("open to the writing of others") {
    fs::create_directories(places->run_dir);
    REQUIRE(chmod((folder.path + "/rayd").c_str(), 0777) == 0);
    CHECK(make_places(*places, environment).error().message ==
          "others may write to " + folder.path + "/rayd; run: chmod go-w " + folder.path + "/rayd");
  }
  SECTION("of another user") {
    Environment other = environment;
    other.uid = environment.uid + 1;
    fs::create_directories(places->run_dir);
    CHECK(make_places(*places, other).error().code == ErrorCode::kNotAllowed);
  }
}

TEST_CASE("a client looks at its own socket first, then at the system's") {
  CHECK(find_sockets("c", user({{"XDG_RUNTIME_DIR", "/nowhere"}, {"HOME", "/h"}})) ==
        std::vector<std::string>{"/nowhere/rayd/c/rayd.sock", "/run/rayd/c/rayd.sock"});
  CHECK(find_sockets("c", {{}, 0}) == std::vector<std::string>{"/run/rayd/c/rayd.sock"});
  CHECK(find_sockets("../c", user({{"HOME", "/h"}})).empty());
}

TEST_CASE("a client does not trust a socket in a third person's folder") {
  const Folder folder;
  Environment environment = here(folder);
  const auto places = find_places("c", environment);
  fs::create_directories(places->run_dir);
  CHECK(find_sockets("c", environment).front() == places->socket());
  if (environment.uid != 0) return;  // only root can give a folder away
  REQUIRE(chown(places->run_dir.c_str(), 12345, 12345) == 0);
  CHECK(find_sockets("c", environment) == std::vector<std::string>{"/run/rayd/c/rayd.sock"});
}

TEST_CASE("a control group bounds what the machine offers, at any level") {
  const Folder folder;
  const std::string& root = folder.path;
  fs::create_directories(root + "/sys/fs/cgroup/a/b");
  fs::create_directories(root + "/proc/self");
  fs::create_directories(root + "/dev");
  for (const char* device : {"nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm", "null"}) {
    std::ofstream(root + "/dev/" + device) << "";
  }
  std::ofstream(root + "/proc/self/cgroup") << "1:name=systemd:/x\n0::/a/b\n";
  std::ofstream(root + "/sys/fs/cgroup/a/cpu.max") << "50000 100000\n";
  std::ofstream(root + "/sys/fs/cgroup/a/b/cpu.max") << "max 100000\n";
  std::ofstream(root + "/sys/fs/cgroup/a/b/memory.max") << "1048576\n";
  const Machine machine = measure_machine(root);
  CHECK(machine.cpus == 1);
  CHECK(machine.memory_bytes == 1048576);
  CHECK(machine.gpus == 2);
  CHECK(measure_machine().cpus >= 1);
  CHECK(measure_machine().memory_bytes > 0);
}
