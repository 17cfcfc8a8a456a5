// Numbers of any element type, and conversions between them that lose nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "ray/internal/value_tag.h"

namespace ray::internal {

struct Number {
  enum class Kind : uint8_t { kSigned, kUnsigned, kReal };
  Kind kind = Kind::kSigned;
  int64_t integer = 0;
  uint64_t natural = 0;
  long double real = 0;

  static Number of(int64_t value) { return {Kind::kSigned, value, 0, 0}; }
  static Number of(uint64_t value) { return {Kind::kUnsigned, 0, value, 0}; }
  static Number of(long double value) { return {Kind::kReal, 0, 0, value}; }
};

/// Precondition: `from` has element_bytes(element) bytes, and the element is a number.
Number load_number(ElementType element, const uint8_t* from);

/// Writes the number as an element. False if it does not fit: out of range, a fraction for an
/// integer, an integer that a float cannot hold exactly. Real numbers may round.
[[nodiscard]] bool store_number(const Number& number, ElementType element, uint8_t* to);

/// Converts a whole array; none if one element does not fit.
std::optional<std::vector<uint8_t>> convert_numbers(std::span<const uint8_t> from,
                                                    ElementType from_element,
                                                    ElementType to_element);

}  // namespace ray::internal
