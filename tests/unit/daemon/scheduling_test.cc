#include "daemon/scheduling/cluster_view.h"
#include "daemon/scheduling/ledger.h"
#include "daemon/scheduling/policy.h"
#include "daemon/scheduling/shapes.h"
#include "tests/unit/catch.h"

using namespace rayd;
using namespace rayd::scheduling;

namespace {

const Placement kAnywhere;

ResourceSet cpus(int64_t count) {
  ResourceSet set;
  set.cpu = count * kUnit;
  return set;
}

ResourceSet gpus(int64_t count) {
  ResourceSet set;
  set.gpu = count * kUnit;
  return set;
}

NodeLoad node(uint32_t id, ResourceSet total, ResourceSet available) {
  return {NodeId{id}, "n" + std::to_string(id), std::move(total), std::move(available),
          NodeLoad::Accepts::kYes};
}

ClusterSnapshot cluster_of(std::vector<NodeLoad> nodes) {
  return ClusterSnapshot{NodeId{1}, std::move(nodes)};
}

uint32_t count_on(const Plan& plan, uint32_t id) {
  for (const Plan::Step& step : plan.steps)
    if (step.node == NodeId{id}) return step.count;
  return 0;
}

NodeView view_of(uint32_t id, uint64_t version, int64_t total, int64_t used) {
  NodeView view;
  view.node = NodeId{id};
  view.version = version;
  view.total = cpus(total);
  view.used = cpus(used);
  return view;
}

TemplateRef template_of(ResourceSet demand, uint8_t image) {
  CallTemplate call;
  call.demand = std::move(demand);
  call.function.image.bytes[0] = image;
  return std::make_shared<const CallTemplate>(std::move(call));
}

}  // namespace

TEST_CASE("work stays on this node until its CPUs are used, then goes where most is free") {
  Random random{1};
  const auto cluster =
      cluster_of({node(1, cpus(2), cpus(2)), node(2, cpus(8), cpus(2)), node(3, cpus(8), cpus(8))});
  const Plan plan = plan_hybrid(cluster, cpus(1), 5, random);
  CHECK(count_on(plan, 1) == 2);
  CHECK(count_on(plan, 3) == 3);
  CHECK(plan.left == 0);
}

TEST_CASE("what fits nowhere now is left over, and nothing goes to nodes that do not accept") {
  Random random{1};
  auto cluster = cluster_of({node(1, cpus(2), cpus(1)), node(2, cpus(8), cpus(8))});
  cluster.nodes[1].accepts = NodeLoad::Accepts::kNotNow;
  const Plan plan = plan_hybrid(cluster, cpus(1), 3, random);
  CHECK(count_on(plan, 1) == 1);
  CHECK(plan.left == 2);
}

TEST_CASE("owners with different chances spread over the least loaded fifth") {
  std::vector<NodeLoad> nodes{node(1, cpus(1), cpus(0))};
  for (uint32_t id = 2; id <= 21; ++id) nodes.push_back(node(id, cpus(4), cpus(4)));
  std::vector<uint32_t> drawn;
  for (uint64_t seed = 0; seed < 32; ++seed) {
    Random random{seed};
    drawn.push_back(plan_hybrid(cluster_of(nodes), cpus(1), 1, random).steps.at(0).node.value);
    CHECK(drawn.back() <= 5);  // equal loads: the first four by id are the top fifth
  }
  std::sort(drawn.begin(), drawn.end());
  CHECK(std::unique(drawn.begin(), drawn.end()) - drawn.begin() == 4);
}

TEST_CASE("a demand of zero fits everywhere, as often as asked") {
  CHECK(fits_times(cpus(0), ResourceSet{}, 7) == 7);
  CHECK(fits_times(cpus(-1), cpus(1), 7) == 0);
  CHECK(fits_times(cpus(5), cpus(2), 7) == 2);
}

TEST_CASE("an infeasible demand says what is missing and the cure") {
  const auto cluster = cluster_of({node(1, cpus(2), cpus(2))});
  CHECK(explain_infeasible(cluster, {gpus(1), kAnywhere}) ==
        "needs GPU 1; no node has more than 0: start a node that has it, or ask for less");
  CHECK(explain_infeasible(cluster, {cpus(2), kAnywhere}).empty());
  ResourceSet both = cpus(2);
  both.custom.push_back({"disk", kUnit / 2});
  ResourceSet disk;
  disk.custom.push_back({"disk", kUnit});
  const auto split = cluster_of({node(1, cpus(2), cpus(2)), node(2, disk, disk)});
  CHECK(explain_infeasible(split, {both, kAnywhere}) ==
        "needs CPU 2, disk 0.5; no single node has all of it: start a node that has it, or ask "
        "for less");
}

TEST_CASE("a wait names what is short, and what is lent") {
  CHECK(explain_wait(cpus(1), cpus(2), cpus(0), 0) == "waits for CPU 1 (0 of 2 free)");
  CHECK(explain_wait(cpus(1), cpus(2), cpus(-1), 2 * kUnit) ==
        "waits for CPU 1 (0 of 2 free, 2 lent by waiting tasks)");
}

TEST_CASE("own assignments count against a view until a newer one comes") {
  ClusterView view{NodeId{1}};
  CHECK(view.is_alone());
  view.on_view(view_of(2, 5, 4, 1));
  CHECK_FALSE(view.is_alone());
  view.on_assigned(NodeId{2}, cpus(2));
  CHECK(view.snapshot(cpus(2), cpus(2)).nodes.at(1).available == cpus(1));
  view.on_view(view_of(2, 5, 4, 0));  // not newer
  CHECK(view.snapshot(cpus(2), cpus(2)).nodes.at(1).available == cpus(1));
  view.on_ended(NodeId{2}, cpus(2));
  CHECK(view.snapshot(cpus(2), cpus(2)).nodes.at(1).available == cpus(3));
  view.on_view(view_of(2, 6, 4, 4));
  CHECK(view.snapshot(cpus(2), cpus(2)).nodes.at(1).available == cpus(0));
}

TEST_CASE("a node that refused gets nothing until it has a newer view") {
  ClusterView view{NodeId{1}};
  view.on_view(view_of(2, 5, 4, 0));
  view.exclude(NodeId{2}, 7);
  CHECK(view.snapshot(cpus(2), cpus(2)).nodes.at(1).accepts == NodeLoad::Accepts::kNotNow);
  view.on_view(view_of(2, 6, 4, 0));  // was on its way when the node refused
  CHECK(view.snapshot(cpus(2), cpus(2)).nodes.at(1).accepts == NodeLoad::Accepts::kNotNow);
  view.on_view(view_of(2, 8, 4, 0));
  CHECK(view.snapshot(cpus(2), cpus(2)).nodes.at(1).accepts == NodeLoad::Accepts::kYes);
}

TEST_CASE("the dead stay dead, whatever late views say") {
  ClusterView view{NodeId{1}};
  view.on_view(view_of(2, 5, 4, 0));
  view.on_state(NodeId{2}, NodeState::kDead);
  view.on_view(view_of(2, 6, 4, 0));
  view.on_state(NodeId{3}, NodeState::kDead);  // before its first view
  view.on_view(view_of(3, 1, 4, 0));
  CHECK(view.is_alone());
  CHECK(view.snapshot(cpus(2), cpus(2)).nodes.size() == 1);
}

TEST_CASE("templates of one demand, image and environment share a shape") {
  ShapeTable shapes;
  const auto first = template_of(cpus(1), 1);
  const auto same = template_of(cpus(1), 1);
  const auto larger = template_of(cpus(2), 1);
  const auto other = template_of(cpus(1), 2);
  const ShapeId shape = shapes.shape_of(first);
  CHECK(shapes.shape_of(same) == shape);
  CHECK(shapes.shape_of(larger) != shape);
  const auto runtime_of = [&](const auto& call) {
    return shapes.shape(shapes.shape_of(call)).runtime;
  };
  CHECK(runtime_of(larger) == runtime_of(first));
  CHECK(runtime_of(other) != runtime_of(first));
}

TEST_CASE("shapes and runtimes of templates that are gone are used again") {
  ShapeTable shapes;
  const auto kept = template_of(cpus(1), 255);
  const ShapeId shape = shapes.shape_of(kept);
  for (int i = 0; i < 1000; ++i) shapes.shape_of(template_of(cpus(1 + i), 1));
  CHECK(shapes.shape_of(kept) == shape);
  CHECK(shapes.shape(shape).demand == cpus(1));
  CHECK(shapes.shape_bound() < 200);
  CHECK(shapes.runtime_bound() == 2);
}

TEST_CASE("lent CPUs are free for a while, but not for those who keep them") {
  Ledger ledger{cpus(2)};
  ledger.grant(cpus(2));
  CHECK_FALSE(ledger.fits(cpus(1)));
  ledger.lend(cpus(1));
  CHECK(ledger.fits(cpus(1)));
  CHECK_FALSE(ledger.fits_unlent(cpus(1)));
  ledger.grant(cpus(1));
  ledger.take_back(cpus(1));  // the lender resumes at once: more is in use than there is
  CHECK(ledger.free().cpu == -kUnit);
  CHECK_FALSE(ledger.fits(cpus(1)));
  CHECK(ledger.fits(ResourceSet{}));
  ledger.release(cpus(1));
  CHECK(ledger.free().cpu == 0);
}
