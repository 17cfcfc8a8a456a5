#include "cli/command_line.h"

#include "cli/help.h"
#include "tests/unit/catch.h"

namespace {

using namespace rayd;
using namespace rayd::cli;

int never_run(Shell&) { return 99; }

constexpr Flag kFlags[] = {
    {"--out", "DIR", "where files go"},
    {"--detach", "", "return at once", FlagType::kSwitch, 'd'},
    {"--retries", "N", "how often", FlagType::kInteger},
    {"--timeout", "DURATION", "how long", FlagType::kDuration},
    {"--resources", "JSON", "what it takes", FlagType::kJson},
    {"-p", "KEY=VALUE", "a parameter", FlagType::kText, 0, {}, Repeat::kYes},
    {"--colour", "WHEN", "colours", FlagType::kChoice, 0, "auto|never"},
};
constinit const Verb kRun{.name = "task",
                          .summary = "run one",
                          .operands = "FUNCTION [ARG]…",
                          .flags = kFlags,
                          .least_operands = 1,
                          .run = &never_run};
constinit const Verb kMake{
    .name = "actor create", .summary = "make one", .operands = "CLASS", .run = &never_run};
constinit const Verb kCall{.name = "actor call",
                           .summary = "call one",
                           .operands = "NAME METHOD",
                           .most_operands = 2,
                           .run = &never_run};
constinit const Verb kBegin{.name = "start",
                            .summary = "begin",
                            .operands = "",
                            .programs = kDaemon | kEveryVerb,
                            .most_operands = 0,
                            .run = &never_run};
constexpr const Verb* kTable[] = {&kRun, &kMake, &kCall, &kBegin};

Result<ParsedCommand> parse(const std::vector<std::string>& words) {
  return parse_command_line(kTable, words);
}
ParsedCommand parsed(const std::vector<std::string>& words) {
  auto command = parse(words);
  INFO((command ? "" : command.error().message));
  REQUIRE(command.ok());
  return *command;
}
std::string mistake(const std::vector<std::string>& words) {
  const auto command = parse(words);
  REQUIRE_FALSE(command.ok());
  CHECK(command.error().code == ErrorCode::kInvalidArgument);
  return command.error().message;
}
using Words = std::vector<std::string>;

}  // namespace

TEST_CASE("operands arrive as they were typed") {
  CHECK(parsed({"task", "add", "-5", "-.5", "-1e3", "[1,2,3]", "{}", "%%", "a=b", ""}).operands ==
        Words{"add", "-5", "-.5", "-1e3", "[1,2,3]", "{}", "%%", "a=b", ""});
  CHECK(parsed({"task", "f", "--", "--out", "-x", "--"}).operands ==
        Words{"f", "--out", "-x", "--"});
  CHECK(parsed({"task", "-"}).operands == Words{"-"});
}

TEST_CASE("flags may stand before, between and behind operands") {
  const auto command = parsed({"task", "--out", "here", "f", "-d", "1", "--retries=-1"});
  CHECK(command.verb == &kRun);
  CHECK(command.operands == Words{"f", "1"});
  CHECK(command.text("--out") == "here");
  CHECK(command.has("--detach"));
  CHECK(command.integer("--retries") == -1);
  CHECK_FALSE(command.has("--timeout"));
}

TEST_CASE("a flag's value is taken as it is, a dash and brackets included") {
  CHECK(parsed({"task", "f", "--retries", "-1"}).integer("--retries") == -1);
  CHECK(parsed({"task", "f", "--resources", "[1,2]"}).text("--resources") == "[1,2]");
  CHECK(parsed({"task", "f", "--resources", "{}"}).text("--resources") == "{}");
  CHECK(parsed({"task", "f", "--resources={\"a\": 1}"}).text("--resources") == "{\"a\": 1}");
  CHECK(parsed({"task", "f", "--out", ""}).text("--out") == "");
}

TEST_CASE("a repeatable flag keeps all values in their order, another is refused twice") {
  CHECK(parsed({"task", "f", "-p", "a=1", "-p", "b=[2,3]"}).all("-p") == Words{"a=1", "b=[2,3]"});
  CHECK(mistake({"task", "f", "--out", "a", "--out", "b"}) == "--out is given more than once");
}

TEST_CASE("flags that belong to every verb may stand before it") {
  const auto command = parsed({"--cluster", "lab", "-o", "json", "task", "f"});
  CHECK(command.verb == &kRun);
  REQUIRE(command.settings.size() == 1);
  CHECK(command.settings[0].option == "cluster");
  CHECK(command.settings[0].value == "lab");
  CHECK(command.text("-o") == "json");
  CHECK(command.operands == Words{"f"});
}

TEST_CASE("only a daemon's verb takes the daemon's options") {
  CHECK(parsed({"start", "--num-cpus", "3"}).settings.at(0).option == "num_cpus");
  CHECK(mistake({"actor", "create", "C", "--lease-ms", "3"}).starts_with("--lease-ms is no flag"));
}

TEST_CASE("a verb of two words is found, and its second word has a nearest name") {
  CHECK(parsed({"actor", "create", "Counter"}).verb == &kMake);
  CHECK(parsed({"actor", "-q", "call", "c", "Add"}).verb == &kCall);
  CHECK(mistake({"actor", "crate"}) == "'actor crate' is no verb (did you mean 'create'?)");
  CHECK(mistake({"actor"}).find("there are create call") != std::string::npos);
}

TEST_CASE("an unknown verb or flag gets the nearest right one") {
  CHECK(mistake({"tsak", "f"}) == "'tsak' is no verb (did you mean 'task'?)");
  CHECK(mistake({"task", "f", "--detatch"}) == "--detatch is no flag (did you mean '--detach'?)");
  CHECK(mistake({"task", "f", "--zzzzzzz"}).find("go behind --") != std::string::npos);
  CHECK(mistake({"sweep", "x"}).starts_with("'sweep' is not there yet"));
}

TEST_CASE("all mistakes of a command are reported together") {
  const std::string text =
      mistake({"task", "--retries", "many", "--timeout", "soon", "--colour", "alwys", "--nope"});
  CHECK(text.find("--retries ") != std::string::npos);
  CHECK(text.find("--timeout wants a duration") != std::string::npos);
  CHECK(text.find("--colour wants auto|never") != std::string::npos);
  CHECK(text.find("--nope is no flag") != std::string::npos);
  CHECK(text.find("rayctl task wants FUNCTION [ARG]…") != std::string::npos);
}

TEST_CASE("a flag without its value is told by name") {
  CHECK(mistake({"task", "f", "--out"}) == "--out wants DIR");
}

TEST_CASE("too many words are refused") {
  CHECK(mistake({"actor", "call", "a", "b", "c"}) ==
        "rayctl actor call takes no more than NAME METHOD");
  CHECK(mistake({"start", "now"}) == "rayctl start takes no words");
}

TEST_CASE("help is asked for whatever else is wrong, but not behind the dashes") {
  CHECK(parsed({"task", "--help"}).asks == ParsedCommand::Asks::kHelp);
  CHECK(parsed({"task", "f", "--retries", "x", "-h"}).asks == ParsedCommand::Asks::kHelp);
  CHECK(parsed({"task", "f", "--", "--help"}).asks == ParsedCommand::Asks::kRun);
  CHECK(parsed({}).asks == ParsedCommand::Asks::kHelp);
  CHECK(parsed({"--version"}).asks == ParsedCommand::Asks::kVersion);
}

TEST_CASE("durations have a unit, or are seconds") {
  CHECK(*parse_duration("30s") == Duration::seconds(30));
  CHECK(*parse_duration("1.5h") == Duration::seconds(5400));
  CHECK(*parse_duration("250ms") == Duration::millis(250));
  CHECK(*parse_duration("5") == Duration::seconds(5));
  CHECK(*parse_duration("0.5") == Duration::millis(500));
  CHECK_FALSE(parse_duration("-1").ok());
  CHECK_FALSE(parse_duration("soon").ok());
}

TEST_CASE("help shows every flag of the table with its meaning") {
  const std::string text = help(kRun);
  for (const Flag& flag : kFlags) {
    CHECK(text.find(std::string(flag.name)) != std::string::npos);
    CHECK(text.find(std::string(flag.meaning)) != std::string::npos);
  }
  CHECK(text.find("-d, --detach") != std::string::npos);
  CHECK(text.find("--cluster") != std::string::npos);
  CHECK(text.find("--num-cpus") == std::string::npos);
  CHECK(help(kBegin).find("--num-cpus") != std::string::npos);
  CHECK(help(kTable).find("actor create") != std::string::npos);
}
