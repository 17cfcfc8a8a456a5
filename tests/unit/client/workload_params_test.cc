#include <ray/workload_params.h>

#include "tests/unit/catch.h"

namespace {

using ray::Arguments;
using ray::Mistakes;
using ray::ParamInfo;
using ray::WorkloadInfo;

struct Fields {
  int64_t steps = 100;
  int32_t radius = 1;
  double density = .3;
  double beta = 1;
  bool loud = false;
  std::string title = "none";
  std::string topology = "torus";
  ray::Size grid{256, 256};
  ray::Size tiles{0, 0};
  int64_t memory = 1 << 20;
  ray::Input pattern;
  std::string path;
  std::string png;

  void params(ray::Params& p) {
    p.integer("steps", steps, "how many steps").range(0, 1000);
    p.integer("radius", radius, "how far").at_least(1);
    p.probability("density", density, "alive at the start");
    p.number("beta", beta, "contacts").unit("1/step").at_least(0);
    p.flag("loud", loud, "say more");
    p.text("title", title, "shown above");
    p.choice("topology", topology, {"torus", "bounded"}, "what is beyond the edge");
    p.size("grid", grid, "cells");
    p.size("tiles", tiles, "parts of the grid").default_word("auto").execution();
    p.bytes("memory", memory, "to use");
    p.input("pattern", pattern, "cells");
    p.file("path", path, "to read");
    p.output("png", png, "a picture");
  }

  uint64_t seed = 0;
  Mistakes set(const Arguments& arguments) {
    ray::Params p;
    params(p);
    Mistakes mistakes = ray::check(WorkloadInfo{"x", "", p.describe()}, arguments);
    p.assign(arguments);
    seed = p.seed();
    return mistakes;
  }
};

/// The text of the only mistake that `key=value` makes, or "" when it is right.
std::string mistake(const std::string& key, const std::string& value) {
  Fields fields;
  const Mistakes mistakes = fields.set({{{key, value}}, {}});
  REQUIRE(mistakes.size() <= 1);
  return mistakes.empty() ? "" : mistakes[0].text();
}

}  // namespace

TEST_CASE("a parameter that is not given keeps its default") {
  Fields fields;
  CHECK(fields.set({}).empty());
  CHECK(fields.steps == 100);
  CHECK(fields.grid == ray::Size{256, 256});
  CHECK(fields.seed == 0);
}

TEST_CASE("each kind of parameter reads what a person would type") {
  Fields fields;
  const Mistakes mistakes = fields.set({{{"steps", "1000"},
                                         {"radius", "+3"},
                                         {"density", ".25"},
                                         {"beta", "1e3"},
                                         {"loud", "yes"},
                                         {"title", "a=b, c"},
                                         {"topology", "bounded"},
                                         {"grid", "640x480"},
                                         {"tiles", "3x4"},
                                         {"memory", "1.5GiB"},
                                         {"pattern", "glider"},
                                         {"path", "/tmp/x"},
                                         {"png", "out/last.png"},
                                         {"seed", "18446744073709551615"}},
                                        {}});
  CHECK(mistakes.empty());
  CHECK(fields.steps == 1000);
  CHECK(fields.radius == 3);
  CHECK(fields.density == .25);
  CHECK(fields.beta == 1000);
  CHECK(fields.loud);
  CHECK(fields.title == "a=b, c");
  CHECK(fields.topology == "bounded");
  CHECK(fields.grid == ray::Size{640, 480});
  CHECK(fields.tiles == ray::Size{3, 4});
  CHECK(fields.memory == 3LL << 29);
  CHECK(fields.pattern.content == "glider");
  CHECK_FALSE(fields.pattern.is_file());
  CHECK(fields.path == "/tmp/x");
  CHECK(fields.png == "out/last.png");
  CHECK(fields.seed == 18446744073709551615u);
}

TEST_CASE("a wrong value is named with what was given and what is wanted") {
  CHECK(mistake("steps", "-3") == "steps=-3: wanted an integer from 0 to 1000");
  CHECK(mistake("steps", "1001") == "steps=1001: wanted an integer from 0 to 1000");
  CHECK(mistake("steps", "12x") == "steps=12x: wanted an integer from 0 to 1000");
  CHECK(mistake("steps", "1.5") == "steps=1.5: wanted an integer from 0 to 1000");
  CHECK(mistake("steps", "") == "steps=(nothing): wanted an integer from 0 to 1000");
  CHECK(mistake("radius", "0") == "radius=0: wanted an integer from 1 to 2147483647");
  CHECK(mistake("radius", "2147483648") != "");
  CHECK(mistake("density", "1.01") == "density=1.01: wanted a probability from 0 to 1");
  CHECK(mistake("density", "nan") == "density=nan: wanted a probability from 0 to 1");
  CHECK(mistake("beta", "inf") == "beta=inf: wanted a number (1/step), at least 0");
  CHECK(mistake("loud", "maybe") == "loud=maybe: wanted true or false");
  CHECK(mistake("topology", "tours") ==
        "topology=tours: wanted torus or bounded (did you mean \"torus\"?)");
  CHECK(mistake("grid", "640") == "grid=640: wanted WIDTHxHEIGHT, such as 640x480");
  CHECK(mistake("grid", "0x5") != "");
  CHECK(mistake("grid", "3x4x5") != "");
  CHECK(mistake("tiles", "many") == "tiles=many: wanted WIDTHxHEIGHT, such as 640x480, or auto");
  CHECK(mistake("memory", "5 apples") ==
        "memory=5 apples: wanted an amount of memory, such as 64MiB");
  CHECK(mistake("seed", "-1") == "seed=-1: wanted an integer from 0 to 18446744073709551615");
  CHECK(mistake("seed", "18446744073709551616") != "");
}

TEST_CASE("a result file cannot leave its folder") {
  for (const char* name : {"../x", "/etc/passwd", "a/../b", "a//b", "a/", ".", "a\nb"}) {
    CAPTURE(name);
    CHECK(mistake("png", name) != "");
  }
  CHECK(mistake("png", "a/b..c/.d") == "");
  CHECK(mistake("png", std::string(256, 'x')) != "");
}

TEST_CASE("an unknown name is answered with the most similar one") {
  CHECK(mistake("grdi", "3x4") == "unknown parameter \"grdi\": did you mean \"grid\"?");
  CHECK(mistake("densty", ".3") == "unknown parameter \"densty\": did you mean \"density\"?");
  CHECK(mistake("sed", "1") == "unknown parameter \"sed\": did you mean \"seed\"?");
  const std::string far = mistake("colour", "red");
  CHECK(far.find("unknown parameter \"colour\": wanted one of steps, radius,") == 0);
}

TEST_CASE("all mistakes are reported together") {
  Fields fields;
  const Mistakes mistakes =
      fields.set({{{"steps", "x"}, {"grid", "y"}, {"toplogy", "torus"}, {"density", ".5"}}, {}});
  CHECK(mistakes.size() == 3);
  CHECK(fields.density == .5);
  const std::string what = ray::ParameterError(mistakes).what();
  CHECK(what ==
        "grid=y: wanted WIDTHxHEIGHT, such as 640x480\n"
        "steps=x: wanted an integer from 0 to 1000\n"
        "unknown parameter \"toplogy\": did you mean \"topology\"?");
}

TEST_CASE("a long value is shortened in a message and its line breaks do not break the message") {
  const std::string text = mistake("steps", std::string(5000, '7') + "\n\n");
  CHECK(text.size() < 200);
  CHECK(mistake("steps", "1\n2").find('\n') == std::string::npos);
}

TEST_CASE("the content of a file travels with the submission and keeps its name") {
  Mistakes mistakes;
  Arguments arguments = ray::parse_words({"pattern=@glider.rle", "steps=@n", "title=@-"}, mistakes);
  ray::attach_inputs(
      arguments,
      [](const std::string& name) -> std::optional<std::string> {
        return name == "glider.rle" ? "bo!" : name == "n" ? "7\r\n" : "from stdin\n";
      },
      mistakes);
  Fields fields;
  REQUIRE(mistakes.empty());
  REQUIRE(fields.set(arguments).empty());
  CHECK(fields.pattern.name == "glider.rle");
  CHECK(fields.pattern.content == "bo!");
  CHECK(fields.steps == 7);
  CHECK(fields.title == "from stdin");
}

TEST_CASE("an input that did not travel, cannot be read or is asked for twice is a mistake") {
  CHECK(mistake("pattern", "@glider.rle") ==
        "pattern=@glider.rle: wanted the content of this file to come with the submission");
  Mistakes mistakes;
  Arguments arguments{{{"a", "@none"}, {"b", "@-"}, {"c", "@-"}}, {}};
  ray::attach_inputs(
      arguments,
      [](const std::string& name) {
        return name == "-" ? std::optional<std::string>("x") : std::nullopt;
      },
      mistakes);
  REQUIRE(mistakes.size() == 2);
  CHECK(mistakes[0].text() == "a=@none: wanted a file that can be read");
  CHECK(mistakes[1].text() == "c=@-: wanted standard input for one parameter only");
}

TEST_CASE("words that are no assignment and keys given twice are mistakes") {
  Mistakes mistakes;
  const Arguments arguments = ray::parse_words({"a=1", "b", "=c", "a=2", "d="}, mistakes);
  CHECK(arguments.values == std::map<std::string, std::string>{{"a", "1"}, {"d", ""}});
  REQUIRE(mistakes.size() == 3);
  CHECK(mistakes[0].text() == "b: wanted KEY=VALUE");
  CHECK(mistakes[2].text() == "a=2: wanted each parameter once");
}

TEST_CASE("a description says everything that was declared") {
  Fields fields;
  ray::Params p;
  fields.params(p);
  const std::vector<ParamInfo> infos = p.describe();
  REQUIRE(infos.size() == 14);
  CHECK(infos[0].name == "steps");
  CHECK(infos[0].minimum == "0");
  CHECK(infos[0].maximum == "1000");
  CHECK(infos[2].default_text == "0.3");
  CHECK(infos[2].maximum == "1");
  CHECK(infos[6].choices == std::vector<std::string>{"torus", "bounded"});
  CHECK(infos[8].default_text == "auto");
  CHECK(infos[8].execution);
  CHECK(infos[9].default_text == "1MiB");
  CHECK(infos[13].name == "seed");
  CHECK(ray::to_json({"w", "sums", {infos[3]}}) ==
        R"({"name":"w","summary":"sums","params":[{"name":"beta","kind":"number",)"
        R"("meaning":"contacts","unit":"1/step","default":"1","minimum":"0"}]})");
}

TEST_CASE("the word for the default may be typed, and a name cannot be declared twice") {
  Fields fields;
  CHECK(fields.set({{{"tiles", "auto"}}, {}}).empty());
  CHECK(fields.tiles == ray::Size{0, 0});
  ray::Params p;
  int64_t n = 0;
  p.integer("n", n, "");
  CHECK_THROWS_AS(p.integer("n", n, ""), std::logic_error);
  CHECK_THROWS_AS(p.integer("seed", n, ""), std::logic_error);
}
