// MessagePack forms of what msgpack-cxx leaves out, wherever it stands inside a value:
//
//   enumerations            their number (MSGPACK_ADD_ENUM, if used, wins; same form)
//   RAY_RAW structs         binary
//   std::chrono             durations and time points: their count
//   std::variant            [index, alternative];  std::monostate: nil
//   std::any                nil, bool, integers, floats, text, bytes, and arrays and maps of any
//
// Constrained, so that they win over msgpack-cxx's own time_point if a program includes that too.
#pragma once

#include <any>
#include <chrono>
#include <map>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "ray/internal/msgpack.h"
#include "ray/internal/unpack.h"
#include "ray/internal/value_traits.h"

namespace ray::internal {

template <class T>
inline constexpr bool kIsDuration = false;
template <class R, class P>
inline constexpr bool kIsDuration<std::chrono::duration<R, P>> = true;
template <class T>
inline constexpr bool kIsTimePoint = false;
template <class C, class D>
inline constexpr bool kIsTimePoint<std::chrono::time_point<C, D>> = true;

template <class T>
concept PackedEnum = std::is_enum_v<T> && !std::is_same_v<T, std::byte>;

/// Reads or refuses: never an alternative or a record of another size.
template <class Variant, size_t... I>
Variant unpack_variant(const msgpack::object& object, std::index_sequence<I...>) {
  if (object.type != msgpack::type::ARRAY || object.via.array.size != 2)
    throw msgpack::type_error();
  const auto index = object.via.array.ptr[0].as<uint64_t>();
  const msgpack::object& inner = object.via.array.ptr[1];
  using Make = Variant (*)(const msgpack::object&);
  static constexpr Make kMake[] = {[](const msgpack::object& from) {
    return Variant(std::in_place_index<I>,
                   unpack_object<std::variant_alternative_t<I, Variant>>(from));
  }...};
  if (index >= sizeof...(I)) throw msgpack::type_error();
  return kMake[index](inner);
}

/// Out of line: what an any may hold, as a document of its own.
std::any unpack_any(const msgpack::object& object);
class AnyWriter {  // what the packer of any stream must do, type-erased
 public:
  virtual void nil() = 0;
  virtual void boolean(bool value) = 0;
  virtual void integer(int64_t value) = 0;
  virtual void natural(uint64_t value) = 0;
  virtual void real(double value) = 0;
  virtual void text(std::string_view value) = 0;
  virtual void bytes(std::string_view value) = 0;
  virtual void array(size_t size) = 0;
  virtual void map(size_t size) = 0;

 protected:
  ~AnyWriter() = default;
};
/// Throws msgpack::type_error for types that cannot travel in an any.
void pack_any(const std::any& value, AnyWriter& writer);

template <class Stream>
class PackerWriter final : public AnyWriter {
 public:
  explicit PackerWriter(msgpack::packer<Stream>& packer) : packer_(packer) {}
  void nil() override { packer_.pack_nil(); }
  void boolean(bool value) override { value ? packer_.pack_true() : packer_.pack_false(); }
  void integer(int64_t value) override { packer_.pack_int64(value); }
  void natural(uint64_t value) override { packer_.pack_uint64(value); }
  void real(double value) override { packer_.pack_double(value); }
  void text(std::string_view value) override {
    packer_.pack_str(msgpack::checked_get_container_size(value.size()));
    packer_.pack_str_body(value.data(), static_cast<uint32_t>(value.size()));
  }
  void bytes(std::string_view value) override {
    packer_.pack_bin(msgpack::checked_get_container_size(value.size()));
    packer_.pack_bin_body(value.data(), static_cast<uint32_t>(value.size()));
  }
  void array(size_t size) override {
    packer_.pack_array(msgpack::checked_get_container_size(size));
  }
  void map(size_t size) override { packer_.pack_map(msgpack::checked_get_container_size(size)); }

 private:
  msgpack::packer<Stream>& packer_;
};

}  // namespace ray::internal

namespace msgpack::v1::adaptor {  // where msgpack-cxx has its own, whatever its default version

// ---- enumerations
template <class T>
requires ray::internal::PackedEnum<T>
struct pack<T, void> {
  template <class Stream>
  msgpack::packer<Stream>& operator()(msgpack::packer<Stream>& packer, const T& value) const {
    return packer.pack(static_cast<std::underlying_type_t<T>>(value));
  }
};
template <class T>
requires ray::internal::PackedEnum<T>
struct convert<T, void> {
  const msgpack::object& operator()(const msgpack::object& object, T& value) const {
    value = static_cast<T>(object.as<std::underlying_type_t<T>>());
    return object;
  }
};

// ---- RAY_RAW structs
template <class T>
requires ray::internal::RawRecord<T>
struct pack<T, void> {
  template <class Stream>
  msgpack::packer<Stream>& operator()(msgpack::packer<Stream>& packer, const T& value) const {
    packer.pack_bin(sizeof(T));
    return packer.pack_bin_body(reinterpret_cast<const char*>(&value), sizeof(T));
  }
};
template <class T>
requires ray::internal::RawRecord<T>
struct as<T, void> {
  T operator()(const msgpack::object& object) const {
    if (object.type != msgpack::type::BIN || object.via.bin.size != sizeof(T))
      throw msgpack::type_error();
    return ray::internal::from_memory<T>(reinterpret_cast<const uint8_t*>(object.via.bin.ptr));
  }
};
template <class T>
requires ray::internal::RawRecord<T>
struct convert<T, void> {
  const msgpack::object& operator()(const msgpack::object& object, T& value) const {
    value = as<T>()(object);
    return object;
  }
};

// ---- std::chrono
template <class R, class P>
requires ray::internal::kIsDuration<std::chrono::duration<R, P>>
struct pack<std::chrono::duration<R, P>, void> {
  template <class Stream>
  msgpack::packer<Stream>& operator()(msgpack::packer<Stream>& packer,
                                      const std::chrono::duration<R, P>& value) const {
    return packer.pack(value.count());
  }
};
template <class R, class P>
requires ray::internal::kIsDuration<std::chrono::duration<R, P>>
struct convert<std::chrono::duration<R, P>, void> {
  const msgpack::object& operator()(const msgpack::object& object,
                                    std::chrono::duration<R, P>& value) const {
    value = std::chrono::duration<R, P>(object.as<R>());
    return object;
  }
};
template <class C, class D>
requires ray::internal::kIsTimePoint<std::chrono::time_point<C, D>>
struct pack<std::chrono::time_point<C, D>, void> {
  template <class Stream>
  msgpack::packer<Stream>& operator()(msgpack::packer<Stream>& packer,
                                      const std::chrono::time_point<C, D>& value) const {
    return packer.pack(value.time_since_epoch().count());
  }
};
template <class C, class D>
requires ray::internal::kIsTimePoint<std::chrono::time_point<C, D>>
struct as<std::chrono::time_point<C, D>, void> {
  std::chrono::time_point<C, D> operator()(const msgpack::object& object) const {
    return std::chrono::time_point<C, D>(D(object.as<typename D::rep>()));
  }
};
template <class C, class D>
requires ray::internal::kIsTimePoint<std::chrono::time_point<C, D>>
struct convert<std::chrono::time_point<C, D>, void> {
  const msgpack::object& operator()(const msgpack::object& object,
                                    std::chrono::time_point<C, D>& value) const {
    value = as<std::chrono::time_point<C, D>>()(object);
    return object;
  }
};

// ---- std::variant, std::monostate
template <>
struct pack<std::monostate, void> {
  template <class Stream>
  msgpack::packer<Stream>& operator()(msgpack::packer<Stream>& packer, std::monostate) const {
    return packer.pack_nil();
  }
};
template <>
struct convert<std::monostate, void> {
  const msgpack::object& operator()(const msgpack::object& object, std::monostate&) const {
    if (!object.is_nil()) throw msgpack::type_error();
    return object;
  }
};
template <class... T>
struct pack<std::variant<T...>, void> {
  template <class Stream>
  msgpack::packer<Stream>& operator()(msgpack::packer<Stream>& packer,
                                      const std::variant<T...>& value) const {
    if (value.valueless_by_exception()) throw msgpack::type_error();
    packer.pack_array(2);
    packer.pack(static_cast<uint64_t>(value.index()));
    std::visit([&](const auto& alternative) { packer.pack(alternative); }, value);
    return packer;
  }
};
template <class... T>
struct as<std::variant<T...>, void> {
  std::variant<T...> operator()(const msgpack::object& object) const {
    return ray::internal::unpack_variant<std::variant<T...>>(object,
                                                             std::index_sequence_for<T...>());
  }
};
template <class... T>
struct convert<std::variant<T...>, void> {
  const msgpack::object& operator()(const msgpack::object& object,
                                    std::variant<T...>& value) const {
    value = as<std::variant<T...>>()(object);
    return object;
  }
};

// ---- std::any
template <>
struct pack<std::any, void> {
  template <class Stream>
  msgpack::packer<Stream>& operator()(msgpack::packer<Stream>& packer,
                                      const std::any& value) const {
    ray::internal::PackerWriter<Stream> writer(packer);
    ray::internal::pack_any(value, writer);
    return packer;
  }
};
template <>
struct convert<std::any, void> {
  const msgpack::object& operator()(const msgpack::object& object, std::any& value) const {
    value = ray::internal::unpack_any(object);
    return object;
  }
};

}  // namespace msgpack::v1::adaptor
