// Strategies, label selectors and locality, as tables of nodes.
#include <algorithm>

#include "daemon/scheduling/cluster_view.h"
#include "daemon/scheduling/policy.h"
#include "daemon/scheduling/shapes.h"
#include "tests/unit/catch.h"

using namespace rayd;
using namespace rayd::scheduling;

namespace {

ResourceSet cpus(int64_t count) {
  ResourceSet set;
  set.cpu = count * kUnit;
  return set;
}

NodeLoad node(uint32_t id, int64_t total, int64_t available, Labels labels = {}) {
  NodeLoad load;
  load.node = NodeId{id};
  load.name = "n" + std::to_string(id);
  load.total = cpus(total);
  load.available = cpus(available);
  load.labels = std::make_shared<const Labels>(std::move(labels));
  return load;
}

ClusterSnapshot cluster_of(std::vector<NodeLoad> nodes) { return {NodeId{1}, std::move(nodes)}; }

LabelTerm term(std::string_view text) {
  auto parsed = parse_label_term(text);
  REQUIRE(parsed.ok());
  return *parsed;
}

Placement with_labels(std::vector<LabelTerm> required, std::vector<LabelTerm> preferred = {}) {
  Placement placement;
  placement.required = std::move(required);
  placement.preferred = std::move(preferred);
  return placement;
}

Placement on_node(uint32_t id, Placement::Affinity affinity) {
  Placement placement;
  placement.strategy = Placement::Strategy::kNode;
  placement.node = NodeId{id};
  placement.affinity = affinity;
  return placement;
}

/// The nodes of a plan as "2 2 3": one a task, by number.
std::string where(const Plan& plan) {
  std::vector<uint32_t> nodes;
  for (const Plan::Step& step : plan.steps) nodes.insert(nodes.end(), step.count, step.node.value);
  std::sort(nodes.begin(), nodes.end());
  std::string text;
  for (const uint32_t id : nodes) text += (text.empty() ? "" : " ") + std::to_string(id);
  return text;
}

std::string place(const ClusterSnapshot& cluster, const Placement& placement, uint32_t count = 1) {
  Random random{7};
  const ResourceSet demand = cpus(1);
  return where(plan(cluster, {demand, placement}, count, random));
}

const ClusterSnapshot kZones =
    cluster_of({node(1, 4, 4, {{"zone", "a"}}), node(2, 4, 4, {{"zone", "b"}, {"disk", "ssd"}}),
                node(3, 4, 4, {{"zone", "c"}, {"disk", "hdd"}})});

}  // namespace

TEST_CASE("a label selector holds as it is written") {
  const Labels labels{{"zone", "a"}, {"disk", "ssd"}};
  const struct {
    const char* text;
    bool holds;
  } cases[] = {
      {"zone=a", true},          {"zone=b", false},          {"zone!=a", false},
      {"zone != b", true},       {"zone in (a, b)", true},   {"zone in (b,c)", false},
      {"zone !in (b, c)", true}, {"zone !in (a, c)", false}, {"zone", true},
      {"rack", false},           {"rack=1", false},          {"rack!=1", true},
      {"rack !in (1)", true},    {"zone=in(a,b)", true},     {"zone=!in(a,b)", false},
      {"zone=!b", true},         {"zone=", false},           {"inside=a", false},
  };
  for (const auto& a_case : cases) {
    INFO(a_case.text);
    const auto parsed = parse_label_term(a_case.text);
    REQUIRE(parsed.ok());
    CHECK(parsed.value().matches(labels) == a_case.holds);
    const auto again = parse_label_term(parsed.value().to_text());
    REQUIRE(again.ok());
    CHECK(again.value() == parsed.value());
  }
}

TEST_CASE("what is no label selector is refused with an example") {
  for (const char* text : {"", "=a", "zone in a", "zone in ()", "zone in (a,,b)", "zone ~ a",
                           "zone=a b", "zone in (a", "!zone"}) {
    INFO(text);
    const auto parsed = parse_label_term(text);
    REQUIRE_FALSE(parsed.ok());
    CHECK(parsed.error().message.find("zone=a") != std::string::npos);
  }
  CHECK_FALSE(parse_label("zone").ok());
  CHECK_FALSE(parse_label("rayd.io/node-id=node-1").ok());
  CHECK_FALSE(parse_label("zone=a b").ok());
  CHECK(parse_label("zone = a").value() == std::pair<std::string, std::string>{"zone", "a"});
}

TEST_CASE("required labels hold under the default strategy, preferred ones go first") {
  CHECK(place(kZones, with_labels({term("zone=b")})) == "2");
  CHECK(place(kZones, with_labels({term("zone!=a"), term("disk=hdd")})) == "3");
  CHECK(place(kZones, with_labels({term("disk")}), 8) == "2 2 2 2 3 3 3 3");
  CHECK(place(kZones, with_labels({term("zone=nowhere")})).empty());
  CHECK(place(kZones, with_labels({}, {term("disk=ssd")})) == "2");
  CHECK(place(kZones, with_labels({}, {term("disk=ssd")}), 6) == "1 1 2 2 2 2");
  CHECK(place(kZones, with_labels({}, {term("zone=nowhere")})) == "1");
}

TEST_CASE("spread goes round the nodes with room, whatever their load") {
  Placement spread;
  spread.strategy = Placement::Strategy::kSpread;
  CHECK(place(kZones, spread, 6) == "1 1 2 2 3 3");
  CHECK(place(cluster_of({node(1, 4, 1), node(2, 4, 4), node(3, 4, 0)}), spread, 4) == "1 2 2 2");
  spread.required = {term("zone in (a, c)")};
  CHECK(place(kZones, spread, 4) == "1 1 3 3");
}

TEST_CASE("spread remembers whose turn it was, so short tasks spread too") {
  ClusterView view{NodeId{1}};
  for (uint32_t id = 2; id <= 4; ++id) {
    NodeView of_node;
    of_node.node = NodeId{id};
    of_node.version = 1;
    of_node.total = cpus(2);
    view.on_view(of_node);
  }
  Random random{3};
  std::vector<uint32_t> given(5);
  for (int i = 0; i < 12; ++i) {
    const Plan one = plan_spread(view.snapshot(cpus(2), cpus(2)), cpus(1), 1, random);
    const NodeId chosen = one.steps.at(0).node;
    ++given.at(chosen.value);
    view.on_spread(chosen);
  }
  CHECK(given == std::vector<uint32_t>{0, 3, 3, 3, 3});
}

TEST_CASE("a hard affinity is for its node only, a soft one falls back") {
  using Affinity = Placement::Affinity;
  const auto busy = cluster_of({node(1, 4, 4), node(2, 4, 0), node(3, 0, 0)});
  CHECK(place(kZones, on_node(3, Affinity::kHard)) == "3");
  CHECK(place(kZones, on_node(9, Affinity::kHard)).empty());
  CHECK(place(kZones, on_node(9, Affinity::kSoft)) == "1");
  CHECK(place(busy, on_node(2, Affinity::kHard)).empty());
  CHECK(place(busy, on_node(2, Affinity::kSoft)).empty());  // it waits for its node
  CHECK(place(busy, on_node(3, Affinity::kSoft)) == "1");   // which could never have it
  Placement elsewhere = on_node(3, Affinity::kHard);
  elsewhere.required = {term("zone=a")};
  CHECK(place(kZones, elsewhere).empty());
}

TEST_CASE("large arguments draw a task to the node that has them, if it has room") {
  Random random{1};
  const ResourceSet demand = cpus(1);
  const Placement anywhere;
  const auto go = [&](const ClusterSnapshot& cluster, std::map<NodeId, uint64_t> bytes) {
    return where(plan(cluster, {demand, anywhere, std::move(bytes)}, 1, random));
  };
  const uint64_t large = 3 * kLocalityBytes;
  CHECK(go(kZones, {{NodeId{3}, large}}) == "3");
  CHECK(go(kZones, {{NodeId{2}, large}, {NodeId{3}, 2 * large}}) == "3");
  CHECK(go(kZones, {{NodeId{3}, kLocalityBytes - 1}}) == "1");
  CHECK(go(kZones, {{NodeId{1}, large}, {NodeId{3}, large + 1}}) == "1");  // as much is here
  CHECK(go(cluster_of({node(1, 4, 4), node(3, 4, 0)}), {{NodeId{3}, large}}) == "1");
  CHECK(go(kZones, {{NodeId{9}, large}}) == "1");
}

TEST_CASE("what no node can have says whether labels, a node or resources are missing") {
  const ResourceSet one = cpus(1), many = cpus(9);
  const auto why = [&](const ResourceSet& demand, const Placement& placement) {
    return explain_infeasible(kZones, {demand, placement});
  };
  CHECK(why(one, with_labels({term("zone=b")})).empty());
  CHECK(why(one, with_labels({}, {term("zone=nowhere")})).empty());
  CHECK(why(one, with_labels({term("zone=x"), term("disk")})) ==
        "needs a node with zone=x and disk; no node has such labels: start one with --label, or "
        "ask for others");
  CHECK(why(many, with_labels({term("zone=b")})) ==
        "needs CPU 9; on nodes with zone=b there is no more than 4: start a node that has it, or "
        "ask for less");
  CHECK(why(one, on_node(9, Placement::Affinity::kHard)) ==
        "must run on node-9, and there is no such node: name another, or make the affinity soft");
  CHECK(why(one, on_node(9, Placement::Affinity::kSoft)).empty());
}

TEST_CASE("calls of other placement do not share a shape") {
  ShapeTable shapes;
  CallTemplate call;
  call.demand = cpus(1);
  const auto shape_of = [&](const Placement& placement) {
    CallTemplate placed = call;
    placed.placement = placement;
    static std::vector<TemplateRef> kept;
    kept.push_back(std::make_shared<const CallTemplate>(placed));
    return shapes.shape_of(kept.back());
  };
  const auto anywhere = shape_of({});
  CHECK(shape_of({}) == anywhere);
  const auto zone = shape_of(with_labels({term("zone=a")}));
  CHECK(zone != anywhere);
  CHECK(shape_of(with_labels({term("zone=a")})) == zone);
  CHECK(shape_of(on_node(2, Placement::Affinity::kHard)) !=
        shape_of(on_node(2, Placement::Affinity::kSoft)));
}
