#include "cli/output.h"

#include "cli/exit_status.h"
#include "cli/table.h"
#include "tests/unit/catch.h"

namespace {

using namespace rayd;
using namespace rayd::cli;

OutputOptions in(Format format) {
  OutputOptions options;
  options.format = format;
  return options;
}

std::vector<Row> jobs() {
  return {{"job-1", {{"name", "square"}, {"state", "succeeded"}, {"error", nullptr}}},
          {"job-12", {{"name", "a, \"b\""}, {"state", "failed"}, {"error", nullptr}}}};
}

Outcome succeeded(Json result) {
  Outcome outcome;
  outcome.job = JobId{7};
  outcome.result = std::move(result);
  return outcome;
}

Outcome failed(ErrorCode code, std::string message) {
  Outcome outcome;
  outcome.job = JobId{7};
  outcome.state = JobState::kFailed;
  outcome.error.emplace();
  outcome.error->code = code;
  outcome.error->message = std::move(message);
  return outcome;
}

}  // namespace

TEST_CASE("a table has a header and columns as wide as they need to be") {
  CHECK(format_rows(jobs(), {"id", "name", "state"}, in(Format::kPlain)) ==
        "ID      NAME    STATE\n"
        "job-1   square  succeeded\n"
        "job-12  a, \"b\"  failed\n");
  CHECK(format_rows({}, {"id"}, in(Format::kPlain)).empty());
}

TEST_CASE("a table is cut at a terminal's width, a wide one and a pipe's never") {
  OutputOptions options = in(Format::kPlain);
  options.terminal.output = true;
  options.terminal.columns = 12;
  CHECK(format_rows(jobs(), {"id", "name"}, options).starts_with("ID      NAME\njob-1   squ…\n"));
  options.format = Format::kWide;
  CHECK(format_rows(jobs(), {"id"}, options).find("succeeded") != std::string::npos);
  options = in(Format::kPlain);
  options.terminal.columns = 12;
  CHECK(format_rows(jobs(), {"id", "name"}, options).find("square") != std::string::npos);
}

TEST_CASE("colour is for terminals alone") {
  OutputOptions options = in(Format::kTable);
  CHECK(format_rows(jobs(), {"id"}, options).find('\033') == std::string::npos);
  options.terminal.colour = true;
  CHECK(format_rows(jobs(), {"id"}, options).starts_with("\033[1mID\033[0m\n"));
}

TEST_CASE("lists are one JSON document, a line an item, or CSV") {
  CHECK(format_rows({jobs()[0]}, {"id"}, in(Format::kJson)) ==
        R"({"v":1,"items":[{"id":"job-1","name":"square","state":"succeeded","error":null}]})"
        "\n");
  CHECK(format_rows({}, {}, in(Format::kJson)) == "{\"v\":1,\"items\":[]}\n");
  CHECK(format_rows(jobs(), {"id"}, in(Format::kJsonl)).find("}\n{\"id\":\"job-12\"") !=
        std::string::npos);
  CHECK(format_rows(jobs(), {"id"}, in(Format::kCsv)) ==
        "id,name,state,error\njob-1,square,succeeded,\njob-12,\"a, \"\"b\"\"\",failed,\n");
}

TEST_CASE("objects and errors in a table are readable") {
  const std::vector<Row> rows{
      {"x",
       {{"use", *Json::parse(R"({"CPU":2,"total":{"disk":1}})")},
        {"error", *Json::parse(R"({"code":"task_threw","message":"no seed"})")}}}};
  const std::string text = format_rows(rows, {"id", "use", "error"}, in(Format::kPlain));
  CHECK(text.find("CPU 2, total (disk 1)  no seed") != std::string::npos);
}

TEST_CASE("control characters do not leave a table") {
  CHECK(format_table({"A"}, {{"x\ny\033[0m"}}, {}) == "A\nx y [0m\n");
}

TEST_CASE("without a format the result is the bare value") {
  CHECK(format_outcome(succeeded(*Json::parse("[0,1,4,9]")), in(Format::kPlain)) == "[0,1,4,9]\n");
  CHECK(format_outcome(succeeded("text"), in(Format::kPlain)) == "text\n");
  CHECK(format_outcome(succeeded(nullptr), in(Format::kPlain)).empty());
}

TEST_CASE("as JSON a result is the whole outcome") {
  CHECK(format_outcome(succeeded(*Json::parse("[1]")), in(Format::kJson)) ==
        R"({"v":1,"job":"job-7","state":"succeeded","result":[1],"error":null})"
        "\n");
  CHECK(format_outcome(failed(ErrorCode::kTaskThrew, "no seed"), in(Format::kJson)) ==
        R"({"v":1,"job":"job-7","state":"failed","result":null,)"
        R"("error":{"code":"task_threw","message":"no seed"}})"
        "\n");
}

TEST_CASE("an object has a line for each member as a table, and a header as CSV") {
  const Outcome outcome = succeeded(*Json::parse(R"({"population":116,"digest":"7057"})"));
  CHECK(format_outcome(outcome, in(Format::kTable)) ==
        "KEY         VALUE\npopulation  116\ndigest      7057\n");
  CHECK(format_outcome(outcome, in(Format::kCsv)) == "population,digest\n116,7057\n");
}

TEST_CASE("errors are marked, and what belongs to them is not") {
  CHECK(format_error("no cluster") == "rayctl: no cluster\n");
  CHECK(format_error("a is wrong\nb is wrong\n  see c") ==
        "rayctl: a is wrong\nrayctl: b is wrong\n  see c\n");
  CHECK(format_error("") == "rayctl: failed\n");
}

TEST_CASE("every error code has its exit status") {
  CHECK(exit_status(ErrorCode::kTaskThrew) == 1);
  CHECK(exit_status(ErrorCode::kInvalidArgument) == 2);
  CHECK(exit_status(ErrorCode::kAlreadyExists) == 2);
  CHECK(exit_status(ErrorCode::kNotFound) == 3);
  CHECK(exit_status(ErrorCode::kFunctionNotFound) == 3);
  CHECK(exit_status(ErrorCode::kUnavailable) == 4);
  CHECK(exit_status(ErrorCode::kNotAllowed) == 5);
  CHECK(exit_status(ErrorCode::kTimeout) == 6);
  CHECK(exit_status(ErrorCode::kInfeasible) == 7);
  CHECK(exit_status(static_cast<ErrorCode>(999)) == 1);
  for (int code = 0; code < 30; ++code) {
    const auto name = error_name(static_cast<ErrorCode>(code));
    CHECK(error_name(error_code_of(name)) == name);
  }
}

TEST_CASE("the failure of work is status 1, whatever went wrong in it") {
  CHECK(exit_status(succeeded(1)) == 0);
  CHECK(exit_status(failed(ErrorCode::kTaskThrew, "x")) == 1);
  CHECK(exit_status(failed(ErrorCode::kNotFound, "x")) == 1);
  Outcome cancelled = failed(ErrorCode::kCancelled, "x");
  CHECK(exit_status(cancelled) == 1);
  cancelled.cut = Outcome::Cut::kInterrupted;
  CHECK(exit_status(cancelled) == 130);
  cancelled.cut = Outcome::Cut::kTimedOut;
  CHECK(exit_status(cancelled) == 6);
  cancelled.cut = Outcome::Cut::kInfeasible;
  CHECK(exit_status(cancelled) == 7);
}

TEST_CASE("an outcome that was kept reads back") {
  const Outcome original = failed(ErrorCode::kWorkerDied, "signal 9 (SIGKILL)");
  Outcome again;
  again.job = JobId{7};
  read_outcome(to_json(original), again);
  CHECK(to_json(again) == to_json(original));
  Outcome good;
  good.job = JobId{7};
  read_outcome(to_json(succeeded("x")), good);
  CHECK(to_json(good) == to_json(succeeded("x")));
}

TEST_CASE("an error names what failed and the type that was thrown, once") {
  Outcome outcome = failed(ErrorCode::kTaskThrew, "no seed");
  outcome.error->remote_type = "std::runtime_error";
  outcome.error->function = "grow";
  CHECK(error_of(outcome)->message == "grow failed: std::runtime_error: no seed");
  outcome.error->message = "grow threw std::runtime_error: no seed";
  CHECK(error_of(outcome)->message == "grow threw std::runtime_error: no seed");
}
