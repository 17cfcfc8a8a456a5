#include "cli/state_folder.h"

#include <unistd.h>

#include <filesystem>

#include "tests/unit/catch.h"

namespace {

using namespace rayd;
using namespace rayd::cli;

struct Folder {
  Folder() {
    char name[] = "/tmp/rayd-cli-test.XXXXXX";
    path = mkdtemp(name);
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string path;
};

}  // namespace

TEST_CASE("the last job is remembered, and there is none at first") {
  const Folder folder;
  const StateFolder state{folder.path + "/new/place"};
  CHECK_FALSE(state.last_job().has_value());
  state.remember_last_job(JobId{3});
  state.remember_last_job(JobId{12});
  CHECK(state.last_job() == JobId{12});
}

TEST_CASE("the machines that were brought up are remembered, and there are none at first") {
  const Folder folder;
  const StateFolder state{folder.path + "/new"};
  CHECK(state.hosts().empty());
  state.remember_hosts({"b", "me@a"});
  CHECK(state.hosts() == std::set<std::string>{"b", "me@a"});
  state.remember_hosts({});
  CHECK(state.hosts().empty());
}

TEST_CASE("outcomes are kept until they are forgotten") {
  const Folder folder;
  const StateFolder state{folder.path};
  CHECK_FALSE(state.outcome(JobId{3}).has_value());
  REQUIRE(state.keep_outcome(JobId{3}, "x").ok());
  CHECK(state.outcome(JobId{3}) == Json("x"));
  state.forget_outcome(JobId{3});
  CHECK_FALSE(state.outcome(JobId{3}).has_value());
}

TEST_CASE("the newest hundred outcomes are kept") {
  const Folder folder;
  const StateFolder state{folder.path};
  for (uint32_t i = 1; i <= 120; ++i) REQUIRE(state.keep_outcome(JobId{i}, 1).ok());
  CHECK(state.outcome(JobId{120}).has_value());
  size_t files = 0;
  for ([[maybe_unused]] const auto& file :
       std::filesystem::directory_iterator{folder.path + "/outcomes"}) {
    ++files;
  }
  CHECK(files == 100);
}
