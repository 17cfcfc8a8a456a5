#include "daemon/node/seq_table.h"

#include <map>
#include <string>

#include "common/base/random.h"
#include "tests/unit/catch.h"

using namespace rayd;
using namespace rayd::node;

namespace {

struct Counted {
  static inline int alive = 0;
  int value = 0;
  explicit Counted(int v) : value(v) { ++alive; }
  Counted(const Counted&) = delete;
  ~Counted() { --alive; }
};

}  // namespace

TEST_CASE("a table of records answers as a map does, whatever the numbers") {
  Random random(7);
  SeqTable<std::string> table;
  std::map<uint64_t, std::string> model;
  for (int step = 0; step < 20'000; ++step) {
    uint64_t seq = random.below(400);
    if (random.chance(1, 4)) seq <<= random.below(33);  // strided and far apart
    if (model.contains(seq)) {
      REQUIRE(table.find(seq) != nullptr);
      CHECK(*table.find(seq) == model[seq]);
      table.erase(seq);
      model.erase(seq);
    } else {
      REQUIRE(table.find(seq) == nullptr);
      const std::string text = "a record with the number " + std::to_string(step);
      table.create(seq, text);
      model.emplace(seq, text);
    }
    REQUIRE(table.size() == model.size());
  }
  auto expected = model.begin();
  table.for_each([&](uint64_t seq, const std::string& text) {
    REQUIRE(expected != model.end());
    CHECK(seq == expected->first);
    CHECK(text == expected->second);
    ++expected;
  });
  CHECK(expected == model.end());
}

TEST_CASE("a record keeps its address while others come and go") {
  SeqTable<Counted> table;
  Counted* const first = &table.create(1, 1);
  for (uint64_t seq = 2; seq < 10'000; ++seq) {
    table.create(seq, 0);
    if (seq > 40) table.erase(seq - 30);
  }
  CHECK(table.find(1) == first);
  CHECK(first->value == 1);
}

TEST_CASE("records are destroyed when erased and with their table") {
  {
    SeqTable<Counted> table;
    for (uint64_t seq = 0; seq < 100; ++seq) table.create(seq, 1);
    CHECK(Counted::alive == 100);
    for (uint64_t seq = 0; seq < 60; ++seq) table.erase(seq);
    CHECK(Counted::alive == 40);
  }
  CHECK(Counted::alive == 0);
}

TEST_CASE("each client has numbers of its own, and all are listed in order") {
  SeqTables<int> tables;
  const ClientId first{1, 1}, second{1, 2};
  tables.create(TaskId::make(second, 5), 25);
  tables.create(TaskId::make(first, 5), 15);
  tables.create(TaskId::make(first, 3), 13);
  CHECK(*tables.find(TaskId::make(first, 5)) == 15);
  CHECK(*tables.find(TaskId::make(second, 5).object(1)) == 25);
  CHECK(tables.find(TaskId::make(second, 3)) == nullptr);
  std::vector<int> listed;
  tables.for_each([&](TaskId, int value) { listed.push_back(value); });
  CHECK(listed == std::vector<int>{13, 15, 25});
  listed.clear();
  tables.for_each_of(first, [&](TaskId, int value) { listed.push_back(value); });
  CHECK(listed == std::vector<int>{13, 15});
  tables.erase(TaskId::make(first, 5));
  tables.erase(TaskId::make(first, 3));
  tables.create(TaskId::make(ClientId{1, 3}, 0), 30);  // sweeps the first client's empty table
  CHECK(tables.find(TaskId::make(first, 3)) == nullptr);
  tables.create(TaskId::make(first, 9), 19);
  CHECK(*tables.find(TaskId::make(first, 9)) == 19);
  CHECK(tables.size() == 3);
}
