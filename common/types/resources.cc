#include "common/types/resources.h"

#include <algorithm>

#include "common/types/bundle_resources.h"

namespace rayd {
namespace {

using Entry = std::pair<std::string, Quantity>;

std::vector<Entry>::iterator find_slot(std::vector<Entry>& entries, const std::string& name) {
  return std::lower_bound(entries.begin(), entries.end(), name,
                          [](const Entry& entry, const std::string& n) { return entry.first < n; });
}

void accumulate(std::vector<Entry>& entries, const std::string& name, Quantity quantity) {
  const auto it = find_slot(entries, name);
  if (it == entries.end() || it->first != name) {
    if (quantity != 0) entries.insert(it, {name, quantity});
    return;
  }
  it->second += quantity;
  if (it->second == 0) entries.erase(it);
}

}  // namespace

std::string quantity_text(Quantity quantity) {
  std::string text = std::to_string(quantity / kUnit);
  Quantity fraction = quantity % kUnit;
  if (fraction == 0) return text;
  std::string digits = std::to_string(kUnit + (fraction < 0 ? -fraction : fraction)).substr(1);
  while (digits.back() == '0') digits.pop_back();
  return text + "." + digits;
}

bool ResourceSet::covers(const ResourceSet& demand) const {
  if (cpu < demand.cpu || gpu < demand.gpu || memory_bytes < demand.memory_bytes) return false;
  return std::all_of(demand.custom.begin(), demand.custom.end(), [&](const Entry& entry) {
    return custom_quantity(entry.first) >= entry.second;
  });
}

void ResourceSet::add(const ResourceSet& other) {
  cpu += other.cpu;
  gpu += other.gpu;
  memory_bytes += other.memory_bytes;
  for (const auto& [name, quantity] : other.custom) accumulate(custom, name, quantity);
}

void ResourceSet::subtract(const ResourceSet& other) {
  cpu -= other.cpu;
  gpu -= other.gpu;
  memory_bytes -= other.memory_bytes;
  for (const auto& [name, quantity] : other.custom) accumulate(custom, name, -quantity);
}

Quantity ResourceSet::custom_quantity(const std::string& name) const {
  const auto it =
      std::lower_bound(custom.begin(), custom.end(), name,
                       [](const Entry& entry, const std::string& n) { return entry.first < n; });
  return it == custom.end() || it->first != name ? 0 : it->second;
}

std::string ResourceSet::to_text() const {
  std::string text;
  const auto append = [&](const std::string& part) {
    if (!text.empty()) text += ", ";
    text += part;
  };
  if (cpu != 0) append("CPU " + quantity_text(cpu));
  if (gpu != 0) append("GPU " + quantity_text(gpu));
  if (memory_bytes != 0) append("memory " + std::to_string(memory_bytes) + " bytes");
  for (const auto& [name, quantity] : custom)
    if (is_shown_in(*this, name))
      append(shown_resource(name) + " " + shown_quantity(name, quantity));
  return text.empty() ? "nothing" : text;
}

}  // namespace rayd
