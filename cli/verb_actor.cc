// actor: makes detached actors from the shell, calls and kills them.
#include <unistd.h>

#include <algorithm>

#include "cli/exit_status.h"
#include "cli/interrupts.h"
#include "cli/module_scope.h"
#include "cli/remote_call.h"
#include "cli/shell.h"
#include "cli/values.h"
#include "cli/verbs.h"

namespace rayd::cli {
namespace {

using Words = std::vector<std::string>;

constexpr Duration kPatience = Duration::seconds(30);

/// A session for one thing to do with actors.
struct ActorSession {
  std::unique_ptr<DaemonClient> client;
  std::unique_ptr<TaskSession> session;
};

Result<ActorSession> open(const Shell& shell, const std::string& job_name) {
  ActorSession opened;
  auto client = shell.connect();
  if (!client) return client.error();
  opened.client = std::move(*client);
  auto session = opened.client->open_session(job_name, shell.name_space());
  if (!session) return session.error();
  opened.session = std::move(*session);
  return opened;
}

std::vector<Arg> args_of(std::vector<Value>&& values) {
  std::vector<Arg> args;
  for (Value& value : values) args.push_back({ObjectId{}, std::move(value)});
  return args;
}

/// The actor's row in the cluster's table; nothing while it is not listed.
Result<std::optional<Row>> row_of(DaemonClient& client, const ActorId& actor) {
  auto rows = client.list("actors");
  if (!rows) return rows.error();
  for (Row& row : *rows) {
    if (row.id == to_string(actor)) return std::optional{std::move(row)};
  }
  return std::optional<Row>{};
}

std::string cause_of(const Row& row) {
  const std::string text = row.text("error.message");
  return text.empty() ? "it died" : text;
}

// ---- finding one --------------------------------------------------------------------------------

struct FoundActor {
  ActorId actor;
  std::string class_name;
  ImageHash image;  // all zero: not known
};

Result<std::optional<ActorFound>> look_up(TaskSession& session, const std::string& name,
                                          const std::string& name_space) {
  constexpr uint64_t kRequest = 1;
  if (const Status sent = session.send(GetActor{kRequest, name, name_space}); !sent.ok()) {
    return sent.error();
  }
  const Time deadline = now_boottime() + kPatience;
  while (now_boottime() < deadline) {
    const auto answers = session.receive(Duration::seconds(1));
    if (!answers) return answers.error();
    for (const ClientAnswer& answer : *answers) {
      const auto* found = std::get_if<ActorFound>(&answer);
      if (found != nullptr && found->request == kRequest) {
        return found->actor.is_nil() ? std::nullopt : std::optional(*found);
      }
    }
  }
  return Error{ErrorCode::kTimeout, "the daemon does not say who is named '" + name + "'"};
}

std::string class_of_factory(const std::string& factory) {
  return factory.substr(0, factory.rfind("::"));
}

/// By name in the namespace, else by id.
Result<FoundActor> find_actor(const Shell& shell, ActorSession& opened, const std::string& word) {
  if (const auto id = parse_actor_id(word)) {
    const auto row = row_of(*opened.client, *id);
    if (!row) return row.error();
    if (*row) return FoundActor{*id, (*row)->text("class"), {}};
  }
  const auto found = look_up(*opened.session, word, shell.name_space());
  if (!found) return found.error();
  if (*found && (*found)->creation) {
    const FunctionKey& factory = (*found)->creation->function;
    return FoundActor{(*found)->actor, class_of_factory(factory.name), factory.image};
  }
  return Error{ErrorCode::kNotFound, "no actor is named '" + word + "' in the namespace '" +
                                         shell.name_space() + "'; rayctl list actors shows them"};
}

/// The class as its module describes it: of the actor's own image if it is still registered.
Result<FoundName> class_of(DaemonClient& client, const FoundActor& actor) {
  auto modules = client.modules();
  if (!modules) return modules.error();
  std::vector<ModuleContents> own = *modules;
  std::erase_if(own, [&](const ModuleContents& module) { return module.hash != actor.image; });
  auto found = find_name(own.empty() ? *modules : own, NameKind::kClass, actor.class_name);
  if (!found) {
    return Error{ErrorCode::kNotFound, "the class " + actor.class_name +
                                           " of this actor is in no registered module, so "
                                           "its methods are not known; add its module"};
  }
  if (!own.empty()) return found;
  if (actor.image != ImageHash{}) found->module = actor.image;
  return found;
}

// ---- create -------------------------------------------------------------------------------------

Result<CallTemplate> creation_of(const Shell& shell, const FoundName& found, const Json& factory) {
  const ParsedCommand& command = shell.command;
  CallTemplate call;
  call.kind = CallTemplate::Kind::kActorCreation;
  call.function = {found.module, text_member(factory, "name"), text_member(factory, "type")};
  // As in the C++ API: without flags an actor needs a CPU to be placed and holds none.
  const auto demand = demand_of(command, 0);
  const auto placement = demand_of(command, kUnit);
  if (!demand) return demand.error();
  auto where = placement_of(command);
  if (!where) return where.error();
  call.placement = std::move(*where);
  call.demand = *demand;
  auto environment = environment_of(command, shell.environment);
  if (!environment) return environment.error();
  call.environment = std::move(*environment);
  call.actor.placement_demand =
      demand->is_zero() && !command.has("--num-cpus") ? *placement : *demand;
  call.actor.name = command.text("--name").value_or("");
  call.actor.name_space = shell.name_space();
  call.actor.lifetime = Lifetime::kDetached;
  if (command.has("--get-if-exists")) call.actor.get_if_exists = ActorOptions::GetIfExists::kYes;
  for (const auto& [flag, field] : {std::pair{"--max-restarts", &call.actor.max_restarts},
                                    std::pair{"--max-task-retries", &call.actor.max_task_retries},
                                    std::pair{"--max-concurrency", &call.actor.max_concurrency}}) {
    const int64_t least = field == &call.actor.max_concurrency ? 1 : -1;
    const auto value = command.integer(flag);
    if (!value) continue;
    if (*value < least || *value > 1'000'000) {
      return Error{ErrorCode::kInvalidArgument, std::string(flag) + " wants a number from " +
                                                    std::to_string(least) + " to 1000000"};
    }
    *field = static_cast<int32_t>(*value);
  }
  return call;
}

struct Creation {
  CallTemplate call;
  std::vector<Arg> args;
};

Result<Creation> make_creation(const Shell& shell, const ModuleScope& scope) {
  const Words& operands = shell.command.operands;
  const auto found = scope.find(NameKind::kClass);
  if (!found) return found.error();
  const Words words{operands.begin() + 1, operands.end()};
  const auto factory = find_factory(*found, words.size());
  if (!factory) return factory.error();
  auto values = values_of_words(parameter_types(*factory), words, text_member(*factory, "name"));
  if (!values) return values.error();
  auto call = creation_of(shell, *found, *factory);
  if (!call) return call.error();
  return Creation{std::move(*call), args_of(std::move(*values))};
}

/// What the wait for an actor's first sign of life ended with.
Result<Row> wait_until_up(const Shell& shell, DaemonClient& client, const ActorId& actor) {
  Interrupts interrupts;
  const auto timeout = shell.command.duration("--timeout");
  const Time deadline = now_boottime() + timeout.value_or(Duration::seconds(1'000'000));
  useconds_t pause_us = 1'000;
  for (;;) {
    const auto row = row_of(client, actor);
    if (!row) return row.error();
    const std::string state = *row ? (*row)->text("state") : "pending";
    if (state == "alive" || state == "restarting") return **row;
    if (state == "dead") {
      const bool is_taken = (*row)->text("error.code") == error_name(ErrorCode::kAlreadyExists);
      return Error{is_taken ? ErrorCode::kAlreadyExists : ErrorCode::kActorDied, cause_of(**row)};
    }
    const bool infeasible =
        *row && (*row)->text("error.code") == error_name(ErrorCode::kInfeasible);
    if (infeasible && !shell.command.has("--wait-for-nodes")) {
      return Error{ErrorCode::kInfeasible, cause_of(**row)};
    }
    if (interrupts.take() > 0) return Error{ErrorCode::kCancelled, "interrupted"};
    if (now_boottime() > deadline) {
      return Error{ErrorCode::kTimeout, "it is not up within the time given"};
    }
    usleep(pause_us);
    pause_us = std::min<useconds_t>(pause_us * 2, 200'000);
  }
}

/// Nobody would find an actor whose creation was given up.
int give_up(const Shell& shell, TaskSession& session, const ActorId& actor, const Error& error) {
  const bool is_dead =
      error.code == ErrorCode::kActorDied || error.code == ErrorCode::kAlreadyExists;
  if (!is_dead) static_cast<void>(session.send(KillActor{actor}));
  const int status = shell.output.fail({error.code, to_string(actor) + ": " + error.message});
  return error.code == ErrorCode::kCancelled ? kInterrupted : status;
}

int print_actor(const Shell& shell, const Row& row) {
  if (shell.output.options().format == Format::kPlain) {
    shell.output.print(row.id + "\n");
  } else {
    shell.output.print_rows({row}, {});
  }
  return kDone;
}

/// --get-if-exists: nothing when there is none of that name.
Result<std::optional<Row>> existing(const Shell& shell, DaemonClient& client, TaskSession& session,
                                    const std::string& name) {
  const auto found = look_up(session, name, shell.name_space());
  if (!found) return found.error();
  if (!*found) return std::optional<Row>{};
  return row_of(client, (*found)->actor);
}

int run_create(Shell& shell) {
  if (!shell.command.has("--name")) {
    return shell.output.fail({ErrorCode::kInvalidArgument,
                              "an actor from the shell wants --name NAME, by which it is called"});
  }
  auto client = shell.connect();
  if (!client) return shell.output.fail(client.error());
  const auto scope =
      ModuleScope::open(**client, shell.command.text("--module"), shell.command.operands.front());
  if (!scope) return shell.output.fail(scope.error());
  auto creation = make_creation(shell, **scope);
  if (!creation) return shell.output.fail(creation.error());
  const auto session = (*client)->open_session(creation->call.actor.name, shell.name_space());
  if (!session) return shell.output.fail(session.error());
  if (shell.command.has("--get-if-exists")) {
    const auto row = existing(shell, **client, **session, creation->call.actor.name);
    if (!row) return shell.output.fail(row.error());
    if (*row) return print_actor(shell, **row);
  }
  const TaskId task = TaskId::make((*session)->client(), 1);
  const ActorId actor = ActorId::of(task);
  for (const ClientMessage& message :
       {ClientMessage{DefineTemplate{0, creation->call}},
        ClientMessage{CreateActor{task, 0, std::move(creation->args)}}}) {
    if (const Status sent = (*session)->send(message); !sent.ok()) {
      return shell.output.fail(sent.error());
    }
  }
  const auto row = wait_until_up(shell, **client, actor);
  if (!row) return give_up(shell, **session, actor, row.error());
  return print_actor(shell, *row);
}

// ---- call ---------------------------------------------------------------------------------------

int run_call(Shell& shell) {
  const Words& operands = shell.command.operands;
  auto opened = open(shell, operands[0] + "." + operands[1]);
  if (!opened) return shell.output.fail(opened.error());
  const auto actor = find_actor(shell, *opened, operands[0]);
  if (!actor) return shell.output.fail(actor.error());
  const auto found = class_of(*opened->client, *actor);
  if (!found) return shell.output.fail(found.error());
  const auto method = find_method(*found, operands[1]);
  if (!method) return shell.output.fail(method.error());
  const std::string name = text_member(*method, "name");
  auto values =
      values_of_words(parameter_types(*method), {operands.begin() + 2, operands.end()}, name);
  if (!values) return shell.output.fail(values.error());

  CallTemplate call;
  call.kind = CallTemplate::Kind::kActorCall;
  call.function = {found->module, name, text_member(*method, "type")};
  call.max_retries = 0;  // the actor's setting rules
  const TaskId task = TaskId::make(opened->session->client(), 1);
  for (const ClientMessage& message :
       {ClientMessage{DefineTemplate{0, call}},
        ClientMessage{CallActor{task, actor->actor, 0, args_of(std::move(*values))}}}) {
    if (const Status sent = opened->session->send(message); !sent.ok()) {
      return shell.output.fail(sent.error());
    }
  }
  CallOptions options;
  options.timeout = shell.command.duration("--timeout");
  const auto outcome =
      RemoteCall{*opened->client, *opened->session, shell.output, options}.wait(task);
  if (!outcome) return shell.output.fail(outcome.error());
  return finish(shell.output, *outcome);
}

// ---- kill ---------------------------------------------------------------------------------------

int run_kill(Shell& shell) {
  const std::string& word = shell.command.operands.front();
  auto opened = open(shell, "kill " + word);
  if (!opened) return shell.output.fail(opened.error());
  const auto actor = find_actor(shell, *opened, word);
  if (!actor) return shell.output.fail(actor.error());
  if (const Status sent = opened->session->send(KillActor{actor->actor}); !sent.ok()) {
    return shell.output.fail(sent.error());
  }
  const Time deadline = now_boottime() + kPatience;
  for (useconds_t pause_us = 1'000; now_boottime() < deadline; pause_us *= 2) {
    const auto row = row_of(*opened->client, actor->actor);
    if (!row) return shell.output.fail(row.error());
    if (!*row || (*row)->text("state") == "dead") {
      shell.output.say(to_string(actor->actor) + " is dead");
      return kDone;
    }
    usleep(std::min<useconds_t>(pause_us, 200'000));
  }
  return shell.output.fail(
      {ErrorCode::kTimeout, to_string(actor->actor) + " is asked to end, and has not yet"});
}

constexpr Flag kCreateFlags[] = {
    {"--name", "NAME", "by which it is called and killed"},
    {"--max-restarts", "N", "how often it is made again when its process died (-1: for ever)",
     FlagType::kInteger},
    {"--max-task-retries", "N", "how often its calls are repeated then", FlagType::kInteger},
    {"--max-concurrency", "N", "so many calls at once", FlagType::kInteger},
    {"--get-if-exists", "", "one of that name will do", FlagType::kSwitch},
    {"--timeout", "DURATION", "give up when it is not up by then", FlagType::kDuration},
    {"--wait-for-nodes", "", "queue what no node can hold, in place of status 7",
     FlagType::kSwitch},
    {"--module", "FILE", "look the class up in this module alone, and forget it afterwards"},
};

constexpr Flag kCallFlags[] = {
    {"--timeout", "DURATION", "cancel the call after so long", FlagType::kDuration},
};

}  // namespace

constinit const Verb kActorCreate{
    .name = "actor create",
    .summary = "make an actor that lives until it is killed",
    .operands = "CLASS [ARG]…",
    .details =
        "The registered factory with so many parameters is called. rayctl list classes\n"
        "shows what there is.",
    .flags = kCreateFlags,
    .groups = kDemandFlags,
    .least_operands = 1,
    .run = &run_create,
};

constinit const Verb kActorCall{
    .name = "actor call",
    .summary = "call a method of a named actor",
    .operands = "NAME|ID METHOD [ARG]…",
    .flags = kCallFlags,
    .least_operands = 2,
    .run = &run_call,
};

constinit const Verb kActorKill{
    .name = "actor kill",
    .summary = "end a named actor",
    .operands = "NAME|ID",
    .least_operands = 1,
    .most_operands = 1,
    .run = &run_kill,
};

}  // namespace rayd::cli
