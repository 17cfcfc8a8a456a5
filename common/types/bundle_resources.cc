#include "common/types/bundle_resources.h"

#include <algorithm>
#include <charconv>
#include <vector>

namespace rayd {
namespace {

constexpr std::string_view kPrefix = "bundle:";
constexpr std::string_view kMarker = "in";
/// More calls than a node ever runs; each takes the least there is of it.
constexpr Quantity kMarkers = 100'000'000;

std::string name_of(GroupId group, int32_t index, std::string_view resource) {
  const std::string part = index < 0 ? "*" : std::to_string(index);
  return std::string(kPrefix) + to_string(group) + ":" + part + ":" + std::string(resource);
}

std::vector<std::pair<std::string, Quantity>> entries_of(const ResourceSet& set) {
  std::vector<std::pair<std::string, Quantity>> entries = set.custom;
  if (set.cpu != 0) entries.emplace_back("CPU", set.cpu);
  if (set.gpu != 0) entries.emplace_back("GPU", set.gpu);
  if (set.memory_bytes != 0) entries.emplace_back("memory", set.memory_bytes);
  return entries;
}

/// `markers` of the marker, and all of `set`, under the names of this index and of any.
ResourceSet translate(const ResourceSet& set, Quantity markers, GroupId group, int32_t index) {
  ResourceSet in;
  const auto add = [&](std::string_view resource, Quantity quantity) {
    in.custom.emplace_back(name_of(group, -1, resource), quantity);
    if (index >= 0) in.custom.emplace_back(name_of(group, index, resource), quantity);
  };
  add(kMarker, markers);
  for (const auto& [name, quantity] : entries_of(set)) add(name, quantity);
  std::sort(in.custom.begin(), in.custom.end());
  return in;
}

struct Parts {
  std::string_view group;
  std::string_view index;
  std::string_view resource;
};

Parts parts_of(std::string_view name) {
  name.remove_prefix(kPrefix.size());
  const size_t first = name.find(':');
  const size_t second = name.find(':', first + 1);
  return {name.substr(0, first), name.substr(first + 1, second - first - 1),
          name.substr(second + 1)};
}

}  // namespace

ResourceSet in_bundle(const ResourceSet& demand, GroupId group, int32_t index) {
  return translate(demand, 1, group, index);
}

ResourceSet bundle_offer(const ResourceSet& demand, GroupId group, int32_t index) {
  return translate(demand, kMarkers, group, index);
}

std::string bundle_marker(GroupId group, int32_t index) { return name_of(group, index, kMarker); }

bool is_bundle_resource(std::string_view name) { return name.starts_with(kPrefix); }

ResourceSet without_bundles(const ResourceSet& set) {
  ResourceSet plain = set;
  std::erase_if(plain.custom, [](const auto& entry) { return is_bundle_resource(entry.first); });
  return plain;
}

ResourceSet lendable_part(const ResourceSet& held) {
  ResourceSet part;
  part.cpu = held.cpu;
  for (const auto& entry : held.custom)
    if (is_bundle_resource(entry.first) && parts_of(entry.first).resource == "CPU")
      part.custom.push_back(entry);
  return part;
}

std::string shown_resource(std::string_view name) {
  if (!is_bundle_resource(name)) return std::string(name);
  const Parts parts = parts_of(name);
  if (parts.resource == kMarker) {
    return parts.index == "*" ? "a place in " + std::string(parts.group)
                              : "a place in bundle " + std::string(parts.index) + " of " +
                                    std::string(parts.group);
  }
  const std::string where = parts.index == "*" ? "" : "bundle " + std::string(parts.index) + " of ";
  return std::string(parts.resource) + " in " + where + std::string(parts.group);
}

Quantity gpu_part(const ResourceSet& held) {
  Quantity gpus = held.gpu;
  for (const auto& [name, quantity] : held.custom) {
    if (!is_bundle_resource(name)) continue;
    const Parts parts = parts_of(name);
    if (parts.resource == "GPU" && parts.index == "*") gpus += quantity;
  }
  return gpus;
}

bool is_shown_in(const ResourceSet& demand, std::string_view name) {
  if (!is_bundle_resource(name)) return true;
  const Parts parts = parts_of(name);
  const auto has = [&](const auto& condition) {
    return std::any_of(demand.custom.begin(), demand.custom.end(), [&](const auto& entry) {
      return is_bundle_resource(entry.first) && condition(parts_of(entry.first));
    });
  };
  // "any" is shown where no bundle is named, the marker where nothing else is demanded.
  if (parts.index == "*" && has([&](const Parts& other) { return other.index != "*"; }))
    return false;
  return parts.resource != kMarker ||
         !has([&](const Parts& other) { return other.resource != kMarker; });
}

std::string shown_quantity(std::string_view name, Quantity quantity) {
  const bool is_memory =
      name == "memory" || (is_bundle_resource(name) && parts_of(name).resource == "memory");
  return is_memory ? std::to_string(quantity) + " bytes" : quantity_text(quantity);
}

}  // namespace rayd
