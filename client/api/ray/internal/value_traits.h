// How a C++ type travels: raw memory for numbers and contiguous containers of them, MessagePack for
// the rest. Decided at compile time; the tag (value_tag.h) tells the reader.
//
// Not every trivially copyable type is raw: a string_view or a capture is a pointer. Structs say so
// themselves, with RAY_RAW(T) beside their definition.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "ray/internal/value_tag.h"

namespace ray::internal {

template <class T>
struct RawMark {};

/// True for a struct with RAY_RAW(T); not for classes derived from one.
template <class T>
concept RawRecord = std::is_class_v<T> && requires {
  { ray_raw_record(static_cast<const T*>(nullptr)) } -> std::same_as<RawMark<T>>;
};

template <class T>
constexpr ElementType element_of_number() {
  if constexpr (std::is_same_v<T, bool>) return ElementType::kBool;
  if constexpr (std::is_same_v<T, char>) return ElementType::kChar;
  if constexpr (std::is_same_v<T, std::byte>) return ElementType::kByte;
  if constexpr (std::is_same_v<T, float>) return ElementType::kFloat32;
  if constexpr (std::is_same_v<T, double>) return ElementType::kFloat64;
  if constexpr (std::is_same_v<T, long double>) return ElementType::kFloat80;
  if constexpr (std::is_integral_v<T> && sizeof(T) <= 8) {
    constexpr unsigned log2 = sizeof(T) == 1 ? 0 : sizeof(T) == 2 ? 1 : sizeof(T) == 4 ? 2 : 3;
    constexpr auto first = std::is_signed_v<T> ? ElementType::kInt8 : ElementType::kUInt8;
    return static_cast<ElementType>(static_cast<unsigned>(first) + log2);
  }
  return ElementType::kNone;
}

/// The element type of a number or enumeration; kNone for everything else.
template <class T>
constexpr ElementType element_of() {
  if constexpr (std::is_same_v<T, std::byte>) {
    return ElementType::kByte;
  } else if constexpr (std::is_enum_v<T>) {
    return element_of_number<std::underlying_type_t<T>>();
  } else {
    return element_of_number<T>();
  }
}

/// Types of fixed size made of one kind of element: numbers, records, (nested) std::array of them.
template <class T>
struct FlatType {
  static constexpr ElementType element = element_of<T>();
  static constexpr bool is_record = RawRecord<T>;
  static constexpr bool is_flat = is_record || element != ElementType::kNone;
};
template <class T, size_t N>
struct FlatType<std::array<T, N>> {
  static constexpr ElementType element = FlatType<T>::element;
  static constexpr bool is_record = FlatType<T>::is_record;
  static constexpr bool is_flat = FlatType<T>::is_flat && N > 0;
};
template <class T>
concept Flat = FlatType<T>::is_flat;
template <class T>
concept FlatScalar = element_of<T>()
!= ElementType::kNone;

/// Contiguous containers of flat elements: what they hold, and whether they own it.
template <class T>
struct ContiguousType {
  static constexpr bool is_contiguous = false;
};
template <class T>
struct ContiguousOf {
  using Element = T;
  static constexpr bool is_contiguous = Flat<T>;
};
template <class T, class A>
struct ContiguousType<std::vector<T, A>> : ContiguousOf<T> {
  static constexpr bool is_view = false;
  static constexpr bool is_contiguous = Flat<T> && !std::is_same_v<T, bool>;
};
template <class T, class C, class A>
struct ContiguousType<std::basic_string<T, C, A>> : ContiguousOf<T> {
  static constexpr bool is_view = false;
};
template <class T, class C>
struct ContiguousType<std::basic_string_view<T, C>> : ContiguousOf<T> {
  static constexpr bool is_view = true;
};
template <class T, size_t N>
struct ContiguousType<std::span<T, N>> : ContiguousOf<std::remove_const_t<T>> {
  static constexpr bool is_view = true;
};
template <class T>
concept Contiguous = ContiguousType<T>::is_contiguous;
template <class T>
concept ContiguousView = Contiguous<T> && ContiguousType<T>::is_view;

template <class T>
concept Nothing = std::is_void_v<T> || std::is_same_v<T, std::monostate>;

/// Types whose bytes are their memory.
template <class T>
concept Raw = Flat<T> || Contiguous<T>;

/// The tag under which T is written.
template <class T>
constexpr ValueTag tag_of() {
  if constexpr (Nothing<T>) {
    return kNilTag;
  } else if constexpr (FlatScalar<T>) {
    return make_tag(ValueKind::kScalar, element_of<T>());
  } else if constexpr (RawRecord<T>) {
    return make_tag(ValueKind::kRecord);
  } else if constexpr (Flat<T>) {
    return FlatType<T>::is_record ? make_tag(ValueKind::kRecords)
                                  : make_tag(ValueKind::kArray, FlatType<T>::element);
  } else if constexpr (Contiguous<T>) {
    return tag_of<std::array<typename ContiguousType<T>::Element, 1>>();
  } else {
    return kMsgpackTag;
  }
}

/// The memory of a raw value.
template <Raw T>
std::span<const uint8_t> raw_bytes(const T& value) {
  if constexpr (Contiguous<T>) {
    using Element = typename ContiguousType<T>::Element;
    return {reinterpret_cast<const uint8_t*>(value.data()), value.size() * sizeof(Element)};
  } else {
    return {reinterpret_cast<const uint8_t*>(std::addressof(value)), sizeof(T)};
  }
}

}  // namespace ray::internal

/// Declares that a struct's memory is its value: no pointers, the same layout everywhere. Stands
/// beside the definition, in the same namespace. Such structs, and vectors and arrays of them,
/// travel with one copy and need no default constructor.
#define RAY_RAW(T)                                                                        \
  static_assert(std::is_class_v<T> && std::is_trivially_copyable_v<T>,                    \
                "RAY_RAW needs a trivially copyable struct");                             \
  [[maybe_unused]] inline ::ray::internal::RawMark<T> ray_raw_record(const T*) noexcept { \
    return {};                                                                            \
  }
