#include "common/wire/peer_templates.h"

#include <algorithm>
#include <string>
#include <utility>

namespace rayd::wire {
namespace {

size_t footprint(const ResourceSet& resources) {
  size_t bytes = sizeof resources;
  for (const auto& [name, quantity] : resources.custom) bytes += name.size() + sizeof quantity;
  return bytes;
}

size_t footprint(const std::vector<LabelTerm>& terms) {
  size_t bytes = 0;
  for (const LabelTerm& term : terms) {
    bytes += sizeof term + term.key.size();
    for (const std::string& value : term.values) bytes += sizeof value + value.size();
  }
  return bytes;
}

/// Roughly what it takes; the same on both sides, because it follows from the value.
size_t footprint(const CallTemplate& call) {
  size_t bytes = sizeof call + call.function.name.size() + call.function.type.size() +
                 call.display_name.size() + call.name_space.size() + call.actor.name.size() +
                 call.actor.name_space.size() + footprint(call.demand) +
                 footprint(call.actor.placement_demand) + footprint(call.placement.required) +
                 footprint(call.placement.preferred);
  for (const auto& [name, value] : call.environment) {
    bytes += name.size() + value.size() + 2 * sizeof(std::string);
  }
  return bytes;
}

Error no_such(uint32_t id, const char* what) {
  return {ErrorCode::kCorrupt, "template " + std::to_string(id) + " is " + what};
}

}  // namespace

const SentTemplates::Use& SentTemplates::use(const TemplateRef& call) {
  if (use_.call == call && use_.is == Use::Is::kKnown) return use_;
  use_.call = call;
  use_.forgotten.clear();
  if (const auto known = ids_.find(call.get()); known != ids_.end()) {
    use_.is = Use::Is::kKnown;
    use_.id = known->second;
    return use_;
  }
  use_.is = Use::Is::kNew;
  size_t left = order_.size();
  size_t bytes = bytes_ + footprint(*call);
  for (auto it = order_.begin(); it != order_.end(); ++it) {
    if (left < kMaxPeerTemplates && bytes <= kMaxPeerTemplateBytes) break;
    use_.forgotten.push_back(it->id);
    bytes -= it->bytes;
    --left;
  }
  use_.id = !use_.forgotten.empty() ? use_.forgotten.front()
            : !free_ids_.empty()    ? free_ids_.back()
                                    : highest_id_ + 1;
  return use_;
}

void SentTemplates::commit() {
  if (use_.is == Use::Is::kKnown) return;
  for (size_t i = 0; i < use_.forgotten.size(); ++i) {
    const Entry& oldest = order_.front();
    free_ids_.push_back(oldest.id);
    bytes_ -= oldest.bytes;
    ids_.erase(oldest.call.get());
    order_.pop_front();
  }
  std::erase(free_ids_, use_.id);
  highest_id_ = std::max(highest_id_, use_.id);
  const size_t bytes = footprint(*use_.call);
  ids_[use_.call.get()] = use_.id;
  order_.push_back({use_.call, use_.id, bytes});
  bytes_ += bytes;
  use_.is = Use::Is::kKnown;
}

Result<TemplateRef> ReceivedTemplates::find(uint32_t id) const {
  if (id == 0 || id > by_id_.size() || by_id_[id - 1] == nullptr) return no_such(id, "not defined");
  return by_id_[id - 1];
}

Status ReceivedTemplates::define(uint32_t id, CallTemplate&& definition) {
  if (id == 0 || id > kMaxPeerTemplates) return no_such(id, "out of range");
  const size_t bytes = footprint(definition);
  if (count_ > 0 && bytes_ + bytes > kMaxPeerTemplateBytes) return no_such(id, "one too many");
  if (id > by_id_.size()) by_id_.resize(id);
  TemplateRef& place = by_id_[id - 1];
  if (place != nullptr) return no_such(id, "defined twice");
  place = std::make_shared<const CallTemplate>(std::move(definition));
  bytes_ += bytes;
  ++count_;
  return {};
}

Status ReceivedTemplates::forget(std::span<const uint32_t> ids) {
  for (const uint32_t id : ids) {
    const auto known = find(id);
    if (!known.ok()) return known.error();
    bytes_ -= footprint(**known);
    --count_;
    by_id_[id - 1] = nullptr;
  }
  return {};
}

}  // namespace rayd::wire
