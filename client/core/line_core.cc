#include "client/core/line_core.h"

#include <algorithm>

namespace rayd::client {

void LineCore::push(ByteSpan message) {
  kept_.emplace_back(message.begin(), message.end());
  kept_bytes_ += message.size();
}

std::optional<LineCore::Batch> LineCore::next_batch() {
  if (under_way_ > 0 || kept_.empty() || held_back_) return std::nullopt;
  Batch batch{first_, {}};
  size_t bytes = 0;
  for (const auto& message : kept_) {
    if (batch.messages.size() == kBatchMessages || bytes >= kBatchBytes) break;
    bytes += message.size();
    batch.messages.emplace_back(message);
  }
  under_way_ = batch.messages.size();
  return batch;
}

Status LineCore::on_taken(uint64_t taken) {
  if (taken + 1 < first_ || taken >= first_ + under_way_) {
    return Error{ErrorCode::kCorrupt, "the daemon has taken what was not sent"};
  }
  const auto count = static_cast<size_t>(taken + 1 - first_);
  held_back_ = count < under_way_;
  under_way_ = 0;
  for (size_t i = 0; i < count; ++i) {
    kept_bytes_ -= kept_.front().size();
    kept_.pop_front();
  }
  first_ = taken + 1;
  return {};
}

Result<size_t> LineCore::on_answers(uint64_t first, size_t count) {
  held_back_ = false;  // it has room again, or says once more that it has none
  if (first > received_ + 1) return Error{ErrorCode::kCorrupt, "answers of the daemon are missing"};
  const size_t known = static_cast<size_t>(std::min<uint64_t>(received_ + 1 - first, count));
  received_ += count - known;
  return known;
}

void LineCore::on_connected() {
  under_way_ = 0;
  held_back_ = false;
}

Parts::Part Parts::part_at(uint64_t offset) const {
  return {offset, std::min(kPartBytes, bytes_ - offset)};
}

std::optional<Parts::Part> Parts::next() {
  if (under_way_.size() == kUnderWay) return std::nullopt;
  uint64_t offset = next_;
  if (!again_.empty()) {
    offset = *again_.begin();
    again_.erase(again_.begin());
  } else if (next_ < bytes_) {
    next_ += part_at(next_).bytes;
  } else {
    return std::nullopt;
  }
  under_way_.insert(offset);
  return part_at(offset);
}

void Parts::on_done(uint64_t offset) { under_way_.erase(offset); }

void Parts::on_connected() {
  again_.merge(under_way_);
  under_way_.clear();
}

}  // namespace rayd::client
