#include "daemon/shell/journal.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <future>

#include "common/base/random.h"
#include "tests/unit/catch.h"

using namespace rayd;
using shell::Journal;

namespace {

struct Folder {
  Folder() {
    char name[] = "/tmp/rayd-journal-XXXXXX";
    path = mkdtemp(name);
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string journal() const { return path + "/journal.sqlite"; }
  std::string path;
};

void append_and_wait(Journal& journal, std::vector<JournalRow> rows) {
  std::promise<void> committed;
  const uint64_t last = rows.size();
  journal.start(
      [&](uint64_t n) {
        if (n == last) committed.set_value();
      },
      [](std::string) {});
  uint64_t number = 0;
  for (JournalRow& row : rows) journal.append(++number, std::move(row));
  committed.get_future().wait();
}

ModuleRow module_row(const std::string& name, uint8_t mark) {
  ModuleRow row;
  row.name = name;
  row.hash.bytes[0] = mark;
  row.description_json = "{}";
  return row;
}

TokenRow token_row(uint64_t id, uint8_t secret) {
  TokenRow row;
  row.token.value = id;
  row.secret.bytes[31] = secret;
  return row;
}

}  // namespace

TEST_CASE("what was committed is there after opening again, the latest of each key") {
  const Folder folder;
  KeyHash key;
  key.bytes[7] = 9;
  {
    Journal journal{folder.journal()};
    append_and_wait(journal, {MembershipRow{{}, 1, 2, 3, 4, 5}, MembershipRow{{}, 2, 2, 4, 4, 5},
                              module_row("a", 1), module_row("b", 2), module_row("a", 3),
                              ModuleRow{"b", {}, "", ""},
                              NodeRow{NodeId{3}, "n", NodeState::kDead, 7, BesideHead::kYes, key},
                              token_row(5, 1), token_row(6, 2), TokenRow{TokenId{6}}});
  }
  Journal journal{folder.journal()};
  const auto rows = journal.load();
  REQUIRE(rows.size() == 4);
  CHECK(std::get<MembershipRow>(rows[0]).epoch == 2);
  CHECK(std::get<MembershipRow>(rows[0]).next_node == 4);
  CHECK(std::get<NodeRow>(rows[1]).state == NodeState::kDead);
  CHECK(std::get<NodeRow>(rows[1]).identity == key);
  CHECK(std::get<TokenRow>(rows[2]).token == TokenId{5});
  CHECK(std::get<TokenRow>(rows[2]).secret.bytes[31] == 1);
  CHECK(std::get<ModuleRow>(rows[3]).name == "a");
  CHECK(std::get<ModuleRow>(rows[3]).hash.bytes[0] == 3);
}

TEST_CASE("a job's row is there after opening again, until the row that deletes it") {
  const Folder folder;
  JobRow kept;
  kept.job = JobId{7};
  kept.name = "cubes";
  kept.name_space = "lab";
  kept.state = JobState::kSucceeded;
  kept.result_json = "[1,8,27]";
  JobRow forgotten = kept;
  forgotten.job = JobId{6};
  JobRow deletes;
  deletes.job = JobId{6};
  {
    Journal journal{folder.journal()};
    append_and_wait(journal, {forgotten, kept, deletes});
  }
  Journal journal{folder.journal()};
  const auto rows = journal.load();
  REQUIRE(rows.size() == 1);
  const auto& row = std::get<JobRow>(rows[0]);
  CHECK(row.job == JobId{7});
  CHECK(row.state == JobState::kSucceeded);
  CHECK(row.result_json == "[1,8,27]");
}

TEST_CASE("records that are only counted are committed in their order all the same") {
  const Folder folder;
  Journal journal{folder.journal()};
  append_and_wait(journal, {ActorRow{}, MembershipRow{{}, 1, 1, 1, 1, 1}, ActorRow{}});
  CHECK(journal.load().size() == 1);
}

TEST_CASE("a second daemon on one journal is refused") {
  const Folder folder;
  const Journal journal{folder.journal()};
  CHECK_THROWS_WITH(Journal{folder.journal()}, Catch::Contains("cannot be used"));
}

TEST_CASE("a file that is no journal is refused") {
  const Folder folder;
  std::FILE* file = std::fopen(folder.journal().c_str(), "w");
  std::fputs("this is no database, and long enough to be looked at as one", file);
  std::fclose(file);
  CHECK_THROWS_WITH(Journal{folder.journal()}, Catch::Contains("cannot be used"));
}

TEST_CASE("what was told as committed survives kill -9 at any moment") {
  const Folder folder;
  Random random{7};
  uint64_t told = 0;
  for (int round = 0; round < 5; ++round) {
    int pipes[2];
    REQUIRE(pipe(pipes) == 0);
    const pid_t writer = fork();
    if (writer == 0) {
      Journal journal{folder.journal()};
      journal.start([&](uint64_t n) { (void)!write(pipes[1], &n, sizeof n); },
                    [](std::string) { _exit(1); });
      for (uint64_t epoch = told + 1;; ++epoch) {
        journal.append(epoch, MembershipRow{{}, epoch, 0, 0, 0, 0});
        usleep(100);
      }
    }
    close(pipes[1]);
    for (uint64_t reports = 1 + random.below(20); reports > 0; --reports) {
      REQUIRE(read(pipes[0], &told, sizeof told) == sizeof told);
    }
    kill(writer, SIGKILL);
    waitpid(writer, nullptr, 0);
    while (read(pipes[0], &told, sizeof told) == sizeof told) {
    }
    close(pipes[0]);
    Journal journal{folder.journal()};
    const auto rows = journal.load();
    REQUIRE(rows.size() == 1);
    CHECK(std::get<MembershipRow>(rows[0]).epoch >= told);
    told = std::get<MembershipRow>(rows[0]).epoch;
  }
}
