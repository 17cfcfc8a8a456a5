// token: who may join, submit or look from another machine.
#include "cli/exit_status.h"
#include "cli/shell.h"
#include "cli/verbs.h"

namespace rayd::cli {
namespace {

constexpr int64_t kDayMs = int64_t{24} * 3600 * 1000;

TokenRole role_of(const std::string& name) {
  if (name == "join") return TokenRole::kJoin;
  return name == "submit" ? TokenRole::kSubmit : TokenRole::kLook;
}

int run_create(Shell& shell) {
  const auto client = shell.connect();
  if (!client) return shell.output.fail(client.error());
  const std::string role = shell.command.text("--role").value_or("join");
  const auto lifetime = shell.command.duration("--expires");
  const int64_t lifetime_ms = lifetime ? lifetime->ns / 1'000'000 : kDayMs;
  const auto token = (*client)->create_token(
      role_of(role), shell.command.text("--label").value_or(""), lifetime_ms);
  if (!token) return shell.output.fail(token.error());
  shell.output.print(*token + "\n");
  return kDone;
}

int run_list(Shell& shell) {
  const auto client = shell.connect();
  if (!client) return shell.output.fail(client.error());
  const auto rows = (*client)->list("tokens");
  if (!rows) return shell.output.fail(rows.error());
  if (rows->empty()) shell.output.say("no tokens; rayctl token create --role join|submit|look");
  shell.output.print_rows(*rows, {});
  return kDone;
}

int run_revoke(Shell& shell) {
  const auto client = shell.connect();
  if (!client) return shell.output.fail(client.error());
  const std::string& id = shell.command.operands.front();
  if (const Status revoked = (*client)->revoke_token(id); !revoked.ok()) {
    return shell.output.fail(revoked.error());
  }
  shell.output.say(id + " lets nobody in any more; who is in stays");
  return kDone;
}

constexpr Flag kCreateFlags[] = {
    {"--role", "ROLE", "what it allows (default: join)", FlagType::kChoice, 0, "join|submit|look"},
    {"--expires", "TIME", "how long it is good: 30m, 24h, 7d; 0 for ever (default: 24h)",
     FlagType::kDuration},
    {"--label", "TEXT", "what token list calls it"},
};

}  // namespace

constinit const Verb kTokenCreate{
    .name = "token create",
    .summary = "let other machines join, submit or look; prints the token alone",
    .operands = "",
    .details =
        "Whoever has it may do what it allows until it expires or is revoked. It is not kept\n"
        "here: only this command ever shows it.",
    .flags = kCreateFlags,
    .most_operands = 0,
    .run = &run_create,
};

constinit const Verb kTokenList{
    .name = "token list",
    .summary = "the tokens there are, without their secrets",
    .operands = "",
    .most_operands = 0,
    .run = &run_list,
};

constinit const Verb kTokenRevoke{
    .name = "token revoke",
    .summary = "a token lets nobody in any more",
    .operands = "ID",
    .least_operands = 1,
    .most_operands = 1,
    .run = &run_revoke,
};

}  // namespace rayd::cli
