// The resources inside a placement group's bundles, as custom resources of the nodes that hold
// them: a committed bundle adds them to its node, and a call in a bundle demands them in place of
// the node's own. So policies, views, credits, queues and ledgers need not know of groups.
//
//   bundle:GROUP:3:CPU    of the bundle of index 3
//   bundle:GROUP:*:CPU    of all bundles of the group on that node
//
// A call in one bundle takes from both, one in any bundle from the second. The resource "in" counts
// calls: it binds those that demand nothing else. People never see these names.
#pragma once

#include <string>
#include <string_view>

#include "common/base/ids.h"
#include "common/types/resources.h"

namespace rayd {

/// What a call demands that demands `demand` in a bundle of this index (−1: any).
ResourceSet in_bundle(const ResourceSet& demand, GroupId group, int32_t index);
/// What a node offers that holds this bundle of `demand`.
ResourceSet bundle_offer(const ResourceSet& demand, GroupId group, int32_t index);
/// The name that counts the calls in any (−1) or one of the group's bundles.
std::string bundle_marker(GroupId group, int32_t index);

bool is_bundle_resource(std::string_view name);
/// Without the resources of bundles: what people see of a node.
ResourceSet without_bundles(const ResourceSet& set);
/// What a holder lends while it waits: its CPUs, those of bundles too.
ResourceSet lendable_part(const ResourceSet& held);

/// The GPUs that a holder uses, in bundles or not.
Quantity gpu_part(const ResourceSet& held);

/// A resource for people: "disk", "CPU in bundle 3 of group-1.2.3".
std::string shown_resource(std::string_view name);
/// False for what says nothing that another resource of the demand does not say.
bool is_shown_in(const ResourceSet& demand, std::string_view name);
/// Its quantity for people: "0.5", "1024 bytes" of memory.
std::string shown_quantity(std::string_view name, Quantity quantity);

}  // namespace rayd
