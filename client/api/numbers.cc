#include "client/api/numbers.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

namespace ray::internal {
namespace {

template <class T>
T read(const uint8_t* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

/// Calls `use` with a value of the element's C++ type, to carry the type.
template <class Use>
auto with_type(ElementType element, Use use) {
  switch (element) {
    case ElementType::kChar: return use(char());
    case ElementType::kInt8: return use(int8_t());
    case ElementType::kInt16: return use(int16_t());
    case ElementType::kInt32: return use(int32_t());
    case ElementType::kInt64: return use(int64_t());
    case ElementType::kUInt16: return use(uint16_t());
    case ElementType::kUInt32: return use(uint32_t());
    case ElementType::kUInt64: return use(uint64_t());
    case ElementType::kFloat32: return use(float());
    case ElementType::kFloat64: return use(double());
    case ElementType::kFloat80: return use(static_cast<long double>(0));
    case ElementType::kNone:
    case ElementType::kBool:
    case ElementType::kByte:
    case ElementType::kUInt8: break;
  }
  return use(uint8_t());
}

/// As an integer if it is one.
std::optional<Number> whole(const Number& number) {
  if (number.kind != Number::Kind::kReal) return number;
  if (!std::isfinite(number.real) || std::trunc(number.real) != number.real) return {};
  if (number.real < 0) {
    if (number.real < static_cast<long double>(std::numeric_limits<int64_t>::min())) return {};
    return Number::of(static_cast<int64_t>(number.real));
  }
  if (number.real > static_cast<long double>(std::numeric_limits<uint64_t>::max())) return {};
  return Number::of(static_cast<uint64_t>(number.real));
}

template <class T>
std::optional<T> to_integer(const Number& number) {
  const auto integer = whole(number);
  if (!integer) return {};
  if (integer->kind == Number::Kind::kUnsigned) {
    if (integer->natural > static_cast<uint64_t>(std::numeric_limits<T>::max())) return {};
    return static_cast<T>(integer->natural);
  }
  if constexpr (std::is_signed_v<T>) {
    if (integer->integer < std::numeric_limits<T>::min() ||
        integer->integer > std::numeric_limits<T>::max())
      return {};
  } else {
    if (integer->integer < 0 ||
        static_cast<uint64_t>(integer->integer) > std::numeric_limits<T>::max())
      return {};
  }
  return static_cast<T>(integer->integer);
}

template <class T>
std::optional<T> to_real(const Number& number) {
  if (number.kind == Number::Kind::kReal) {
    const T value = static_cast<T>(number.real);
    if (std::isinf(value) && std::isfinite(number.real)) return {};
    return value;
  }
  const auto exact = number.kind == Number::Kind::kSigned
                         ? static_cast<long double>(number.integer)
                         : static_cast<long double>(number.natural);
  const T value = static_cast<T>(exact);
  if (static_cast<long double>(value) != exact) return {};
  return value;
}

}  // namespace

Number load_number(ElementType element, const uint8_t* from) {
  if (element == ElementType::kBool) return Number::of(uint64_t{*from != 0});
  return with_type(element, [from](auto type) {
    using T = decltype(type);
    if constexpr (std::is_floating_point_v<T>) {
      return Number::of(static_cast<long double>(read<T>(from)));
    } else if constexpr (std::is_signed_v<T>) {
      return Number::of(static_cast<int64_t>(read<T>(from)));
    } else {
      return Number::of(static_cast<uint64_t>(read<T>(from)));
    }
  });
}

bool store_number(const Number& number, ElementType element, uint8_t* to) {
  if (element == ElementType::kBool) {
    const auto value = to_integer<uint8_t>(number);
    if (!value || *value > 1) return false;
    *to = *value;
    return true;
  }
  return with_type(element, [&](auto type) {
    using T = decltype(type);
    std::optional<T> value;
    if constexpr (std::is_floating_point_v<T>) {
      value = to_real<T>(number);
    } else {
      value = to_integer<T>(number);
    }
    if (value) std::memcpy(to, &*value, sizeof(T));
    return value.has_value();
  });
}

std::optional<std::vector<uint8_t>> convert_numbers(std::span<const uint8_t> from,
                                                    ElementType from_element,
                                                    ElementType to_element) {
  const size_t from_bytes = element_bytes(from_element);
  const size_t to_bytes = element_bytes(to_element);
  const size_t count = from.size() / from_bytes;
  std::vector<uint8_t> converted(count * to_bytes);
  for (size_t i = 0; i < count; ++i) {
    const Number number = load_number(from_element, from.data() + i * from_bytes);
    if (!store_number(number, to_element, converted.data() + i * to_bytes)) return {};
  }
  return converted;
}

}  // namespace ray::internal
