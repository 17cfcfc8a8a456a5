// What is said on a bulk connection: requests for windows of stored objects, and what goes around
// each window's bytes in the answer. Pure: bytes in, bytes out.
//
//   dialler    request ─▶  (several may be under way; they are answered in order)
//   listener   ◀─ answer │ the window's bytes │ verdict     or   ◀─ answer: it is not here
//
// The verdict says whether the object lay there until its last byte was read: what was freed
// meanwhile may have been read as another's. All numbers are little-endian. Where the connection
// is not encrypted each frame is sealed (common/net/README.md) and the verdict has a checksum.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/ids.h"
#include "common/base/result.h"
#include "common/net/bulk_seal.h"

namespace rayd::shell {

/// The longest window: the source looks its object up again for each.
inline constexpr uint64_t kMaxWindowBytes = uint64_t{4} << 20;
/// No object is longer; a request beyond is no request.
inline constexpr uint64_t kMaxObjectBytes = uint64_t{1} << 48;

/// A part of a stored object, its header counted.
struct BulkRequest {
  ObjectId object;
  uint64_t total = 0;  // the whole object's length
  uint64_t offset = 0;
  uint64_t length = 0;
  auto operator<=>(const BulkRequest&) const = default;
};
enum class BulkAnswer : uint32_t { kFollows = 0, kNotHere = 1 };
struct BulkVerdict {
  enum class State : uint32_t { kValid = 0, kFreed = 1 };
  State state = State::kValid;
  uint64_t checksum = 0;  // of an unencrypted window's bytes; else 0
};

inline constexpr size_t kRequestBytes = 48;
inline constexpr size_t kAnswerBytes = 16;
inline constexpr size_t kVerdictBytes = 24;
inline constexpr size_t kMaxFrameBytes = kRequestBytes + sizeof(Seal);

/// Writes one side's frames and reads the other's. `key`: none where TLS goes on.
class BulkFrames {
 public:
  BulkFrames(SealFrom self, const std::optional<SealKey>& key) : self_(self), key_(key) {}

  bool is_sealed() const { return key_.has_value(); }
  /// How long a frame of `bytes` is here.
  size_t framed(size_t bytes) const { return bytes + (key_ ? sizeof(Seal) : 0); }

  void write(const BulkRequest& request, std::vector<uint8_t>& out);
  void write(BulkAnswer answer, std::vector<uint8_t>& out);
  void write(const BulkVerdict& verdict, std::vector<uint8_t>& out);

  /// `frame` is as long as framed() says. kCorrupt: no frame of this kind, or not the peer's; then
  /// the connection is of no use any more.
  Result<BulkRequest> read_request(ByteSpan frame);
  Result<BulkAnswer> read_answer(ByteSpan frame);
  Result<BulkVerdict> read_verdict(ByteSpan frame);

 private:
  void seal(size_t begin, std::vector<uint8_t>& out);
  bool is_theirs(ByteSpan frame, size_t bytes);

  SealFrom self_;
  std::optional<SealKey> key_;
  uint64_t written_ = 0;
  uint64_t read_ = 0;
};

/// Of a window that travels in the clear: finds accidents, not intent.
uint64_t window_checksum(ByteSpan window);

}  // namespace rayd::shell
