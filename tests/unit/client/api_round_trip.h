// A value through its bytes and back, as between two processes.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <vector>

#include "ray/api.h"

/// The bytes, copied away from the value, as a store would keep them.
struct StoredBytes {
  explicit StoredBytes(const ray::internal::SerializedValue& value)
      : tag(value.tag), size(value.bytes.size()), units(size / sizeof(std::max_align_t) + 1) {
    if (size > 0) std::memcpy(units.data(), value.bytes.data(), size);
  }
  StoredBytes(ray::internal::ValueTag given, const std::vector<uint8_t>& bytes)
      : StoredBytes({given, bytes, {}}) {}

  ray::internal::FetchedValue fetched() const {
    ray::internal::FetchedValue value;
    value.tag = tag;
    value.bytes = {reinterpret_cast<const uint8_t*>(units.data()), size};
    return value;
  }

  ray::internal::ValueTag tag;
  size_t size;
  std::vector<std::max_align_t> units;
};

template <class T>
StoredBytes stored(const T& value) {
  ray::internal::PackSpace<T> space;
  return StoredBytes(ray::internal::pack_value<T>(value, space));
}

template <class To, class From>
To read_as(const From& value) {
  const StoredBytes bytes = stored(value);
  return ray::internal::unpack_value<To>(bytes.fetched());
}

template <class T>
T round_trip(const T& value) {
  return read_as<T>(value);
}
