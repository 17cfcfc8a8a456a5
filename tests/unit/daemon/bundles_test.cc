// Where bundles go, as tables of nodes; what they offer; which GPUs a holder sees.
#include <algorithm>

#include "common/types/bundle_resources.h"
#include "daemon/scheduling/bundles.h"
#include "daemon/scheduling/gpus.h"
#include "tests/unit/catch.h"

using namespace rayd;
using namespace rayd::scheduling;

namespace {

ResourceSet cpus(int64_t count) {
  ResourceSet set;
  set.cpu = count * kUnit;
  return set;
}

ClusterSnapshot cluster_of(std::vector<int64_t> free, int64_t total = 4) {
  ClusterSnapshot cluster;
  for (size_t i = 0; i < free.size(); ++i) {
    NodeLoad load;
    load.node = NodeId{static_cast<uint32_t>(i + 1)};
    load.total = cpus(total);
    load.available = cpus(free[i]);
    cluster.nodes.push_back(load);
  }
  return cluster;
}

std::string places(const ClusterSnapshot& cluster, std::vector<int64_t> bundles,
                   GroupStrategy strategy, const std::vector<NodeId>& taken = {}) {
  std::vector<ResourceSet> demands;
  for (const int64_t count : bundles) demands.push_back(cpus(count));
  const BundlePlan plan = plan_bundles(cluster, demands, strategy, taken);
  std::string text;
  for (const NodeId node : plan.nodes)
    text += (text.empty() ? "" : " ") + std::to_string(node.value);
  if (plan.nodes.empty()) text = plan.feasible == BundlePlan::Feasible::kYes ? "waits" : "never";
  return text;
}

std::vector<uint32_t> devices(const std::vector<GpuShare>& shares) {
  std::vector<uint32_t> list;
  for (const GpuShare& share : shares) list.push_back(share.device);
  return list;
}

}  // namespace

TEST_CASE("bundles pack, spread, or do so strictly") {
  using enum GroupStrategy;
  const auto free = cluster_of({4, 4, 4});
  CHECK(places(free, {1, 1, 1}, kPack) == "1 1 1");
  CHECK(places(free, {2, 2, 2}, kPack) == "1 1 2");
  CHECK(places(free, {1, 1, 1}, kSpread) == "1 2 3");
  CHECK(places(free, {1, 1, 1, 1}, kSpread).size() == 7);  // a fourth on one of them
  CHECK(places(free, {1, 1, 1}, kStrictSpread) == "1 2 3");
  CHECK(places(free, {1, 1, 1, 1}, kStrictSpread) == "never");
  CHECK(places(free, {2, 2}, kStrictPack) == "1 1");
  CHECK(places(free, {3, 3}, kStrictPack) == "never");
  CHECK(places(cluster_of({1, 1, 0}), {1, 1}, kStrictPack) == "waits");
  CHECK(places(cluster_of({1, 4, 0}), {1, 1}, kStrictPack) == "2 2");
  CHECK(places(cluster_of({1, 4, 0}), {1, 1, 1}, kSpread) == "2 1 2");
  CHECK(places(cluster_of({1, 4, 0}), {1, 1, 1}, kStrictSpread) == "waits");
  CHECK(places(cluster_of({4, 1, 1}), {1, 4}, kStrictSpread) == "2 1");  // the large one first
  CHECK(places(cluster_of({2, 2, 2}), {5}, kPack) == "never");
  CHECK(places(free, {4, 4, 4, 1}, kPack) == "never");
}

TEST_CASE("bundles that are placed again keep away from, or near, those that stayed") {
  using enum GroupStrategy;
  const auto free = cluster_of({4, 4, 4});
  CHECK(places(free, {1}, kStrictSpread, {NodeId{1}, NodeId{2}}) == "3");
  CHECK(places(free, {1}, kSpread, {NodeId{1}}) == "2");
  CHECK(places(cluster_of({1, 2, 2}), {2, 1}, kPack, {NodeId{3}}) == "3 2");
}

TEST_CASE("what a bundle offers covers what calls in it demand, and no more") {
  const GroupId group = GroupId::of(TaskId::make({1, 2}, 3));
  const ResourceSet offer = bundle_offer(cpus(2), group, 1);
  CHECK(offer.covers(in_bundle(cpus(2), group, 1)));
  CHECK(offer.covers(in_bundle(cpus(2), group, -1)));
  CHECK(offer.covers(in_bundle({}, group, 1)));
  CHECK_FALSE(offer.covers(in_bundle(cpus(3), group, 1)));
  CHECK_FALSE(offer.covers(in_bundle(cpus(1), group, 0)));
  CHECK_FALSE(ResourceSet{}.covers(in_bundle({}, group, -1)));
  CHECK(without_bundles(offer).is_zero());
  CHECK(in_bundle(cpus(2), group, 1).to_text() == "CPU in bundle 1 of group-1.2.3 2");
  CHECK(in_bundle(cpus(2), group, -1).to_text() == "CPU in group-1.2.3 2");
  CHECK(in_bundle({}, group, 1).to_text() == "a place in bundle 1 of group-1.2.3 0.0001");
}

TEST_CASE("whole GPUs are nobody else's, fractions share one") {
  Gpus gpus{4 * kUnit};
  const auto half = gpus.take(kUnit / 2);
  const auto other_half = gpus.take(kUnit / 2);
  CHECK(devices(half) == std::vector<uint32_t>{0});
  CHECK(devices(other_half) == std::vector<uint32_t>{0});
  const auto two = gpus.take(2 * kUnit);
  CHECK(devices(two) == std::vector<uint32_t>{1, 2});
  CHECK_FALSE(gpus.fits(2 * kUnit));
  CHECK(gpus.fits(kUnit));
  gpus.give_back(half);
  CHECK(gpus.fits(kUnit));
  CHECK_FALSE(gpus.fits(kUnit + kUnit / 2 + 1));
  const auto more = gpus.take(kUnit + kUnit / 2);
  CHECK(devices(more) == std::vector<uint32_t>{0, 3});
  gpus.give_back(two);
  CHECK(devices(gpus.take(kUnit)) == std::vector<uint32_t>{1});
}
