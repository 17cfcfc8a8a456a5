// Unpacking: a FetchedValue becomes the user's value, or an exception.
//
// The fast path is a tag that matches: one copy. Otherwise values convert as far as nothing is
// lost: numbers to wider or equal ones, raw arrays and MessagePack arrays to each other. What does
// not fit is a RayException (kInvalidArgument) that names both sides; hostile bytes are kCorrupt.
// MessagePack is parsed out of line, with bounds on depth and memory.
#pragma once

#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>
#include <vector>

#include "ray/internal/msgpack.h"
#include "ray/internal/runtime.h"
#include "ray/internal/value_traits.h"

namespace ray::internal {

/// Throws the error of a value that is one.
void throw_if_error(const FetchedValue& value);
[[noreturn]] void throw_unreadable(const FetchedValue& value, const std::type_info& wanted);

/// `to` has room for one element. False: does not fit, or is no number.
[[nodiscard]] bool read_scalar(const FetchedValue& value, ElementType element, void* to);
/// The elements of any raw or MessagePack array, converted; none if one does not fit.
std::optional<std::vector<uint8_t>> read_array(const FetchedValue& value, ElementType element);
/// The bytes of whole records, from raw or MessagePack binary: the value's own, or converted ones.
struct Records {
  std::span<const uint8_t> bytes;
  std::vector<uint8_t> converted;
};
std::optional<Records> read_records(const FetchedValue& value, size_t record_bytes);
struct ItemShape {
  ElementType element;  // kNone: records
  size_t bytes;
  size_t alignment;
};
/// True if the bytes are whole items of this very type, aligned and (bools) valid.
bool is_items_of(const FetchedValue& value, ItemShape shape);

/// Any value as a MessagePack object. Strings point into the value's bytes.
class ParsedValue {
 public:
  explicit ParsedValue(const FetchedValue& value);
  const msgpack::object& object() const { return object_; }

 private:
  msgpack::zone zone_;
  msgpack::object object_;
};

/// The id in a reference's extension; nil for nil. Throws msgpack::type_error for anything else.
ObjectId unpack_reference(const msgpack::object& object, int8_t extension);

template <class T>
T unpack_object(const msgpack::object& object) {
  static_assert(msgpack::has_as<T>::value || std::is_default_constructible_v<T>,
                "a type without default constructor travels with a specialisation of "
                "msgpack::adaptor::as<T>, or with RAY_RAW(T)");
  return object.as<T>();
}

/// Bytes whose size was checked, as a T that need not be default constructible.
template <Flat T>
T from_memory(const uint8_t* bytes) {
  struct Memory {
    alignas(T) unsigned char data[sizeof(T)];
  } memory;
  std::memcpy(memory.data, bytes, sizeof(T));
  return __builtin_bit_cast(T, memory);
}

template <FlatScalar T>
T unpack_scalar(const FetchedValue& value) {
  constexpr bool any_bits = element_of<T>() != ElementType::kBool;
  const bool is_same = value.tag == tag_of<T>() && value.bytes.size() == sizeof(T);
  if (any_bits && is_same && value.error == nullptr) [[likely]]
    return from_memory<T>(value.bytes.data());
  throw_if_error(value);
  alignas(16) uint8_t number[16] = {};
  if (!read_scalar(value, element_of<T>(), number)) throw_unreadable(value, typeid(T));
  return from_memory<T>(number);
}

/// Calls `use` with the bytes of whole items of type Item: the value's own, or converted ones.
template <class Item, class Use>
auto with_items(const FetchedValue& value, const std::type_info& wanted, Use use) {
  constexpr ElementType element = FlatType<Item>::element;
  if constexpr (FlatType<Item>::is_record) {
    const auto records = read_records(value, sizeof(Item));
    if (!records) throw_unreadable(value, wanted);
    return use(records->bytes);
  } else {
    if (is_items_of(value, {element, sizeof(Item), 1})) return use(value.bytes);
    throw_if_error(value);
    const auto converted = read_array(value, element);
    if (!converted || converted->size() % sizeof(Item) != 0) throw_unreadable(value, wanted);
    return use(std::span<const uint8_t>(*converted));
  }
}

template <Contiguous T>
T unpack_contiguous(const FetchedValue& value) {
  using Item = typename ContiguousType<T>::Element;
  return with_items<Item>(value, typeid(T), [](std::span<const uint8_t> bytes) -> T {
    const size_t count = bytes.size() / sizeof(Item);
    if (reinterpret_cast<uintptr_t>(bytes.data()) % alignof(Item) == 0) {
      const Item* first = reinterpret_cast<const Item*>(bytes.data());
      return T(first, first + count);  // one copy, no zeroes first
    }
    T result;
    if constexpr (std::is_default_constructible_v<Item>) {
      result.resize(count);
      if (count > 0) std::memcpy(result.data(), bytes.data(), bytes.size());
    } else {
      for (size_t i = 0; i < count; ++i)
        result.push_back(from_memory<Item>(bytes.data() + i * sizeof(Item)));
    }
    return result;
  });
}

/// Fills a flat aggregate (std::array, RAY_RAW) in place: it may be too large for the stack.
template <Flat T>
void unpack_flat(const FetchedValue& value, T* to) {
  const auto copy = [&](std::span<const uint8_t> bytes) {
    if (bytes.size() != sizeof(T)) throw_unreadable(value, typeid(T));
    std::memcpy(static_cast<void*>(to), bytes.data(), sizeof(T));
  };
  if constexpr (RawRecord<T>) {
    with_items<T>(value, typeid(T), copy);
  } else {
    with_items<typename T::value_type>(value, typeid(T), copy);
  }
}

template <class T>
T unpack_value(const FetchedValue& value) {
  static_assert(!ContiguousView<T>, "a view owns nothing: read a vector or string, or use GetView");
  if constexpr (Nothing<T>) {
    throw_if_error(value);
    return T();
  } else if constexpr (FlatScalar<T>) {
    return unpack_scalar<T>(value);
  } else if constexpr (Contiguous<T>) {
    return unpack_contiguous<T>(value);
  } else if constexpr (Flat<T>) {
    throw_if_error(value);
    struct Memory {
      alignas(T) unsigned char data[sizeof(T)];
    } memory;
    unpack_flat(value, reinterpret_cast<T*>(memory.data));
    return __builtin_bit_cast(T, memory);
  } else {
    throw_if_error(value);
    const ParsedValue parsed(value);
    try {
      return unpack_object<T>(parsed.object());
    } catch (const std::bad_cast&) {  // msgpack::type_error
      throw_unreadable(value, typeid(T));
    }
  }
}

/// As Get returns it. Large arrays are read in place.
template <class T>
std::shared_ptr<T> unpack_shared(const FetchedValue& value) {
  if constexpr (Flat<T> && !FlatScalar<T> && std::is_default_constructible_v<T>) {
    throw_if_error(value);
    auto result = std::make_shared<T>();
    unpack_flat(value, result.get());
    return result;
  } else if constexpr (std::is_move_constructible_v<T>) {
    return std::make_shared<T>(unpack_value<T>(value));
  } else {
    return std::shared_ptr<T>(new T(unpack_value<T>(value)));
  }
}

}  // namespace ray::internal
