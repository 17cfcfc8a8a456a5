#include "daemon/shell/bulk_frames.h"

#include <xxhash.h>

#include <algorithm>

namespace rayd::shell {
namespace {

constexpr uint64_t kRequestMagic = 0x3151'4B4C'5542'5952;  // "RYBULKQ1"
constexpr uint64_t kAnswerMagic = 0x3141'4B4C'5542'5952;   // "RYBULKA1"
constexpr uint64_t kVerdictMagic = 0x3156'4B4C'5542'5952;  // "RYBULKV1"

void put(uint64_t word, std::vector<uint8_t>& out) {
  for (int shift = 0; shift < 64; shift += 8) out.push_back(static_cast<uint8_t>(word >> shift));
}

uint64_t word_at(ByteSpan frame, size_t index) {
  uint64_t word = 0;
  for (size_t i = 0; i < 8; ++i) word |= uint64_t{frame[index * 8 + i]} << (8 * i);
  return word;
}

Error no_frame(const char* what) { return {ErrorCode::kCorrupt, what}; }

}  // namespace

void BulkFrames::seal(size_t begin, std::vector<uint8_t>& out) {
  if (!key_) return;
  const Seal seal = seal_of(*key_, self_, written_++, {out.data() + begin, out.size() - begin});
  out.insert(out.end(), seal.begin(), seal.end());
}

bool BulkFrames::is_theirs(ByteSpan frame, size_t bytes) {
  if (frame.size() != framed(bytes)) return false;
  if (!key_) return true;
  const SealFrom peer = self_ == SealFrom::kDialler ? SealFrom::kListener : SealFrom::kDialler;
  Seal said;
  std::copy_n(frame.begin() + static_cast<ptrdiff_t>(bytes), said.size(), said.begin());
  return same_seal(said, seal_of(*key_, peer, read_++, frame.first(bytes)));
}

void BulkFrames::write(const BulkRequest& request, std::vector<uint8_t>& out) {
  const size_t begin = out.size();
  for (const uint64_t word : {kRequestMagic, request.object.high, request.object.low, request.total,
                              request.offset, request.length})
    put(word, out);
  seal(begin, out);
}

void BulkFrames::write(BulkAnswer answer, std::vector<uint8_t>& out) {
  const size_t begin = out.size();
  put(kAnswerMagic, out);
  put(static_cast<uint64_t>(answer), out);
  seal(begin, out);
}

void BulkFrames::write(const BulkVerdict& verdict, std::vector<uint8_t>& out) {
  const size_t begin = out.size();
  for (const uint64_t word :
       {kVerdictMagic, static_cast<uint64_t>(verdict.state), verdict.checksum})
    put(word, out);
  seal(begin, out);
}

Result<BulkRequest> BulkFrames::read_request(ByteSpan frame) {
  if (!is_theirs(frame, kRequestBytes)) return no_frame("a request that is not the peer's");
  if (word_at(frame, 0) != kRequestMagic) return no_frame("no request for an object");
  BulkRequest request;
  request.object.high = word_at(frame, 1);
  request.object.low = word_at(frame, 2);
  request.total = word_at(frame, 3);
  request.offset = word_at(frame, 4);
  request.length = word_at(frame, 5);
  const bool is_window = request.total <= kMaxObjectBytes && request.length > 0 &&
                         request.length <= kMaxWindowBytes && request.offset <= request.total &&
                         request.length <= request.total - request.offset;
  if (!is_window) return no_frame("a request for what no object has");
  return request;
}

Result<BulkAnswer> BulkFrames::read_answer(ByteSpan frame) {
  if (!is_theirs(frame, kAnswerBytes)) return no_frame("an answer that is not the peer's");
  if (word_at(frame, 0) != kAnswerMagic) return no_frame("no answer to a request");
  const uint64_t answer = word_at(frame, 1);
  if (answer > static_cast<uint64_t>(BulkAnswer::kNotHere)) return no_frame("an unknown answer");
  return static_cast<BulkAnswer>(answer);
}

Result<BulkVerdict> BulkFrames::read_verdict(ByteSpan frame) {
  if (!is_theirs(frame, kVerdictBytes)) return no_frame("a verdict that is not the peer's");
  if (word_at(frame, 0) != kVerdictMagic) return no_frame("no verdict behind a window");
  const uint64_t state = word_at(frame, 1);
  if (state > static_cast<uint64_t>(BulkVerdict::State::kFreed)) return no_frame("which verdict?");
  return BulkVerdict{static_cast<BulkVerdict::State>(state), word_at(frame, 2)};
}

uint64_t window_checksum(ByteSpan window) { return XXH3_64bits(window.data(), window.size()); }

}  // namespace rayd::shell
