// What the bytes of a value mean: its kind and element type, written when it is made, never
// guessed.
//
//   tag = kind | element << 8
//
//   kind      bytes
//   nil       none: void, std::monostate
//   scalar    one element in native (little-endian) form
//   array     elements back to back: vector, array, string, span, nested std::array (flattened)
//   record    one RAY_RAW struct;  records: several back to back. Only C++ reads them
//   msgpack   one MessagePack document; references inside are extensions (see below)
//
// Plain numbers and the standard library only: the daemon's shell and the command line include this
// too. Values of the enumerators are part of the format: append, never renumber.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ray::internal {

enum class ValueKind : uint8_t {
  kNone = 0,  // no value: never stored
  kNil = 1,
  kScalar = 2,
  kArray = 3,
  kRecord = 4,
  kRecords = 5,
  kMsgpack = 6,
  kError = 7,  // an ErrorInfo; how it is encoded is the runtime's business
};

enum class ElementType : uint8_t {
  kNone = 0,
  kBool = 1,
  kChar = 2,  // `char`: an array of it is text
  kByte = 3,  // std::byte
  kInt8 = 4,
  kInt16 = 5,
  kInt32 = 6,
  kInt64 = 7,
  kUInt8 = 8,
  kUInt16 = 9,
  kUInt32 = 10,
  kUInt64 = 11,
  kFloat32 = 12,
  kFloat64 = 13,
  kFloat80 = 14,  // long double: 16 bytes of which 10 count
};

using ValueTag = uint16_t;

constexpr ValueTag make_tag(ValueKind kind, ElementType element = ElementType::kNone) {
  return static_cast<ValueTag>(static_cast<unsigned>(kind) | static_cast<unsigned>(element) << 8);
}
constexpr ValueKind tag_kind(ValueTag tag) { return static_cast<ValueKind>(tag & 0xFF); }
constexpr ElementType tag_element(ValueTag tag) { return static_cast<ElementType>(tag >> 8); }

inline constexpr ValueTag kNilTag = make_tag(ValueKind::kNil);
inline constexpr ValueTag kTextTag = make_tag(ValueKind::kArray, ElementType::kChar);
inline constexpr ValueTag kMsgpackTag = make_tag(ValueKind::kMsgpack);
inline constexpr ValueTag kErrorTag = make_tag(ValueKind::kError);

/// MessagePack extension types of references: 16 bytes, `high` then `low`, both little-endian.
inline constexpr int8_t kObjectRefExtension = 1;
inline constexpr int8_t kActorHandleExtension = 2;
inline constexpr size_t kReferenceBytes = 16;

/// MessagePack documents nested deeper are refused.
inline constexpr size_t kMaxMsgpackDepth = 512;

/// Bytes of one element; 0 for kNone and unknown numbers.
constexpr size_t element_bytes(ElementType element) {
  switch (element) {
    case ElementType::kBool:
    case ElementType::kChar:
    case ElementType::kByte:
    case ElementType::kInt8:
    case ElementType::kUInt8: return 1;
    case ElementType::kInt16:
    case ElementType::kUInt16: return 2;
    case ElementType::kInt32:
    case ElementType::kUInt32:
    case ElementType::kFloat32: return 4;
    case ElementType::kInt64:
    case ElementType::kUInt64:
    case ElementType::kFloat64: return 8;
    case ElementType::kFloat80: return 16;
    case ElementType::kNone: break;
  }
  return 0;
}

constexpr std::string_view element_name(ElementType element) {
  constexpr std::string_view names[] = {"none",   "bool",   "char",    "byte",    "int8",
                                        "int16",  "int32",  "int64",   "uint8",   "uint16",
                                        "uint32", "uint64", "float32", "float64", "float80"};
  const auto index = static_cast<size_t>(element);
  return index < std::size(names) ? names[index] : "unknown";
}

constexpr std::string_view kind_name(ValueKind kind) {
  constexpr std::string_view names[] = {"none",   "nil",     "scalar",  "array",
                                        "record", "records", "msgpack", "error"};
  const auto index = static_cast<size_t>(kind);
  return index < std::size(names) ? names[index] : "unknown";
}

/// True if `size` bytes can be a value of this tag (a document's inside is not looked at).
constexpr bool tag_fits(ValueTag tag, size_t size) {
  const size_t element = element_bytes(tag_element(tag));
  const bool untyped = tag_element(tag) == ElementType::kNone;
  switch (tag_kind(tag)) {
    case ValueKind::kNil: return untyped && size == 0;
    case ValueKind::kScalar: return element != 0 && size == element;
    case ValueKind::kArray: return element != 0 && size % element == 0;
    case ValueKind::kRecord:
    case ValueKind::kRecords: return untyped;
    case ValueKind::kMsgpack:
    case ValueKind::kError: return untyped && size > 0;
    case ValueKind::kNone: break;
  }
  return false;
}

}  // namespace ray::internal
