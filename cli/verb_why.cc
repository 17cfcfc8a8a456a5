// why: all that waits, by cause; a cause names its cure.
#include <algorithm>

#include "cli/exit_status.h"
#include "cli/shell.h"
#include "cli/verbs.h"

namespace rayd::cli {
namespace {

struct Cause {
  std::string reason;
  bool infeasible = false;
  std::vector<const Row*> waiting;
};

/// Those with the most that wait first.
std::vector<Cause> causes_of(const std::vector<Row>& pending) {
  std::vector<Cause> causes;
  for (const Row& row : pending) {
    const std::string reason = row.text("pending_reason");
    auto cause = std::find_if(causes.begin(), causes.end(),
                              [&](const Cause& known) { return known.reason == reason; });
    if (cause == causes.end()) {
      const Json* infeasible = row.find("infeasible");
      causes.push_back(
          {reason, infeasible != nullptr && infeasible->boolean().value_or(false), {}});
      cause = causes.end() - 1;
    }
    cause->waiting.push_back(&row);
  }
  std::stable_sort(causes.begin(), causes.end(), [](const Cause& a, const Cause& b) {
    return a.waiting.size() > b.waiting.size();
  });
  return causes;
}

Json document_of(const std::vector<Cause>& causes) {
  Json items{Json::Array{}};
  for (const Cause& cause : causes) {
    Json ids{Json::Array{}};
    for (const Row* row : cause.waiting) ids.push(row->id);
    Json item{Json::Object{}};
    item.set("reason", cause.reason);
    item.set("infeasible", cause.infeasible);
    item.set("count", static_cast<int64_t>(cause.waiting.size()));
    item.set("ids", std::move(ids));
    items.push(std::move(item));
  }
  Json document{Json::Object{}};
  document.set("v", 1);
  document.set("items", std::move(items));
  return document;
}

std::string text_of(const std::vector<Cause>& causes) {
  constexpr size_t kNamed = 5;
  std::string text;
  for (const Cause& cause : causes) {
    const size_t count = cause.waiting.size();
    text += std::to_string(count) + (count == 1 ? " waits: " : " wait: ") + cause.reason + "\n";
    for (size_t i = 0; i < std::min(count, kNamed); ++i) {
      text += "  " + cause.waiting[i]->id + " " + cause.waiting[i]->text("name") + "\n";
    }
    if (count > kNamed) text += "  and " + std::to_string(count - kNamed) + " more\n";
  }
  return text;
}

int run_why(Shell& shell) {
  const auto client = shell.connect();
  if (!client) return shell.output.fail(client.error());
  const auto report = (*client)->status();
  if (!report) return shell.output.fail(report.error());
  const auto causes = causes_of(report->pending);
  if (shell.output.wants_json()) {
    shell.output.print(document_of(causes).dump() + "\n");
  } else {
    if (causes.empty()) shell.output.say("nothing waits");
    shell.output.print(text_of(causes));
  }
  return kDone;
}

}  // namespace

constinit const Verb kWhy{
    .name = "why",
    .summary = "all that waits, by cause, each with the cure",
    .operands = "",
    .most_operands = 0,
    .run = &run_why,
};

}  // namespace rayd::cli
