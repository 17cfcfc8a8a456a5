// Reading values: MessagePack is parsed here, within bounds, and values convert into each other.
#include "ray/internal/unpack.h"

#include <algorithm>
#include <any>
#include <map>
#include <string>

#include <msgpack/unpack.hpp>

#include "client/api/numbers.h"
#include "ray/internal/adaptors.h"
#include "ray/internal/function.h"

namespace ray::internal {
namespace {

[[noreturn]] void corrupt(const std::string& what) { throw_error(ErrorCode::kCorrupt, what); }

/// Builds the object, and stops documents that promise more items than they have bytes (each item
/// has one at least), or that nest too deep: memory is at most 24 bytes for each of theirs.
class BoundedVisitor : public msgpack::detail::create_object_visitor {
  using Base = msgpack::detail::create_object_visitor;

 public:
  BoundedVisitor(msgpack::zone& zone, size_t bytes)
      : Base([](msgpack::type::object_type, std::size_t, void*) { return true; }, nullptr,
             msgpack::unpack_limit()),
        items_left_(bytes) {
    set_zone(zone);
  }

  bool start_array(uint32_t count) { return enter(count) && Base::start_array(count); }
  bool end_array() {
    --depth_;
    return Base::end_array();
  }
  bool start_map(uint32_t count) { return enter(uint64_t{count} * 2) && Base::start_map(count); }
  bool end_map() {
    --depth_;
    return Base::end_map();
  }
  void parse_error(size_t, size_t) {}
  void insufficient_bytes(size_t, size_t) {}

 private:
  bool enter(uint64_t items) {
    if (items > items_left_ || depth_ == kMaxMsgpackDepth) return false;
    items_left_ -= items;
    ++depth_;
    return true;
  }

  uint64_t items_left_;
  size_t depth_ = 0;
};

msgpack::object parse(std::span<const uint8_t> bytes, msgpack::zone& zone) {
  BoundedVisitor visitor(zone, bytes.size());
  size_t offset = 0;
  const auto* data = reinterpret_cast<const char*>(bytes.data());
  if (!msgpack::parse(data, bytes.size(), offset, visitor) || offset != bytes.size())
    corrupt("not one MessagePack document, or nested deeper than " +
            std::to_string(kMaxMsgpackDepth));
  return visitor.data();
}

Number number_of(const msgpack::object& object, bool& is_number) {
  is_number = true;
  switch (object.type) {
    case msgpack::type::BOOLEAN: return Number::of(uint64_t{object.via.boolean});
    case msgpack::type::POSITIVE_INTEGER: return Number::of(object.via.u64);
    case msgpack::type::NEGATIVE_INTEGER: return Number::of(object.via.i64);
    case msgpack::type::FLOAT32:
    case msgpack::type::FLOAT64: return Number::of(static_cast<long double>(object.via.f64));
    default: is_number = false;
  }
  return {};
}

msgpack::object object_of(const Number& number) {
  switch (number.kind) {
    case Number::Kind::kSigned: return msgpack::object(number.integer);
    case Number::Kind::kUnsigned: return msgpack::object(number.natural);
    case Number::Kind::kReal: break;
  }
  return msgpack::object(static_cast<double>(number.real));
}

msgpack::object bytes_object(std::span<const uint8_t> bytes, msgpack::type::object_type type) {
  if (bytes.size() > UINT32_MAX) corrupt("more than 4 GiB of text cannot be converted");
  msgpack::object object;
  object.type = type;
  object.via.bin.ptr = reinterpret_cast<const char*>(bytes.data());  // str has the same members
  object.via.bin.size = static_cast<uint32_t>(bytes.size());
  return object;
}

msgpack::object element_object(ElementType element, const uint8_t* from) {
  if (element == ElementType::kBool) return msgpack::object(*from != 0);
  return object_of(load_number(element, from));
}

msgpack::object array_object(std::span<const uint8_t> bytes, ElementType element,
                             msgpack::zone& zone) {
  if (element == ElementType::kChar) return bytes_object(bytes, msgpack::type::STR);
  if (element == ElementType::kByte || element == ElementType::kUInt8)
    return bytes_object(bytes, msgpack::type::BIN);
  const size_t count = bytes.size() / element_bytes(element);
  if (count > UINT32_MAX) corrupt("more than 2^32 elements cannot be converted");
  msgpack::object object;
  object.type = msgpack::type::ARRAY;
  object.via.array.size = static_cast<uint32_t>(count);
  object.via.array.ptr = static_cast<msgpack::object*>(zone.allocate_align(
      std::max<size_t>(count, 1) * sizeof(msgpack::object), MSGPACK_ZONE_ALIGNOF(msgpack::object)));
  for (size_t i = 0; i < count; ++i)
    object.via.array.ptr[i] = element_object(element, bytes.data() + i * element_bytes(element));
  return object;
}

bool is_byte_type(ElementType element) {
  return element == ElementType::kChar || element == ElementType::kByte ||
         element == ElementType::kInt8 || element == ElementType::kUInt8;
}

/// Appends the numbers in nested arrays, flattened, as elements.
bool append_elements(const msgpack::object& object, ElementType element,
                     std::vector<uint8_t>& out) {
  if (object.type == msgpack::type::ARRAY) {
    for (uint32_t i = 0; i < object.via.array.size; ++i)
      if (!append_elements(object.via.array.ptr[i], element, out)) return false;
    return true;
  }
  if (object.type == msgpack::type::STR || object.type == msgpack::type::BIN) {
    if (!is_byte_type(element)) return false;
    const auto* first = reinterpret_cast<const uint8_t*>(object.via.bin.ptr);
    out.insert(out.end(), first, first + object.via.bin.size);
    return true;
  }
  bool is_number = false;
  const Number number = number_of(object, is_number);
  const size_t at = out.size();
  out.resize(at + element_bytes(element));
  return is_number && store_number(number, element, out.data() + at);
}

bool is_container(const msgpack::object& object) {
  return object.type == msgpack::type::ARRAY || object.type == msgpack::type::STR ||
         object.type == msgpack::type::BIN;
}

bool are_bools(std::span<const uint8_t> bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](uint8_t byte) { return byte <= 1; });
}

std::string describe(const FetchedValue& value) {
  std::string text(kind_name(tag_kind(value.tag)));
  if (tag_element(value.tag) != ElementType::kNone)
    text += " of " + std::string(element_name(tag_element(value.tag)));
  return text + " (" + std::to_string(value.bytes.size()) + " bytes)";
}

void check_shape(const FetchedValue& value) {
  throw_if_error(value);
  if (!tag_fits(value.tag, value.bytes.size()))
    corrupt("a value that is not what its tag says: " + describe(value));
}

}  // namespace

void throw_if_error(const FetchedValue& value) {
  if (value.error != nullptr) [[unlikely]]
    throw_error(value.error);
}

void throw_unreadable(const FetchedValue& value, const std::type_info& wanted) {
  throw_error(ErrorCode::kInvalidArgument,
              "a value of " + describe(value) + " cannot be read as " + demangle(wanted));
}

bool is_items_of(const FetchedValue& value, ItemShape shape) {
  const bool is_record = shape.element == ElementType::kNone;
  const ValueTag wanted =
      is_record ? make_tag(ValueKind::kRecords) : make_tag(ValueKind::kArray, shape.element);
  const bool one_record = is_record && value.tag == make_tag(ValueKind::kRecord);
  if (value.error != nullptr || (value.tag != wanted && !one_record)) return false;
  if (value.bytes.size() % shape.bytes != 0) return false;
  if (reinterpret_cast<uintptr_t>(value.bytes.data()) % shape.alignment != 0) return false;
  return shape.element != ElementType::kBool || are_bools(value.bytes);
}

bool read_scalar(const FetchedValue& value, ElementType element, void* to) {
  check_shape(value);
  auto* out = static_cast<uint8_t*>(to);
  if (tag_kind(value.tag) == ValueKind::kScalar)
    return store_number(load_number(tag_element(value.tag), value.bytes.data()), element, out);
  if (tag_kind(value.tag) != ValueKind::kMsgpack) return false;
  const ParsedValue parsed(value);
  bool is_number = false;
  const Number number = number_of(parsed.object(), is_number);
  return is_number && store_number(number, element, out);
}

std::optional<std::vector<uint8_t>> read_array(const FetchedValue& value, ElementType element) {
  check_shape(value);
  if (tag_kind(value.tag) == ValueKind::kArray)
    return convert_numbers(value.bytes, tag_element(value.tag), element);
  if (tag_kind(value.tag) != ValueKind::kMsgpack) return {};
  const ParsedValue parsed(value);
  std::vector<uint8_t> elements;
  if (!is_container(parsed.object()) || !append_elements(parsed.object(), element, elements))
    return {};
  return elements;
}

std::optional<Records> read_records(const FetchedValue& value, size_t record_bytes) {
  check_shape(value);
  Records records{value.bytes, {}};
  const ValueKind kind = tag_kind(value.tag);
  if (kind == ValueKind::kMsgpack) {
    // One binary per record, in an array or alone: what the adaptor for RAY_RAW writes.
    const ParsedValue parsed(value);
    if (!append_elements(parsed.object(), ElementType::kByte, records.converted)) return {};
    records.bytes = records.converted;
  } else if (kind != ValueKind::kRecord && kind != ValueKind::kRecords) {
    return {};
  }
  if (records.bytes.size() % record_bytes != 0) return {};
  return records;
}

ParsedValue::ParsedValue(const FetchedValue& value) {
  check_shape(value);
  switch (tag_kind(value.tag)) {
    case ValueKind::kMsgpack: object_ = parse(value.bytes, zone_); return;
    case ValueKind::kScalar:
      object_ = element_object(tag_element(value.tag), value.bytes.data());
      return;
    case ValueKind::kArray:
      object_ = array_object(value.bytes, tag_element(value.tag), zone_);
      return;
    case ValueKind::kRecord:
    case ValueKind::kRecords: object_ = bytes_object(value.bytes, msgpack::type::BIN); return;
    case ValueKind::kNil:
    case ValueKind::kNone:
    case ValueKind::kError: break;
  }
  object_ = msgpack::object();
}

ObjectId unpack_reference(const msgpack::object& object, int8_t extension) {
  if (object.is_nil()) return {};
  if (object.type != msgpack::type::EXT || object.via.ext.type() != extension ||
      object.via.ext.size != kReferenceBytes)
    throw msgpack::type_error();
  ObjectId id;
  std::memcpy(&id.high, object.via.ext.data(), 8);
  std::memcpy(&id.low, object.via.ext.data() + 8, 8);
  return id;
}

std::any unpack_any(const msgpack::object& object) {
  switch (object.type) {
    case msgpack::type::NIL: return msgpack::type::nil_t();
    case msgpack::type::BOOLEAN: return object.via.boolean;
    case msgpack::type::POSITIVE_INTEGER: return object.via.u64;
    case msgpack::type::NEGATIVE_INTEGER: return object.via.i64;
    case msgpack::type::FLOAT32:
    case msgpack::type::FLOAT64: return object.via.f64;
    case msgpack::type::STR: return std::string(object.via.str.ptr, object.via.str.size);
    case msgpack::type::BIN:
      return std::vector<char>(object.via.bin.ptr, object.via.bin.ptr + object.via.bin.size);
    case msgpack::type::ARRAY: {
      std::vector<std::any> items;
      for (uint32_t i = 0; i < object.via.array.size; ++i)
        items.push_back(unpack_any(object.via.array.ptr[i]));
      return items;
    }
    case msgpack::type::MAP: {
      std::map<std::string, std::any> entries;
      for (uint32_t i = 0; i < object.via.map.size; ++i) {
        const msgpack::object_kv& entry = object.via.map.ptr[i];
        entries.emplace(entry.key.as<std::string>(), unpack_any(entry.val));
      }
      return entries;
    }
    case msgpack::type::EXT: break;
  }
  throw msgpack::type_error();
}

}  // namespace ray::internal
