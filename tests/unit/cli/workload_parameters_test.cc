#include "cli/workload_parameters.h"

#include "tests/unit/catch.h"

namespace {

using namespace rayd;
using namespace rayd::cli;

ray::WorkloadInfo life() {
  return read_workload_info(*Json::parse(R"({
    "name": "life", "summary": "cells", "params": [
      {"name": "steps", "kind": "integer", "meaning": "how many", "default": "100",
       "minimum": "0", "maximum": "1000", "unit": "generations"},
      {"name": "grid", "kind": "size", "meaning": "how large", "default": "64x64"},
      {"name": "topology", "kind": "choice", "meaning": "edges", "choices": ["torus", "bounded"]},
      {"name": "pattern", "kind": "input", "meaning": "what lives"},
      {"name": "workers", "kind": "integer", "meaning": "how many", "execution": true,
       "default_word": "auto"},
      {"name": "rates", "kind": "text", "meaning": "a list", "list": true}]})"));
}

std::optional<std::string> read_files(const std::string& name) {
  if (name == "glider.rle") return "bo$2bo$3o!";
  if (name == "-") return "from standard input";
  if (name == "many.json") return R"({"steps": 7, "grid": "8x8", "rates": [1, 0.5]})";
  if (name == "list.json") return "[1]";
  return std::nullopt;
}

Result<std::vector<JobParameter>> make(const ParameterSources& sources) {
  return make_parameters(life(), sources, &read_files);
}

std::string text_of(const std::vector<JobParameter>& parameters) {
  std::string text;
  for (const JobParameter& parameter : parameters) {
    text += parameter.name + "=" + parameter.value + " ";
  }
  return text;
}

}  // namespace

TEST_CASE("a description from a module reads as it was declared") {
  const ray::WorkloadInfo info = life();
  REQUIRE(info.params.size() == 6);
  CHECK(info.name == "life");
  CHECK(info.params[0].kind == ray::ParamKind::kInteger);
  CHECK(info.params[0].maximum == "1000");
  CHECK(info.params[2].choices.size() == 2);
  CHECK(info.params[4].execution);
  CHECK(info.params[5].list);
  CHECK(ray::to_json(info) == ray::to_json(read_workload_info(*Json::parse(ray::to_json(info)))));
}

TEST_CASE("words become parameters as they were typed") {
  const auto made = make({{"steps=10", "topology=torus"}, {}});
  REQUIRE(made.ok());
  CHECK(text_of(*made) == "steps=10 topology=torus ");
}

TEST_CASE("the content of a file and of standard input travels with the submission") {
  const auto made = make({{"pattern=@glider.rle"}, {}});
  REQUIRE(made.ok());
  CHECK((*made)[0].value == "@glider.rle");
  CHECK((*made)[0].content == "bo$2bo$3o!");
  CHECK((*make({{"pattern=@-"}, {}}))[0].content == "from standard input");
  CHECK_FALSE((*make({{"pattern=bo"}, {}}))[0].content.has_value());
}

TEST_CASE("a JSON file gives many, and the command line wins over it") {
  CHECK(text_of(*make({{}, {"many.json"}})) == "grid=8x8 rates=1,0.5 steps=7 ");
  CHECK(text_of(*make({{"steps=9"}, {"many.json"}})) == "grid=8x8 rates=1,0.5 steps=9 ");
}

TEST_CASE("all mistakes are found before anything is sent") {
  const auto made =
      make({{"stepz=1", "steps=-1", "topology=tours", "pattern=@gone", "grid"}, {"list.json"}});
  REQUIRE_FALSE(made.ok());
  CHECK(made.error().code == ErrorCode::kInvalidArgument);
  const std::string& text = made.error().message;
  CHECK(text.find("did you mean \"steps\"") != std::string::npos);
  CHECK(text.find("steps=-1: wanted an integer") != std::string::npos);
  CHECK(text.find("did you mean \"torus\"") != std::string::npos);
  CHECK(text.find("pattern=@gone: wanted a file that can be read") != std::string::npos);
  CHECK(text.find("grid: wanted KEY=VALUE") != std::string::npos);
  CHECK(text.find("-f list.json: wanted a JSON object") != std::string::npos);
  CHECK(text.find("rayctl submit life --help") != std::string::npos);
}

TEST_CASE("a parameter given twice is a mistake") {
  CHECK(make({{"steps=1", "steps=2"}, {}}).error().message.find("once") != std::string::npos);
  CHECK_FALSE(make({{"steps=1", "steps=1"}, {}}).ok());
}

TEST_CASE("the help of a workload has type, unit, range, default and meaning") {
  const std::string text = describe(life());
  CHECK(text.find("usage: rayctl submit life [KEY=VALUE]…") != std::string::npos);
  CHECK(text.find("integer (generations)") != std::string::npos);
  CHECK(text.find("0 … 1000") != std::string::npos);
  CHECK(text.find("torus|bounded") != std::string::npos);
  CHECK(text.find("auto") != std::string::npos);
  CHECK(text.find("never changes the result") != std::string::npos);
}
