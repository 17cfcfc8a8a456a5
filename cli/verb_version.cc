// version: of this program, and of the daemon if one runs.
#include "cli/exit_status.h"
#include "cli/shell.h"
#include "cli/verbs.h"
#include "cli/version.h"

namespace rayd::cli {
namespace {

int run_version(Shell& shell) {
  const auto client = shell.connect();
  if (shell.output.wants_json()) {
    Json json{Json::Object{}};
    json.set("v", 1);
    json.set("rayctl", kVersion);
    json.set("rayd", client ? Json((*client)->facts().version) : Json());
    shell.output.print(json.dump() + "\n");
    return kDone;
  }
  shell.output.print(std::string("rayctl ") + kVersion + "\n");
  if (client) shell.output.print("rayd " + (*client)->facts().version + "\n");
  return kDone;
}

}  // namespace

constinit const Verb kVersionVerb{
    .name = "version",
    .summary = "of rayctl, and of the daemon if one runs",
    .operands = "",
    .most_operands = 0,
    .run = &run_version,
};

}  // namespace rayd::cli
