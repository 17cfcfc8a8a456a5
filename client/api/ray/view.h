// View<T>: the elements of a stored array, read in place.
#pragma once

#include <memory>
#include <span>
#include <utility>

#include "ray/internal/unpack.h"

namespace ray {

/// A span over immutable shared memory that keeps it there. Copies share. A std::span taken from it
/// is valid as long as a View is.
template <class T>
class View : public std::span<const T> {
 public:
  View() = default;
  View(std::span<const T> items, std::shared_ptr<const void> keep_alive)
      : std::span<const T>(items), keep_alive_(std::move(keep_alive)) {}

 private:
  std::shared_ptr<const void> keep_alive_;
};

namespace internal {

/// The value's own memory, or, if it is aligned or typed otherwise, a converted copy.
template <class T>
View<T> view_value(const FetchedValue& value) {
  throw_if_error(value);
  if (is_items_of(value, {FlatType<T>::element, sizeof(T), alignof(T)})) {
    const auto* first = reinterpret_cast<const T*>(value.bytes.data());
    return {{first, value.bytes.size() / sizeof(T)}, value.keep_alive};
  }
  auto copy = std::make_shared<const std::vector<T>>(unpack_value<std::vector<T>>(value));
  return {{copy->data(), copy->size()}, copy};
}

}  // namespace internal
}  // namespace ray
