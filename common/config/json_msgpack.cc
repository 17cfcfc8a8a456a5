// MessagePack to Json and back, by msgpack-cxx's visitor, whose stack is its own: hostile nesting
// costs a bounded vector here, never the call stack.
#include "common/config/json.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <msgpack/null_visitor.hpp>
#include <msgpack/pack.hpp>
#include <msgpack/sbuffer.hpp>
#include <msgpack/unpack.hpp>

namespace rayd {
namespace {

constexpr std::string_view kBytesKey = "$bytes";
constexpr std::string_view kExtKey = "$ext";

ByteSpan as_bytes(const char* data, size_t size) {
  return {reinterpret_cast<const uint8_t*>(data), size};
}

// The double that a person would write for this float: 0.1f becomes 0.1, and a float again 0.1f.
double widen(float value) {
  char text[64];
  const auto written = std::to_chars(text, text + sizeof text, value);
  double wide = value;
  std::from_chars(text, written.ptr, wide);
  return wide;
}

struct Entry {
  Json key;
  Json value;
};

// The text of a key that JSON can hold, or nothing for an array or an object.
std::optional<std::string> key_text(const Json& key) {
  if (const std::string* text = key.string()) return *text;
  if (key.array() != nullptr || key.object() != nullptr) return std::nullopt;
  return key.dump();
}

Json make_map(std::vector<Entry> entries) {
  std::vector<std::string> keys;
  for (const Entry& entry : entries) {
    if (auto text = key_text(entry.key)) keys.push_back(std::move(*text));
  }
  std::vector<std::string_view> sorted(keys.begin(), keys.end());
  std::sort(sorted.begin(), sorted.end());
  const bool unique = std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end();
  if (keys.size() == entries.size() && unique) {
    Json::Object object;
    for (size_t i = 0; i < entries.size(); ++i) {
      object.emplace_back(std::move(keys[i]), std::move(entries[i].value));
    }
    return object;
  }
  Json::Array pairs;
  for (Entry& entry : entries) {
    pairs.push_back(Json::Array{std::move(entry.key), std::move(entry.value)});
  }
  return pairs;
}

// Called by the library for each element; false ends the parse.
class Reader : public msgpack::null_visitor {
 public:
  explicit Reader(size_t depth) : depth_(depth) {}

  bool visit_nil() { return add(nullptr); }
  bool visit_boolean(bool value) { return add(value); }
  bool visit_positive_integer(uint64_t value) { return add(value); }
  bool visit_negative_integer(int64_t value) { return add(value); }
  bool visit_float32(float value) { return add(widen(value)); }
  bool visit_float64(double value) { return add(value); }
  bool visit_str(const char* data, uint32_t size) { return add(std::string(data, size)); }
  bool visit_bin(const char* data, uint32_t size) {
    return add(Json::Object{{std::string(kBytesKey), base64_encode(as_bytes(data, size))}});
  }
  bool visit_ext(const char* data, uint32_t size) {
    // The first byte is the type, as the library counts it.
    const auto type = static_cast<int8_t>(size == 0 ? 0 : data[0]);
    const ByteSpan rest = size == 0 ? ByteSpan{} : as_bytes(data + 1, size - 1);
    return add(
        Json::Object{{std::string(kExtKey), type}, {std::string(kBytesKey), base64_encode(rest)}});
  }
  bool start_array(uint32_t) { return open(IsMap::kNo); }
  bool end_array() { return close(Json(std::move(open_.back().items))); }
  bool start_map(uint32_t) { return open(IsMap::kYes); }
  bool end_map() {
    std::vector<Entry> entries;
    std::vector<Json>& items = open_.back().items;
    for (size_t i = 0; i + 1 < items.size(); i += 2) {
      entries.push_back({std::move(items[i]), std::move(items[i + 1])});
    }
    return close(make_map(std::move(entries)));
  }
  void parse_error(size_t, size_t at) { error_ = "no MessagePack at byte " + std::to_string(at); }
  void insufficient_bytes(size_t, size_t at) { error_ = "cut after byte " + std::to_string(at); }

  const std::string& error() const { return error_; }
  Json take() { return std::move(root_); }

 private:
  enum class IsMap : bool { kNo, kYes };
  struct Open {
    IsMap is_map;
    std::vector<Json> items;  // of a map: key, value, key, value …
  };

  bool open(IsMap is_map) {
    if (open_.size() == depth_) {
      error_ = "nested deeper than " + std::to_string(depth_) + " levels";
      return false;
    }
    open_.push_back({is_map, {}});
    return true;
  }
  bool add(Json value) {
    if (open_.empty()) {
      root_ = std::move(value);
    } else {
      open_.back().items.push_back(std::move(value));
    }
    return true;
  }
  bool close(Json done) {
    open_.pop_back();
    return add(std::move(done));
  }

  size_t depth_;
  std::vector<Open> open_;
  Json root_;
  std::string error_;
};

class Writer {
 public:
  void write(const Json& value) {
    switch (value.kind()) {
      case Json::Kind::kNull: packer_.pack_nil(); return;
      case Json::Kind::kBool: *value.boolean() ? packer_.pack_true() : packer_.pack_false(); return;
      case Json::Kind::kInteger: packer_.pack_int64(*value.integer()); return;
      case Json::Kind::kUnsigned: packer_.pack_uint64(*value.unsigned_integer()); return;
      case Json::Kind::kDouble: write_double(*value.number()); return;
      case Json::Kind::kString: write_string(*value.string()); return;
      case Json::Kind::kArray:
        packer_.pack_array(static_cast<uint32_t>(value.array()->size()));
        for (const Json& item : *value.array()) write(item);
        return;
      case Json::Kind::kObject:
        if (write_special(value)) return;
        packer_.pack_map(static_cast<uint32_t>(value.object()->size()));
        for (const auto& [key, item] : *value.object()) {
          write_string(key);
          write(item);
        }
        return;
    }
  }

  std::vector<uint8_t> bytes() const {
    const auto* data = reinterpret_cast<const uint8_t*>(buffer_.data());
    return {data, data + buffer_.size()};
  }

 private:
  void write_string(const std::string& text) {
    packer_.pack_str(static_cast<uint32_t>(text.size()));
    packer_.pack_str_body(text.data(), static_cast<uint32_t>(text.size()));
  }

  // By hand, for the library writes 2.0 as the integer 2, and the kind would be lost.
  void write_double(double value) {
    const auto bits = std::bit_cast<uint64_t>(value);
    char bytes[9] = {static_cast<char>(0xcb)};
    for (int i = 0; i < 8; ++i) bytes[1 + i] = static_cast<char>(bits >> (56 - 8 * i));
    buffer_.write(bytes, sizeof bytes);
  }

  // Writes {"$bytes"} and {"$ext", "$bytes"} as what they stand for; false if it is neither.
  bool write_special(const Json& value) {
    const Json* text = value.find(kBytesKey);
    if (text == nullptr || text->string() == nullptr || value.object()->size() > 2) return false;
    const auto bytes = base64_decode(*text->string());
    if (!bytes.ok() || bytes->size() > UINT32_MAX) return false;
    const auto length = static_cast<uint32_t>(bytes->size());
    const char* data = reinterpret_cast<const char*>(bytes->data());
    if (value.object()->size() == 1) {
      packer_.pack_bin(length);
      packer_.pack_bin_body(data, length);
      return true;
    }
    const auto type = value[kExtKey].integer();
    if (!type || *type < INT8_MIN || *type > INT8_MAX) return false;
    packer_.pack_ext(length, static_cast<int8_t>(*type));
    packer_.pack_ext_body(data, length);
    return true;
  }

  msgpack::sbuffer buffer_;
  msgpack::packer<msgpack::sbuffer> packer_{buffer_};
};

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<int8_t, 256> invert_alphabet() {
  std::array<int8_t, 256> values{};
  values.fill(-1);
  for (size_t i = 0; i < kAlphabet.size(); ++i) {
    values[static_cast<uint8_t>(kAlphabet[i])] = static_cast<int8_t>(i);
  }
  return values;
}

}  // namespace

Result<Json> json_from_msgpack(ByteSpan bytes, const JsonLimits& limits) {
  if (bytes.size() > limits.bytes) {
    return Error{ErrorCode::kCorrupt, "longer than " + std::to_string(limits.bytes) + " bytes"};
  }
  Reader reader(limits.depth);
  size_t used = 0;
  const char* data = reinterpret_cast<const char*>(bytes.data());
  if (bytes.empty() || !msgpack::parse(data, bytes.size(), used, reader)) {
    return Error{ErrorCode::kCorrupt, bytes.empty() ? "no bytes" : reader.error()};
  }
  if (used != bytes.size()) {
    return Error{ErrorCode::kCorrupt, "more bytes follow at " + std::to_string(used)};
  }
  return reader.take();
}

std::vector<uint8_t> json_to_msgpack(const Json& value) {
  Writer writer;
  writer.write(value);
  return writer.bytes();
}

std::string base64_encode(ByteSpan bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t left = bytes.size() - i;
    const uint32_t group =
        bytes[i] << 16 | (left > 1 ? bytes[i + 1] << 8 : 0) | (left > 2 ? bytes[i + 2] : 0);
    text += kAlphabet[group >> 18];
    text += kAlphabet[group >> 12 & 63];
    text += left > 1 ? kAlphabet[group >> 6 & 63] : '=';
    text += left > 2 ? kAlphabet[group & 63] : '=';
  }
  return text;
}

Result<std::vector<uint8_t>> base64_decode(std::string_view text) {
  static constexpr auto kValues = invert_alphabet();
  const Error refused{ErrorCode::kInvalidArgument, "no base64"};
  if (text.size() % 4 != 0) return refused;
  const size_t padding = text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0;
  std::vector<uint8_t> bytes;
  bytes.reserve(text.size() / 4 * 3);
  for (size_t i = 0; i < text.size(); i += 4) {
    const size_t digits = i + 4 == text.size() ? 4 - padding : 4;
    uint32_t group = 0;
    for (size_t k = 0; k < 4; ++k) {
      const int value = k < digits ? kValues[static_cast<uint8_t>(text[i + k])] : 0;
      if (value < 0) return refused;
      group = group << 6 | static_cast<uint32_t>(value);
    }
    if ((digits < 4 && (group & 0xff) != 0) || (digits == 2 && (group & 0xff00) != 0)) {
      return refused;
    }
    bytes.push_back(static_cast<uint8_t>(group >> 16));
    if (digits > 2) bytes.push_back(static_cast<uint8_t>(group >> 8));
    if (digits > 3) bytes.push_back(static_cast<uint8_t>(group));
  }
  return bytes;
}

}  // namespace rayd
