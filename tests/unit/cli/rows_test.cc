#include "cli/rows.h"

#include "tests/unit/catch.h"

namespace {

using namespace rayd;
using namespace rayd::cli;

Row job(const char* id, const char* name, int bytes) {
  return {id,
          {{"name", name},
           {"bytes", bytes},
           {"use", *Json::parse(R"({"total":{"CPU":2}})")},
           {"error", nullptr}}};
}

bool passes(const char* filter, const Row& row) {
  const auto parsed = parse_filter(filter);
  REQUIRE(parsed.ok());
  return parsed->passes(row);
}

std::string ids(const std::vector<Row>& rows) {
  std::string text;
  for (const Row& row : rows) text += row.id + " ";
  return text;
}

}  // namespace

TEST_CASE("a row's fields are found by name, inside objects too") {
  const Row row = job("job-1", "square", 10);
  CHECK(row.text("id") == "job-1");
  CHECK(row.text("name") == "square");
  CHECK(row.text("use.total.CPU") == "2");
  CHECK(row.text("use.total.GPU").empty());
  CHECK(row.text("error").empty());
  CHECK(row.find("nothing") == nullptr);
}

TEST_CASE("filters compare numbers as numbers and texts as texts") {
  const Row row = job("job-1", "square", 10);
  CHECK(passes("name=square", row));
  CHECK_FALSE(passes("name=squar", row));
  CHECK(passes("name!=cube", row));
  CHECK(passes("bytes>9", row));
  CHECK_FALSE(passes("bytes<9", row));
  CHECK(passes("bytes=10.0", row));
  CHECK(passes("name~qua", row));
  CHECK(passes("use.total.CPU=2", row));
  CHECK(passes("error=", row));
  CHECK_FALSE(passes("missing>0", row));
}

TEST_CASE("a filter without key or comparison is refused") {
  for (const char* text : {"", "name", "=x", "name!x"}) CHECK_FALSE(parse_filter(text).ok());
  CHECK(parse_filter("a=b=c")->value == "b=c");
}

TEST_CASE("rows are sorted by a key, numbers as numbers, and stay in order where they are equal") {
  std::vector<Row> rows{job("a", "z", 9), job("b", "y", 10), job("c", "z", 100)};
  sort_rows(rows, "bytes");
  CHECK(ids(rows) == "a b c ");
  sort_rows(rows, "-bytes");
  CHECK(ids(rows) == "c b a ");
  sort_rows(rows, "name");
  CHECK(ids(rows) == "b c a ");
}

TEST_CASE("rows without the key come last") {
  std::vector<Row> rows{{"none", {}}, job("a", "z", 9)};
  sort_rows(rows, "bytes");
  CHECK(ids(rows) == "a none ");
  sort_rows(rows, "-bytes");
  CHECK(ids(rows) == "a none ");
}
