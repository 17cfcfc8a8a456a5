// Reading and writing the words of value.capnp. Internal to common/wire: it
// includes generated code.
//
// Readers throw Malformed for what the schema cannot say (an unknown enum, a
// wrong length); the decoders turn that and Cap'n Proto's own exceptions into
// kCorrupt.
#pragma once

#include <kj/exception.h>

#include <string>

#include "common/base/result.h"
#include "common/schema/value.capnp.h"
#include "common/types/call.h"

namespace rayd::wire {

struct Malformed {
  std::string what;
};

/// What `read` returns, or kCorrupt for what it throws.
template <class Read>
auto read_guarded(const Read& read) -> Result<decltype(read())> {
  try {
    return read();
  } catch (const Malformed& malformed) {
    return Error{ErrorCode::kCorrupt, malformed.what};
  } catch (const kj::Exception& exception) {
    return Error{ErrorCode::kCorrupt, exception.getDescription().cStr()};
  }
}

/// From a number of the schema, an enumerant or plain: both begin at 0 and have
/// the same order.
template <class Enum, class Number>
Enum read_enum(Number value, Enum last, const char* what) {
  const auto number = static_cast<unsigned>(value);
  if (number > static_cast<unsigned>(last)) {
    throw Malformed{std::string{"unknown "} + what + " " + std::to_string(number)};
  }
  return static_cast<Enum>(number);
}

inline void write(schema::Id::Builder builder, const Id& id) {
  builder.setHigh(id.high);
  builder.setLow(id.low);
}
template <class IdType>
IdType read_id(schema::Id::Reader reader) {
  IdType id;
  id.high = reader.getHigh();
  id.low = reader.getLow();
  return id;
}

void write(schema::Error::Builder builder, const ErrorInfo& error);
ErrorRef read_error(schema::Error::Reader reader);

void write(schema::Value::Builder builder, const Value& value);
Value read_value(schema::Value::Reader reader);

/// What the lanes' values have in common; `stored` writes or reads the other alternative.
template <class Builder, class WriteStored>
void write_value(Builder builder, const Value& value, const WriteStored& stored) {
  builder.setTag(value.tag);
  builder.setSize(value.size);
  switch (value.kind) {
    case Value::Kind::kNone: builder.setNone(); break;
    case Value::Kind::kInline:
      builder.setInline({value.bytes.span().data(), value.bytes.size()});
      break;
    case Value::Kind::kStored: stored(); break;
    case Value::Kind::kError: write(builder.initError(), *value.error); break;
  }
}
template <class Schema, class ReadStored>
Value read_value(typename Schema::Reader reader, const ReadStored& stored) {
  Value value;
  value.tag = reader.getTag();
  value.size = reader.getSize();
  switch (reader.which()) {
    case Schema::NONE: break;
    case Schema::INLINE:
      value.kind = Value::Kind::kInline;
      value.bytes = Bytes::copy(ByteSpan{reader.getInline().begin(), reader.getInline().size()});
      value.size = value.bytes.size();
      break;
    case Schema::STORED:
      value.kind = Value::Kind::kStored;
      stored(value);
      break;
    case Schema::ERROR:
      value.kind = Value::Kind::kError;
      value.error = read_error(reader.getError());
      break;
    default: throw Malformed{"a value of unknown kind"};
  }
  return value;
}

/// Sums of what many ask for stay within 64 bits.
inline constexpr int64_t kMaxQuantity = int64_t{1} << 56;

void write(schema::Resources::Builder builder, const ResourceSet& resources);
ResourceSet read_resources(schema::Resources::Reader reader);

void write(schema::Placement::Builder builder, const Placement& placement);
Placement read_placement(schema::Placement::Reader reader);

void write(schema::CallTemplate::Builder builder, const CallTemplate& call);
CallTemplate read_call_template(schema::CallTemplate::Reader reader);

void write(schema::Arg::Builder builder, const Arg& arg);
Arg read_arg(schema::Arg::Reader reader);

template <class Items>
void write_ids(capnp::List<schema::Id>::Builder builder, const Items& items) {
  for (unsigned i = 0; i < builder.size(); ++i) write(builder[i], items[i]);
}
std::vector<ObjectId> read_object_ids(capnp::List<schema::Id>::Reader reader);

inline ByteSpan bytes_of(capnp::Data::Reader data) { return {data.begin(), data.size()}; }
inline capnp::Data::Reader data_of(ByteSpan span) { return {span.data(), span.size()}; }
/// Whole, whatever is in it: a std::string given to a setter would end at its first zero byte.
inline capnp::Text::Reader as_text(const std::string& text) { return {text.data(), text.size()}; }
inline std::string text_of(capnp::Text::Reader text) { return {text.begin(), text.size()}; }

}  // namespace rayd::wire
