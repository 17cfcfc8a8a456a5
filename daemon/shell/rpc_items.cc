#include "daemon/shell/rpc_items.h"

#include <algorithm>

#include "common/base/iso_time.h"
#include "common/types/bundle_resources.h"

namespace rayd::shell {
namespace {

constexpr const char* kJobStates[] = {"pending", "running", "succeeded", "failed", "cancelled"};
constexpr const char* kNodeStates[] = {"alive", "suspect", "draining", "dead"};
constexpr const char* kActorStates[] = {"pending", "alive", "restarting", "dead"};
constexpr const char* kWorkerStates[] = {"starting", "idle", "busy", "blocked", "actor", "ending"};
constexpr const char* kGroupStates[] = {"pending", "created", "removed", "rescheduling"};
constexpr const char* kGroupStrategies[] = {"pack", "spread", "strict_pack", "strict_spread"};
constexpr const char* kTaskStates[] = {"pending", "pending", "running", "finished"};

template <class Enum, size_t n>
Json name_of(const char* const (&names)[n], Enum value) {
  const auto index = static_cast<size_t>(value);
  return index < n ? names[index] : "unknown";
}

Json units(Quantity quantity) {
  if (quantity % kUnit == 0) return quantity / kUnit;
  return static_cast<double>(quantity) / static_cast<double>(kUnit);
}

Json resources(const ResourceSet& set) {
  Json json{Json::Object{}};
  json.set("CPU", units(set.cpu));
  if (set.gpu != 0) json.set("GPU", units(set.gpu));
  if (set.memory_bytes != 0) json.set("memory", set.memory_bytes);
  for (const auto& [name, quantity] : without_bundles(set).custom) json.set(name, units(quantity));
  return json;
}

Json labels(const Labels& labels) {
  Json json{Json::Object{}};
  for (const auto& [name, value] : labels) json.set(name, value);
  return json;
}

Json error_text(const ErrorRef& error) {
  if (!error) return nullptr;
  Json json{Json::Object{}};
  json.set("code", static_cast<int64_t>(error->code));
  json.set("message", error->message);
  return json;
}

std::vector<ItemRow> nodes(const Control& control) {
  std::vector<ItemRow> rows;
  const NodeView own = control.node_snapshot().view;
  for (const auto& node : control.head_snapshot().nodes) {
    // The node beside us is known to the moment; the head's view of it may be a second old.
    const NodeView& view = node.view.node == own.node ? own : node.view;
    Json use{Json::Object{}};
    use.set("total", resources(view.total));
    use.set("used", resources(view.used));
    use.set("lent", resources(view.lent));
    rows.push_back({to_string(view.node),
                    {{"name", node.view.name},
                     {"state", name_of(kNodeStates, node.state)},
                     {"address", node.view.address},
                     {"resources", use},
                     {"labels", labels(view.labels)}}});
  }
  return rows;
}

std::vector<ItemRow> placement_groups(const Control& control) {
  std::vector<ItemRow> rows;
  for (const GroupRow& row : control.head_snapshot().groups) {
    const GroupInfo& info = row.info;
    Json::Array bundles;
    for (const Bundle& bundle : info.bundles) {
      Json shown{Json::Object{}};
      shown.set("resources", resources(bundle.demand));
      shown.set("node", bundle.node == kHeadNode ? Json{} : Json{to_string(bundle.node)});
      bundles.push_back(std::move(shown));
    }
    rows.push_back({to_string(info.group),
                    {{"name", info.name.empty() ? Json{} : Json{info.name}},
                     {"state", name_of(kGroupStates, info.state)},
                     {"strategy", name_of(kGroupStrategies, info.strategy)},
                     {"bundles", Json{std::move(bundles)}},
                     {"job", to_string(row.job)},
                     {"pending_reason", info.why.empty() ? Json{} : Json{info.why}}}});
  }
  return rows;
}

std::vector<ItemRow> jobs(const Control& control) {
  std::vector<ItemRow> rows;
  for (const JobRow& job : control.head_snapshot().jobs) {
    rows.push_back({to_string(job.job),
                    {{"name", job.name},
                     {"state", name_of(kJobStates, job.state)},
                     {"workload", job.workload.empty() ? Json{} : Json{job.workload}},
                     {"error", error_text(job.error)}}});
  }
  return rows;
}

std::vector<ItemRow> tasks(const Control& control) {
  std::vector<ItemRow> rows;
  for (const auto& task : control.node_snapshot().tasks) {
    const bool assigned = task.phase == node::TaskPhase::kAssigned;
    rows.push_back(
        {to_string(task.task),
         {{"name", task.name},
          {"state", name_of(kTaskStates, task.phase)},
          {"node", assigned ? Json{to_string(task.node)} : Json{}},
          {"attempt", task.attempt},
          {"pending_reason", task.pending_reason.empty() ? Json{} : Json{task.pending_reason}}}});
  }
  return rows;
}

std::vector<ItemRow> actors(const Control& control) {
  std::vector<ItemRow> rows;
  const auto snapshot = control.node_snapshot();
  for (const ActorRow& row : control.head_snapshot().actors) {
    const ActorInfo& info = row.info;
    int32_t pid = 0;
    for (const auto& hosted : snapshot.actors) {
      if (hosted.actor != info.actor) continue;
      for (const auto& worker : snapshot.workers) {
        if (worker.worker == hosted.worker) pid = worker.pid;
      }
    }
    const std::string name = info.creation ? info.creation->actor.name : "";
    const std::string factory = info.creation ? info.creation->function.name : "";
    const size_t colons = factory.rfind("::");
    const bool placed = info.state == ActorState::kAlive;
    rows.push_back({to_string(info.actor),
                    {{"name", name.empty() ? Json{} : Json{name}},
                     {"class", factory.substr(0, colons)},
                     {"state", name_of(kActorStates, info.state)},
                     {"node", placed ? Json{to_string(info.node)} : Json{}},
                     {"pid", pid == 0 ? Json{} : Json{pid}},
                     {"restarts", info.restarts},
                     {"error", error_text(info.cause)}}});
  }
  return rows;
}

std::vector<ItemRow> objects(const Control& control) {
  constexpr const char* kKinds[] = {"pending", "inline", "stored", "error"};
  std::vector<ItemRow> rows;
  for (const auto& object : control.node_snapshot().objects) {
    rows.push_back({to_string(object.object),
                    {{"size", object.size},
                     {"state", name_of(kKinds, object.kind)},
                     {"refs", object.local},
                     {"node", to_string(object.object.node())}}});
  }
  return rows;
}

std::vector<ItemRow> workers(const Control& control) {
  std::vector<ItemRow> rows;
  const auto snapshot = control.node_snapshot();
  for (const auto& worker : snapshot.workers) {
    rows.push_back({to_string(worker.worker),
                    {{"pid", worker.pid},
                     {"node", to_string(snapshot.node)},
                     {"state", name_of(kWorkerStates, worker.phase)},
                     {"task", worker.task.is_nil() ? Json{} : Json{to_string(worker.task)}},
                     {"actor", worker.actor.is_nil() ? Json{} : Json{to_string(worker.actor)}}}});
  }
  return rows;
}

std::vector<ItemRow> modules(const Control& control) {
  std::vector<ItemRow> rows;
  for (const ModuleRow& module : control.head_snapshot().modules) {
    rows.push_back({module.name, {{"file", module.file_name}, {"hash", to_string(module.hash)}}});
  }
  return rows;
}

/// What the modules register under `list`, with the fields that people look for.
std::vector<ItemRow> registered(const Control& control, const std::string& list) {
  std::vector<ItemRow> rows;
  for (const ModuleRow& module : control.head_snapshot().modules) {
    const auto description = Json::parse(module.description_json);
    const Json* entries = description ? description->find(list) : nullptr;
    if (entries == nullptr || entries->array() == nullptr) continue;
    for (const Json& entry : *entries->array()) {
      ItemRow row;
      const Json* name = entry.find("name");
      row.id = name != nullptr && name->string() != nullptr ? *name->string() : "";
      row.fields.emplace_back("module", module.name);
      for (const char* key : {"type", "summary"}) {
        if (const Json* field = entry.find(key)) row.fields.emplace_back(key, *field);
      }
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

}  // namespace

/// ISO 8601, UTC; null: never.
Json time_json(int64_t unix_ms) {
  if (unix_ms == 0) return Json{};
  return Json{iso_time(unix_ms)};
}

std::vector<ItemRow> tokens(const Control& control) {
  std::vector<ItemRow> rows;
  const int64_t now = now_unix_ms();
  for (const TokenRow& token : control.head_snapshot().tokens) {
    const bool expired = token.expires_unix_ms != 0 && token.expires_unix_ms <= now;
    const char* state = token.revoked_unix_ms != 0 ? "revoked" : expired ? "expired" : "good";
    rows.push_back({to_string(token.token),
                    {{"role", name_of(token.role)},
                     {"state", state},
                     {"label", token.label},
                     {"created", time_json(token.created_unix_ms)},
                     {"expires", time_json(token.expires_unix_ms)}}});
  }
  return rows;
}

Result<std::vector<ItemRow>> list_items(const Control& control, const std::string& kind) {
  if (kind == "nodes") return nodes(control);
  if (kind == "jobs") return jobs(control);
  if (kind == "tasks") return tasks(control);
  if (kind == "actors") return actors(control);
  if (kind == "objects") return objects(control);
  if (kind == "workers") return workers(control);
  if (kind == "modules") return modules(control);
  if (kind == "tokens") return tokens(control);
  if (kind == "placement-groups") return placement_groups(control);
  if (kind == "functions" || kind == "classes" || kind == "workloads") {
    return registered(control, kind);
  }
  return Error{ErrorCode::kInvalidArgument,
               "'" + kind +
                   "' cannot be listed; there are nodes, jobs, tasks, actors, objects, "
                   "workers, functions, classes, workloads, modules, tokens, placement-groups"};
}

std::vector<ItemRow> pending_items(const Control& control) {
  std::vector<ItemRow> rows;
  for (const auto& task : control.node_snapshot().tasks) {
    if (task.pending_reason.empty()) continue;
    rows.push_back({to_string(task.task),
                    {{"name", task.name},
                     {"pending_reason", task.pending_reason},
                     {"infeasible", task.infeasible == node::TaskSnapshot::Infeasible::kYes}}});
  }
  return rows;
}

}  // namespace rayd::shell
