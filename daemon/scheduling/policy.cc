#include "daemon/scheduling/policy.h"

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "common/types/bundle_resources.h"

namespace rayd::scheduling {
namespace {

/// The kinds of resources a demand is made of, by name, for texts and loops.
struct Part {
  std::string name;
  Quantity quantity = 0;
};

std::vector<Part> parts_of(const ResourceSet& demand) {
  std::vector<Part> parts;
  if (demand.cpu != 0) parts.push_back({"CPU", demand.cpu});
  if (demand.gpu != 0) parts.push_back({"GPU", demand.gpu});
  if (demand.memory_bytes != 0) parts.push_back({"memory", demand.memory_bytes});
  for (const auto& [name, quantity] : demand.custom)
    if (is_shown_in(demand, name)) parts.push_back({name, quantity});
  return parts;
}

Quantity quantity_of(const ResourceSet& set, std::string_view name) {
  if (name == "CPU") return set.cpu;
  if (name == "GPU") return set.gpu;
  if (name == "memory") return set.memory_bytes;
  return set.custom_quantity(std::string(name));
}

std::string text_of(const std::string& name, Quantity quantity) {
  return shown_quantity(name, quantity);
}

/// The share of the scarcest resource in use, in 1/10000.
int64_t load_of(const NodeLoad& node);

/// The same when `demand` has been taken so many times.
int64_t load_of(const NodeLoad& node, const ResourceSet& demand, uint32_t taken) {
  NodeLoad less = node;
  for (; taken > 0; --taken) less.available.subtract(demand);
  return load_of(less);
}

int64_t load_of(const NodeLoad& node) {
  int64_t load = 0;
  const auto consider = [&](Quantity total, Quantity available) {
    if (total > 0) load = std::max(load, (total - available) * 10'000 / total);
  };
  consider(node.total.cpu, node.available.cpu);
  consider(node.total.gpu, node.available.gpu);
  consider(node.total.memory_bytes, node.available.memory_bytes);
  // What is in bundles was set apart for others.
  for (const auto& [name, quantity] : node.total.custom)
    if (!is_bundle_resource(name)) consider(quantity, node.available.custom_quantity(name));
  return load;
}

bool has_labels(const NodeLoad& node, const std::vector<LabelTerm>& terms) {
  static const Labels kNone;
  return matches_all(terms, node.labels == nullptr ? kNone : *node.labels);
}

void add_step(Plan& plan, NodeId node, uint32_t count) {
  for (Plan::Step& step : plan.steps) {
    if (step.node != node) continue;
    step.count += count;
    return;
  }
  plan.steps.push_back({node, count});
}

}  // namespace

uint32_t fits_times(const ResourceSet& available, const ResourceSet& demand, uint32_t limit) {
  int64_t times = limit;
  const auto consider = [&](Quantity have, Quantity need) {
    if (need > 0) times = std::min(times, std::max<int64_t>(have, 0) / need);
  };
  consider(available.cpu, demand.cpu);
  consider(available.gpu, demand.gpu);
  consider(available.memory_bytes, demand.memory_bytes);
  for (const auto& [name, quantity] : demand.custom)
    consider(available.custom_quantity(name), quantity);
  return static_cast<uint32_t>(times);
}

Plan plan_hybrid(const ClusterSnapshot& cluster, const ResourceSet& demand, uint32_t count,
                 Random& random) {
  Plan plan;
  plan.left = count;
  struct Candidate {
    const NodeLoad* node = nullptr;
    int64_t load = 0;
    uint32_t room = 0;
    uint32_t taken = 0;
  };
  std::vector<Candidate> others;
  for (const NodeLoad& node : cluster.nodes) {
    if (node.accepts != NodeLoad::Accepts::kYes) continue;
    const uint32_t room = fits_times(node.available, demand, plan.left);
    if (room == 0 || !node.total.covers(demand)) continue;
    if (node.node == cluster.self) {
      add_step(plan, node.node, room);
      plan.left -= room;
    } else {
      others.push_back({&node, load_of(node), room});
    }
  }
  while (plan.left > 0 && !others.empty()) {
    const uint64_t top = std::max<uint64_t>(1, others.size() / 5);
    const size_t drawn = top == 1 ? 0 : random.below(top);
    const auto chosen = others.begin() + static_cast<ptrdiff_t>(drawn);
    std::nth_element(others.begin(), chosen, others.end(),
                     [](const Candidate& a, const Candidate& b) {
                       return a.load != b.load ? a.load < b.load : a.node->node < b.node->node;
                     });
    add_step(plan, chosen->node->node, 1);
    --plan.left;
    if (--chosen->room == 0) {
      others.erase(chosen);
    } else if (plan.left > 0) {
      chosen->load = load_of(*chosen->node, demand, ++chosen->taken);
    }
  }
  return plan;
}

Plan plan_spread(const ClusterSnapshot& cluster, const ResourceSet& demand, uint32_t count,
                 Random& random) {
  struct Candidate {
    NodeId node;
    uint64_t turn = 0;
    uint32_t room = 0;
  };
  Plan plan;
  plan.left = count;
  std::vector<Candidate> candidates;
  uint64_t last_turn = 0;
  for (const NodeLoad& node : cluster.nodes) {
    last_turn = std::max(last_turn, node.spread_turn);
    if (node.accepts != NodeLoad::Accepts::kYes || !node.total.covers(demand)) continue;
    const uint32_t room = fits_times(node.available, demand, count);
    if (room > 0) candidates.push_back({node.node, node.spread_turn, room});
  }
  while (plan.left > 0 && !candidates.empty()) {
    std::vector<size_t> next;
    for (size_t i = 0; i < candidates.size(); ++i) {
      if (!next.empty() && candidates[i].turn < candidates[next.front()].turn) next.clear();
      if (next.empty() || candidates[i].turn == candidates[next.front()].turn) next.push_back(i);
    }
    const size_t drawn = next[next.size() == 1 ? 0 : random.below(next.size())];
    Candidate& chosen = candidates[drawn];
    add_step(plan, chosen.node, 1);
    --plan.left;
    chosen.turn = ++last_turn;
    if (--chosen.room == 0) candidates.erase(candidates.begin() + static_cast<ptrdiff_t>(drawn));
  }
  return plan;
}

ClusterSnapshot allowed(const ClusterSnapshot& cluster, const Request& request) {
  const Placement& placement = request.placement;
  ClusterSnapshot some{cluster.self, {}};
  for (const NodeLoad& node : cluster.nodes)
    if (has_labels(node, placement.required)) some.nodes.push_back(node);
  if (placement.strategy != Placement::Strategy::kNode) return some;
  const auto wanted = std::find_if(some.nodes.begin(), some.nodes.end(),
                                   [&](const NodeLoad& n) { return n.node == placement.node; });
  const bool is_soft = placement.affinity == Placement::Affinity::kSoft;
  const bool is_there = wanted != some.nodes.end();
  if (is_soft && (!is_there || !wanted->total.covers(request.demand))) return some;
  return {cluster.self, is_there ? std::vector<NodeLoad>{*wanted} : std::vector<NodeLoad>{}};
}

namespace {

/// The node whose copies of the arguments are worth going there for, if it has room.
const NodeLoad* find_local(const ClusterSnapshot& cluster, const Request& request) {
  const auto here = request.argument_bytes.find(cluster.self);
  uint64_t most = kLocalityBytes - 1;
  if (here != request.argument_bytes.end()) most += here->second;
  const NodeLoad* best = nullptr;
  for (const auto& [id, bytes] : request.argument_bytes) {
    if (bytes <= most || id == cluster.self) continue;
    for (const NodeLoad& node : cluster.nodes) {
      if (node.node != id || node.accepts != NodeLoad::Accepts::kYes) continue;
      if (fits_times(node.available, request.demand, 1) == 0) continue;
      most = bytes;
      best = &node;
    }
  }
  return best;
}

Plan plan_among(const ClusterSnapshot& cluster, const Request& request, uint32_t count,
                Random& random) {
  if (request.placement.strategy == Placement::Strategy::kSpread)
    return plan_spread(cluster, request.demand, count, random);
  if (const NodeLoad* local = find_local(cluster, request)) return {{{local->node, 1}}, count - 1};
  return plan_hybrid(cluster, request.demand, count, random);
}

}  // namespace

Plan plan(const ClusterSnapshot& cluster, const Request& request, uint32_t count, Random& random) {
  if (request.placement.is_anywhere()) return plan_among(cluster, request, count, random);
  const ClusterSnapshot all = allowed(cluster, request);
  if (request.placement.preferred.empty()) return plan_among(all, request, count, random);
  ClusterSnapshot first{all.self, {}}, others{all.self, {}};
  for (const NodeLoad& node : all.nodes)
    (has_labels(node, request.placement.preferred) ? first : others).nodes.push_back(node);
  Plan plan = plan_among(first, request, count, random);
  if (plan.left == 0) return plan;
  Plan rest = plan_among(others, request, plan.left, random);
  plan.steps.insert(plan.steps.end(), rest.steps.begin(), rest.steps.end());
  plan.left = rest.left;
  return plan;
}

std::string where_text(const Placement& placement) {
  if (placement.is_bound()) return "on " + to_string(placement.node);
  if (placement.required.empty()) return {};
  return "on nodes with " + to_text(placement.required);
}

std::string explain_infeasible(const ClusterSnapshot& cluster, const Request& request) {
  const ResourceSet& demand = request.demand;
  const Placement& placement = request.placement;
  const ClusterSnapshot some = allowed(cluster, request);
  for (const NodeLoad& node : some.nodes)
    if (node.total.covers(demand)) return {};
  if (some.nodes.empty()) {
    const bool has_labels_anywhere =
        std::any_of(cluster.nodes.begin(), cluster.nodes.end(),
                    [&](const NodeLoad& node) { return has_labels(node, placement.required); });
    if (!has_labels_anywhere)
      return "needs a node with " + to_text(placement.required) +
             "; no node has such labels: start one with --label, or ask for others";
    return "must run on " + to_string(placement.node) +
           (placement.required.empty() ? "" : " with " + to_text(placement.required)) +
           ", and there is no such node: name another, or make the affinity soft";
  }
  const std::string where = where_text(placement);
  const std::string no_node = where.empty() ? "no node has" : where + " there is no";
  std::string missing;
  for (const Part& part : parts_of(demand)) {
    Quantity most = 0;
    for (const NodeLoad& node : some.nodes)
      most = std::max(most, quantity_of(node.total, part.name));
    if (most >= part.quantity) continue;
    if (!missing.empty()) missing += "; ";
    missing += "needs " + shown_resource(part.name) + " " + text_of(part.name, part.quantity) +
               "; " + no_node + " more than " + text_of(part.name, most);
  }
  if (missing.empty()) missing = "needs " + demand.to_text() + "; no single node has all of it";
  return missing + ": start a node that has it, or ask for less";
}

std::string explain_wait(const ResourceSet& demand, const ResourceSet& total,
                         const ResourceSet& free, Quantity lent_cpu) {
  std::string text;
  for (const Part& part : parts_of(demand)) {
    const Quantity have = std::max<Quantity>(0, quantity_of(free, part.name));
    if (have >= part.quantity) continue;
    text += text.empty() ? "waits for " : " and ";
    text += shown_resource(part.name) + " " + text_of(part.name, part.quantity) + " (" +
            text_of(part.name, have) + " of " + text_of(part.name, quantity_of(total, part.name)) +
            " free";
    if (part.name == "CPU" && lent_cpu > 0)
      text += ", " + quantity_text(lent_cpu) + " lent by waiting tasks";
    text += ")";
  }
  return text;
}

}  // namespace rayd::scheduling
