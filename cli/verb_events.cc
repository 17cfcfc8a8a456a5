// events: what happened lately on the machines of the cluster.
#include "cli/exit_status.h"
#include "cli/interrupts.h"
#include "cli/shell.h"
#include "cli/verbs.h"
#include "common/base/iso_time.h"

namespace rayd::cli {
namespace {

constexpr Duration kPatience = Duration::seconds(30);

Json to_json(const ClusterEvent& event) {
  Json json{Json::Object{}};
  json.set("time", iso_time(event.unix_ms));
  json.set("node", to_string(event.node));
  json.set("level", event.level);
  json.set("name", event.name);
  json.set("text", event.text);
  return json;
}

/// A line each; only a list that is at its end can be one document.
void print_lines(const Output& output, const std::vector<ClusterEvent>& events) {
  for (const ClusterEvent& event : events) {
    if (output.wants_json()) {
      output.print(to_json(event).dump() + "\n");
    } else {
      output.print(iso_time(event.unix_ms) + " " + to_string(event.node) + " " + event.level + " " +
                   event.name + " " + event.text + "\n");
    }
  }
}

void print_list(const Output& output, const std::vector<ClusterEvent>& events) {
  if (output.options().format != Format::kJson) return print_lines(output, events);
  Json items{Json::Array{}};
  for (const ClusterEvent& event : events) items.push(to_json(event));
  Json document{Json::Object{}};
  document.set("v", 1);
  document.set("items", std::move(items));
  output.print(document.dump() + "\n");
}

int follow(Shell& shell, DaemonClient& client) {
  Interrupts interrupts;
  client.set_interrupt(interrupts.fd());
  for (uint64_t cursor = 0;;) {
    const auto part = client.events(cursor, kPatience);
    if (!part && part.error().code == ErrorCode::kCancelled) return kInterrupted;
    if (!part) return shell.output.fail(part.error());
    print_lines(shell.output, part->events);
    if (!shell.output.flush()) return kFailed;
    cursor = part->cursor;
  }
}

int run_events(Shell& shell) {
  const auto client = shell.connect();
  if (!client) return shell.output.fail(client.error());
  if (shell.command.has("--follow")) return follow(shell, **client);
  const auto part = (*client)->events(0, Duration{});
  if (!part) return shell.output.fail(part.error());
  print_list(shell.output, part->events);
  return kDone;
}

constexpr Flag kFlags[] = {
    {"--follow", "", "stay, and print what happens from now on too", FlagType::kSwitch, 'f'},
};

}  // namespace

constinit const Verb kEvents{
    .name = "events",
    .summary = "what happened lately: nodes that come and go, actors, jobs, workers",
    .operands = "",
    .details =
        "The last 10,000 of all machines, as the head has them since its start; each\n"
        "machine's log has its own for longer.",
    .flags = kFlags,
    .most_operands = 0,
    .run = &run_events,
};

}  // namespace rayd::cli
