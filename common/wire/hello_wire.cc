#include "common/wire/hello_wire.h"

#include <capnp/message.h>
#include <capnp/serialize.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <string_view>
#include <utility>

#include "common/schema/hello.capnp.h"
#include "common/wire/flat_message.h"
#include "common/wire/values.h"

namespace rayd::wire {
namespace {

static_assert(std::endian::native == std::endian::little, "the wire is little-endian");

bool is_control(char letter) { return static_cast<unsigned char>(letter) < ' ' || letter == 127; }

std::string clean(std::string_view text, size_t most) {
  std::string cleaned(text.substr(0, most));
  std::replace_if(cleaned.begin(), cleaned.end(), is_control, '?');
  // Not in the middle of a character.
  while (cleaned.size() < text.size() && !cleaned.empty() &&
         (static_cast<unsigned char>(text[cleaned.size()]) & 0xC0) == 0x80) {
    cleaned.pop_back();
  }
  return cleaned;
}

/// What ends up in logs and on terminals.
std::string read_text(capnp::Text::Reader text, size_t most) {
  std::string read = text_of(text);
  if (read.size() > most) throw Malformed{"a text that is too long"};
  if (std::any_of(read.begin(), read.end(), is_control)) {
    throw Malformed{"a text with control characters"};
  }
  return read;
}

void write_range(schema::ProtocolRange::Builder builder, ProtocolRange range) {
  builder.setMin(range.min);
  builder.setMax(range.max);
}

ProtocolRange read_range(schema::ProtocolRange::Reader reader) {
  const ProtocolRange range{reader.getMin(), reader.getMax()};
  if (range.min > range.max) throw Malformed{"a range of protocols that ends before it begins"};
  return range;
}

void write_point(schema::SessionPoint::Builder builder, const SessionPoint& point) {
  builder.setSession(point.session);
  builder.setReceived(point.received);
}

SessionPoint read_point(schema::SessionPoint::Reader reader) {
  return {reader.getSession(), reader.getReceived()};
}

ClusterId read_cluster(capnp::Data::Reader data) {
  ClusterId cluster;
  if (data.size() == 0) return cluster;
  if (data.size() != cluster.bytes.size()) throw Malformed{"a cluster's id has 16 bytes"};
  std::copy(data.begin(), data.end(), cluster.bytes.begin());
  return cluster;
}

capnp::Data::Reader cluster_data(const ClusterId& cluster) {
  return cluster.is_nil() ? capnp::Data::Reader() : data_of(cluster.bytes);
}

template <class Root, class Fill>
Bytes encode_message(Fill fill) {
  // One segment holds all, or the framing would be another.
  capnp::MallocMessageBuilder builder(kMaxHelloBytes / sizeof(capnp::word),
                                      capnp::AllocationStrategy::FIXED_SIZE);
  fill(builder.initRoot<Root>());
  Bytes bytes = to_bytes(builder);
  RAY_CHECK(bytes.size() <= kMaxHelloBytes && builder.getSegmentsForOutput().size() == 1);
  return bytes;
}

template <class Root, class Read>
auto decode_message(ByteSpan bytes, Read read)
    -> Result<decltype(read(std::declval<typename Root::Reader>()))> {
  const Result<size_t> size = hello_size(bytes);
  if (!size.ok()) return size.error();
  if (*size != bytes.size()) {
    return Error{ErrorCode::kCorrupt, "a hello of another length than it says"};
  }
  std::array<capnp::word, kMaxHelloBytes / sizeof(capnp::word)> words;
  std::memcpy(words.data(), bytes.data(), bytes.size());
  capnp::ReaderOptions options;
  options.traversalLimitInWords = words.size() * 2;
  options.nestingLimit = 8;
  return read_guarded([&] {
    capnp::FlatArrayMessageReader reader{{words.data(), bytes.size() / sizeof(capnp::word)},
                                         options};
    return read(reader.getRoot<Root>());
  });
}

Hello read_hello(schema::Hello::Reader reader) {
  Hello hello;
  hello.protocols = read_range(reader.getProtocols());
  hello.program = read_text(reader.getProgram(), kMaxProgramBytes);
  const auto lane = static_cast<uint16_t>(reader.getLane());
  if (lane >= kLanes) throw Malformed{"a lane that is not known"};
  hello.lane = static_cast<Lane>(lane);
  const auto credentials = reader.getCredentials();
  if (credentials.isToken()) {
    const auto secret = credentials.getToken().getSecret();
    HelloToken& token = hello.token.emplace();
    token.id = {credentials.getToken().getId()};
    if (secret.size() != token.secret.bytes.size()) {
      throw Malformed{"a token's secret has 16 bytes"};
    }
    std::copy(secret.begin(), secret.end(), token.secret.bytes.begin());
  } else if (!credentials.isIdentity()) {
    throw Malformed{"credentials that are not known"};
  }
  hello.cluster = read_cluster(reader.getCluster());
  hello.node = {reader.getNode()};
  hello.to = {reader.getTo()};
  hello.resume = read_point(reader.getResume());
  hello.plain_bulk = PlainBulk{reader.getPlainBulk()};
  hello.reached_at = read_text(reader.getReachedAt(), kMaxAddressBytes);
  return hello;
}

HelloAnswer read_answer(schema::HelloAnswer::Reader reader) {
  if (reader.isAccepted()) {
    const auto from = reader.getAccepted();
    HelloAccepted accepted;
    accepted.protocol = from.getProtocol();
    accepted.program = read_text(from.getProgram(), kMaxProgramBytes);
    accepted.cluster = read_cluster(from.getCluster());
    accepted.node = {from.getNode()};
    accepted.answerer = {from.getAnswerer()};
    accepted.epoch = from.getEpoch();
    accepted.resume = read_point(from.getResume());
    accepted.plain_bulk = PlainBulk{from.getPlainBulk()};
    return accepted;
  }
  if (!reader.isRefused()) throw Malformed{"an answer that is not known"};
  const auto from = reader.getRefused();
  HelloRefused refused;
  const auto reason = static_cast<uint16_t>(from.getReason());
  if (reason < kRefusalReasons) refused.reason = static_cast<HelloRefused::Reason>(reason);
  refused.text = read_text(from.getText(), kMaxRefusalBytes);
  refused.protocols = read_range(from.getProtocols());
  refused.program = read_text(from.getRefuser(), kMaxProgramBytes);
  return refused;
}

}  // namespace

Bytes encode(const Hello& hello) {
  return encode_message<schema::Hello>([&](schema::Hello::Builder builder) {
    write_range(builder.initProtocols(), hello.protocols);
    builder.setProgram(clean(hello.program, kMaxProgramBytes));
    builder.setLane(static_cast<schema::Hello::Lane>(hello.lane));
    if (hello.token) {
      auto token = builder.initCredentials().initToken();
      token.setId(hello.token->id.value);
      token.setSecret(data_of(hello.token->secret.bytes));
    } else {
      builder.initCredentials().setIdentity();
    }
    builder.setCluster(cluster_data(hello.cluster));
    builder.setNode(hello.node.value);
    builder.setTo(hello.to.value);
    write_point(builder.initResume(), hello.resume);
    builder.setPlainBulk(hello.plain_bulk == PlainBulk::kYes);
    builder.setReachedAt(clean(hello.reached_at, kMaxAddressBytes));
  });
}

Bytes encode(const HelloAnswer& answer) {
  return encode_message<schema::HelloAnswer>([&](schema::HelloAnswer::Builder builder) {
    if (const auto* accepted = std::get_if<HelloAccepted>(&answer)) {
      auto to = builder.initAccepted();
      to.setProtocol(accepted->protocol);
      to.setProgram(clean(accepted->program, kMaxProgramBytes));
      to.setCluster(cluster_data(accepted->cluster));
      to.setNode(accepted->node.value);
      to.setAnswerer(accepted->answerer.value);
      to.setEpoch(accepted->epoch);
      write_point(to.initResume(), accepted->resume);
      to.setPlainBulk(accepted->plain_bulk == PlainBulk::kYes);
      return;
    }
    const auto& refused = std::get<HelloRefused>(answer);
    auto to = builder.initRefused();
    to.setReason(static_cast<schema::HelloAnswer::Reason>(refused.reason));
    to.setText(clean(refused.text, kMaxRefusalBytes));
    write_range(to.initProtocols(), refused.protocols);
    to.setRefuser(clean(refused.program, kMaxProgramBytes));
  });
}

Result<size_t> hello_size(ByteSpan header) {
  if (header.size() < kHelloHeaderBytes) {
    return Error{ErrorCode::kCorrupt, "a hello without its header"};
  }
  uint32_t words[2];  // number of segments - 1, words of the first
  std::memcpy(words, header.data(), sizeof(words));
  constexpr size_t kMostWords = (kMaxHelloBytes - kHelloHeaderBytes) / sizeof(capnp::word);
  if (words[0] != 0 || words[1] == 0 || words[1] > kMostWords) {
    return Error{ErrorCode::kCorrupt, "a hello of too many bytes, or none"};
  }
  return kHelloHeaderBytes + words[1] * sizeof(capnp::word);
}

Result<Hello> decode_hello(ByteSpan bytes) {
  return decode_message<schema::Hello>(bytes, read_hello);
}

Result<HelloAnswer> decode_hello_answer(ByteSpan bytes) {
  return decode_message<schema::HelloAnswer>(bytes, read_answer);
}

}  // namespace rayd::wire
