#include "daemon/scheduling/policy.h"

#include <algorithm>
#include <cstddef>
#include <string_view>

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
  for (const auto& [name, quantity] : demand.custom) parts.push_back({name, quantity});
  return parts;
}

Quantity quantity_of(const ResourceSet& set, std::string_view name) {
  if (name == "CPU") return set.cpu;
  if (name == "GPU") return set.gpu;
  if (name == "memory") return set.memory_bytes;
  return set.custom_quantity(std::string(name));
}

std::string text_of(const std::string& name, Quantity quantity) {
  if (name == "memory") return std::to_string(quantity) + " bytes";
  return quantity_text(quantity);
}

/// The share of the scarcest resource in use, in 1/10000.
int64_t load_of(const NodeLoad& node) {
  int64_t load = 0;
  const auto consider = [&](Quantity total, Quantity available) {
    if (total > 0) load = std::max(load, (total - available) * 10'000 / total);
  };
  consider(node.total.cpu, node.available.cpu);
  consider(node.total.gpu, node.available.gpu);
  consider(node.total.memory_bytes, node.available.memory_bytes);
  for (const auto& [name, quantity] : node.total.custom)
    consider(quantity, node.available.custom_quantity(name));
  return load;
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
    NodeLoad load;
    uint32_t room = 0;
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
      others.push_back({node, room});
    }
  }
  while (plan.left > 0 && !others.empty()) {
    std::stable_sort(others.begin(), others.end(), [](const Candidate& a, const Candidate& b) {
      return load_of(a.load) < load_of(b.load);
    });
    const uint64_t top = std::max<uint64_t>(1, others.size() / 5);
    const size_t drawn = top == 1 ? 0 : random.below(top);
    Candidate& chosen = others[drawn];
    add_step(plan, chosen.load.node, 1);
    --plan.left;
    chosen.load.available.subtract(demand);
    if (--chosen.room == 0) others.erase(others.begin() + static_cast<ptrdiff_t>(drawn));
  }
  return plan;
}

std::string explain_infeasible(const ClusterSnapshot& cluster, const ResourceSet& demand) {
  for (const NodeLoad& node : cluster.nodes)
    if (node.total.covers(demand)) return {};
  std::string missing;
  for (const Part& part : parts_of(demand)) {
    Quantity most = 0;
    for (const NodeLoad& node : cluster.nodes)
      most = std::max(most, quantity_of(node.total, part.name));
    if (most >= part.quantity) continue;
    if (!missing.empty()) missing += "; ";
    missing += "needs " + part.name + " " + text_of(part.name, part.quantity) +
               "; no node has more than " + text_of(part.name, most);
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
    text += part.name + " " + text_of(part.name, part.quantity) + " (" + text_of(part.name, have) +
            " of " + text_of(part.name, quantity_of(total, part.name)) + " free";
    if (part.name == "CPU" && lent_cpu > 0)
      text += ", " + quantity_text(lent_cpu) + " lent by waiting tasks";
    text += ")";
  }
  return text;
}

}  // namespace rayd::scheduling
