#include "ray/internal/pack.h"

#include <algorithm>
#include <any>
#include <cstring>
#include <map>
#include <string>
#include <unordered_set>

#include "ray/internal/adaptors.h"
#include "ray/internal/function.h"

namespace ray::internal {
namespace {

/// From so many on, a set finds duplicates instead of a walk through the list.
constexpr size_t kManyContained = 32;

constinit thread_local ContainedCollector* innermost = nullptr;

}  // namespace

void PackBuffer::grow(size_t size) {
  const size_t wanted = std::max(capacity_ * 2, size_ + size);
  auto larger = std::make_unique_for_overwrite<char[]>(wanted);
  std::memcpy(larger.get(), data_, size_);
  heap_ = std::move(larger);
  data_ = heap_.get();
  capacity_ = wanted;
}

struct ContainedCollector::Seen {
  std::unordered_set<ObjectId, ObjectIdHash> ids;
};

ContainedCollector::ContainedCollector(PackBuffer& buffer) noexcept
    : buffer_(buffer), outer_(innermost) {
  innermost = this;
}

ContainedCollector::~ContainedCollector() { innermost = outer_; }

ReferenceBytes ContainedCollector::note(ObjectId id) {
  if (innermost == nullptr)
    throw_error(ErrorCode::kInvalidArgument,
                "a reference can be packed inside a value or argument of Ray only: elsewhere "
                "nothing would count it");
  innermost->add(id);
  ReferenceBytes bytes;
  std::memcpy(bytes.data, &id.high, 8);
  std::memcpy(bytes.data + 8, &id.low, 8);
  return bytes;
}

void ContainedCollector::add(ObjectId id) {
  auto& list = buffer_.contained_;
  if (list.size() < kManyContained) {
    if (std::find(list.begin(), list.end(), id) == list.end()) list.push_back(id);
    return;
  }
  if (seen_ == nullptr) {
    seen_ = std::make_unique<Seen>();
    seen_->ids.insert(list.begin(), list.end());
  }
  if (seen_->ids.insert(id).second) list.push_back(id);
}

ReferenceBytes note_contained(ObjectId id) { return ContainedCollector::note(id); }

namespace {

template <class T>
const T* held(const std::any& value) {
  return std::any_cast<T>(&value);
}

bool pack_any_integer(const std::any& value, AnyWriter& writer) {
  const auto as_signed = [&]<class... T>(std::tuple<T...>*) {
    return ((held<T>(value) != nullptr && (writer.integer(*held<T>(value)), true)) || ...);
  };
  const auto as_unsigned = [&]<class... T>(std::tuple<T...>*) {
    return ((held<T>(value) != nullptr && (writer.natural(*held<T>(value)), true)) || ...);
  };
  using Signed = std::tuple<int64_t, int32_t, int16_t, int8_t, long long, char>;
  using Unsigned = std::tuple<uint64_t, uint32_t, uint16_t, uint8_t, unsigned long long>;
  return as_signed(static_cast<Signed*>(nullptr)) || as_unsigned(static_cast<Unsigned*>(nullptr));
}

bool pack_any_scalar(const std::any& value, AnyWriter& writer) {
  if (!value.has_value() || held<msgpack::type::nil_t>(value) != nullptr) {
    writer.nil();
  } else if (const auto* truth = held<bool>(value)) {
    writer.boolean(*truth);
  } else if (const auto* number = held<double>(value)) {
    writer.real(*number);
  } else if (const auto* single = held<float>(value)) {
    writer.real(static_cast<double>(*single));
  } else if (const auto* text = held<std::string>(value)) {
    writer.text(*text);
  } else if (const auto* literal = held<const char*>(value)) {
    writer.text(*literal);
  } else if (const auto* bytes = held<std::vector<char>>(value)) {
    writer.bytes({bytes->data(), bytes->size()});
  } else {
    return pack_any_integer(value, writer);
  }
  return true;
}

}  // namespace

void pack_any(const std::any& value, AnyWriter& writer) {
  if (pack_any_scalar(value, writer)) return;
  if (const auto* items = held<std::vector<std::any>>(value)) {
    writer.array(items->size());
    for (const std::any& item : *items) pack_any(item, writer);
  } else if (const auto* entries = held<std::map<std::string, std::any>>(value)) {
    writer.map(entries->size());
    for (const auto& [key, item] : *entries) {
      writer.text(key);
      pack_any(item, writer);
    }
  } else {
    throw_error(ErrorCode::kInvalidArgument,
                "a std::any that holds " + demangle(value.type()) +
                    " cannot travel: numbers, bool, std::string, std::vector<char>, and "
                    "std::vector and std::map<std::string> of std::any can");
  }
}

}  // namespace ray::internal
