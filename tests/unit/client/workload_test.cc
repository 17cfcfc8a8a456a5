#include <ray/workload.h>

#include <limits>
#include <optional>
#include <unordered_map>

#include "tests/unit/catch.h"

namespace {

using ray::Json;

struct RecordingJob : ray::Job {
  std::vector<std::string> seen;
  using ray::Job::progress;
  void progress(uint64_t done, uint64_t total, std::string_view text) override {
    seen.push_back("progress " + std::to_string(done) + "/" + std::to_string(total) +
                   std::string(text));
  }
  void metrics(uint64_t, const std::vector<ray::MetricValue>& values) override {
    seen.push_back("metric " + values.at(0).name);
  }
  void frame(uint64_t, const ray::Image&) override {}
  bool cancelled() override { return false; }
  void log(ray::LogLevel, std::string_view text) override { seen.emplace_back(text); }
  void write(std::string_view name, std::string_view) override { seen.emplace_back(name); }
  int64_t cluster_cpus() override { return 3; }
};

struct Squares {
  int64_t n = 4;
  std::string word = "plain";
  static constexpr const char* summary = "squares 0 … n−1";
  void params(ray::Params& p) {
    p.integer("n", n, "how many numbers").range(0, 1000);
    p.text("word", word, "no swearing");
  }
  void check(ray::Mistakes& mistakes) const {
    if (word == "damn") mistakes.push_back({"word", word, "a polite word", ""});
    if (n == 13) mistakes.push_back({"n", "13", "a lucky number", ""});
  }
  std::vector<uint64_t> run(ray::Job& job) {
    job.progress(1, 2);
    job.metrics(0, {{"count", n}});
    std::vector<uint64_t> squares;
    for (int64_t i = 0; i < n; ++i) squares.push_back(static_cast<uint64_t>(i * i) + job.seed());
    return squares;
  }
};

struct Silent {
  void params(ray::Params&) {}
  void run(ray::Job&) {}
};

struct Failing {
  void params(ray::Params&) {}
  int run(ray::Job&) { throw std::runtime_error("no luck"); }
};

}  // namespace

RAY_WORKLOAD(Squares, "test-squares");
RAY_WORKLOAD(Silent, "test-silent");
RAY_WORKLOAD(Failing, "test-failing");
RAY_WORKLOAD(Silent, "test-twice");
RAY_WORKLOAD(Silent, "test-twice");
RAY_WORKLOAD(Silent, "test-clash");
RAY_WORKLOAD(Failing, "test-clash");

TEST_CASE("a registered workload is described, checked and run by its name") {
  const ray::Workload* squares = ray::find_workload("test-squares");
  REQUIRE(squares != nullptr);
  const ray::WorkloadInfo info = squares->describe();
  CHECK(info.name == "test-squares");
  CHECK(info.summary == "squares 0 … n−1");
  REQUIRE(info.params.size() == 3);
  CHECK(squares->validate({}).empty());
  RecordingJob job;
  CHECK(squares->run({}, job) == "[0,1,4,9]");
  CHECK(squares->run({{{"n", "3"}, {"seed", "7"}}, {}}, job) == "[7,8,11]");
  CHECK(job.seen[0] == "progress 1/2");
  CHECK(job.seen[1] == "metric count");
}

TEST_CASE("a run with wrong arguments throws all its mistakes and does nothing") {
  const ray::Workload* squares = ray::find_workload("test-squares");
  RecordingJob job;
  CHECK_THROWS_AS(squares->run({{{"n", "-1"}, {"m", "2"}}, {}}, job), ray::ParameterError);
  CHECK(job.seen.empty());
}

TEST_CASE("a workload's own check is heard beside the others, once for each parameter") {
  const ray::Workload* squares = ray::find_workload("test-squares");
  const ray::Mistakes both = squares->validate({{{"n", "-1"}, {"word", "damn"}}, {}});
  REQUIRE(both.size() == 2);
  CHECK(both[0].text() == "n=-1: wanted an integer from 0 to 1000");
  CHECK(both[1].text() == "word=damn: wanted a polite word");
  CHECK(squares->validate({{{"n", "13"}}, {}}).size() == 1);
}

TEST_CASE("a run without a result gives null, and one that throws lets it through") {
  RecordingJob job;
  CHECK(ray::find_workload("test-silent")->run({}, job) == "null");
  CHECK_THROWS_WITH(ray::find_workload("test-failing")->run({}, job), "no luck");
}

TEST_CASE("one name for two types is a clash, and the same type twice is not") {
  CHECK(ray::workload_clashes() == std::vector<std::string>{"test-clash"});
  CHECK(ray::find_workload("test-none") == nullptr);
  std::vector<std::string> names;
  for (const ray::Workload& workload : ray::workloads()) names.push_back(workload.name);
  CHECK(names == std::vector<std::string>{"test-clash", "test-failing", "test-silent",
                                          "test-squares", "test-twice"});
}

TEST_CASE("ordinary values become JSON") {
  CHECK(Json().text() == "null");
  CHECK(Json(true).text() == "true");
  CHECK(Json(-5).text() == "-5");
  CHECK(Json(std::numeric_limits<uint64_t>::max()).text() == "18446744073709551615");
  CHECK(Json(0.1).text() == "0.1");
  CHECK(Json(0.1f).text() == "0.1");
  CHECK(Json(1e300).text() == "1e+300");
  CHECK(Json(std::numeric_limits<double>::infinity()).text() == "\"Infinity\"");
  CHECK(Json("a\"b\\\n\x01").text() == R"("a\"b\\\n\u0001")");
  CHECK(Json(std::vector<bool>{true, false}).text() == "[true,false]");
  CHECK(Json(std::vector<int>{}).text() == "[]");
  CHECK(Json(std::map<std::string, std::vector<double>>{{"a", {1, .5}}, {"b", {}}}).text() ==
        R"({"a":[1,0.5],"b":[]})");
  CHECK(Json(std::map<std::string, int>{}).text() == "{}");
  CHECK(Json(std::unordered_map<std::string, int>{{"z", 1}, {"a", 2}, {"m", 3}}).text() ==
        R"({"a":2,"m":3,"z":1})");
  CHECK(Json(std::optional<int>()).text() == "null");
  CHECK(Json(std::optional<int>(3)).text() == "3");
  CHECK(Json(std::tuple<int, std::string>{1, "x"}).text() == R"([1,"x"])");
}

TEST_CASE("a JSON object is built member by member, in that order") {
  const Json json = Json::object()
                        .set("steps", 100)
                        .set("stop", "steps")
                        .set("inner", Json::object())
                        .set("list", Json::array().add(1).add("two"));
  CHECK(json.text() == R"({"steps":100,"stop":"steps","inner":{},"list":[1,"two"]})");
  CHECK_THROWS_AS(Json(3).set("a", 1), std::logic_error);
}

TEST_CASE("bytes that are not UTF-8 do not reach the JSON text") {
  CHECK(Json("caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x90\x9F").text() ==
        "\"caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x90\x9F\"");
  const std::string bad = "\"\xEF\xBF\xBD\"";
  CHECK(Json("\xFF").text() == bad);
  CHECK(Json("\xC3").text() == bad);                                 // cut short
  CHECK(Json("\xC0\x80").text() == "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");  // overlong
  CHECK(Json("\xED\xA0\x80").text().size() == 11);  // a surrogate: three replacements
}
