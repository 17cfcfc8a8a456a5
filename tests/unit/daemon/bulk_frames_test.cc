#include "daemon/shell/bulk_frames.h"

#include "tests/unit/catch.h"

using namespace rayd;
using namespace rayd::shell;

namespace {

const ObjectId kObject = TaskId::make(ClientId{3, 4}, 5).object(1);
const BulkRequest kRequest{kObject, 10 << 20, 4 << 20, 4 << 20};

SealKey key_of(uint8_t byte) {
  SealKey key;
  key.fill(byte);
  return key;
}

struct Ends {
  explicit Ends(const std::optional<SealKey>& key = std::nullopt)
      : dialler(SealFrom::kDialler, key), listener(SealFrom::kListener, key) {}
  BulkFrames dialler;
  BulkFrames listener;
};

template <class Frame>
std::vector<uint8_t> written(BulkFrames& frames, const Frame& frame) {
  std::vector<uint8_t> bytes;
  frames.write(frame, bytes);
  return bytes;
}

ErrorCode code_of(Result<BulkRequest> result) {
  return result ? ErrorCode::kOk : result.error().code;
}

}  // namespace

TEST_CASE("frames of a bulk connection arrive as they were, sealed or not") {
  for (const auto& key : {std::optional<SealKey>{}, std::optional{key_of(7)}}) {
    Ends ends{key};
    for (int i = 0; i < 3; ++i) {
      const auto request = written(ends.dialler, kRequest);
      CHECK(request.size() == ends.listener.framed(kRequestBytes));
      CHECK(request.size() <= kMaxFrameBytes);
      CHECK(*ends.listener.read_request(request) == kRequest);
      const auto answer = written(ends.listener, BulkAnswer::kFollows);
      CHECK(answer.size() == ends.dialler.framed(kAnswerBytes));
      CHECK(*ends.dialler.read_answer(answer) == BulkAnswer::kFollows);
      const auto verdict =
          written(ends.listener, BulkVerdict{BulkVerdict::State::kFreed, 0x0123456789abcdef});
      CHECK(verdict.size() == ends.dialler.framed(kVerdictBytes));
      const auto read = ends.dialler.read_verdict(verdict);
      REQUIRE(read.ok());
      CHECK(read->state == BulkVerdict::State::kFreed);
      CHECK(read->checksum == 0x0123456789abcdef);
    }
  }
}

TEST_CASE("a request for what no object has is none") {
  constexpr uint64_t kHuge = ~uint64_t{0};
  const BulkRequest hostile[] = {{kObject, 100, 0, 0},                  // nothing
                                 {kObject, 100, 0, 101},                // behind its end
                                 {kObject, 100, 60, 41},                // partly
                                 {kObject, 100, 101, 1},                // wholly
                                 {kObject, 100, kHuge, 2},              // around the end of numbers
                                 {kObject, 100, kHuge - 3, 8},          //
                                 {kObject, 100, 0, kHuge},              //
                                 {kObject, kMaxObjectBytes + 1, 0, 1},  // too long an object
                                 {kObject, kHuge, kHuge - 1, 1},        //
                                 {kObject, 10 << 20, 0, kMaxWindowBytes + 1}};  // too long a window
  for (const BulkRequest& request : hostile) {
    Ends ends;
    CHECK(code_of(ends.listener.read_request(written(ends.dialler, request))) ==
          ErrorCode::kCorrupt);
  }
  Ends ends;
  const BulkRequest last{kObject, kMaxObjectBytes, kMaxObjectBytes - 1, 1};
  CHECK(*ends.listener.read_request(written(ends.dialler, last)) == last);
}

TEST_CASE("what is no frame of its kind is refused, whatever its bytes") {
  Ends ends;
  const auto request = written(ends.dialler, kRequest);
  for (size_t size = 0; size < request.size(); ++size)
    CHECK_FALSE(ends.listener.read_request({request.data(), size}).ok());
  const std::vector<uint8_t> zeros(kMaxFrameBytes);
  CHECK_FALSE(ends.listener.read_request({zeros.data(), kRequestBytes}).ok());
  CHECK_FALSE(ends.dialler.read_answer({zeros.data(), kAnswerBytes}).ok());
  CHECK_FALSE(ends.dialler.read_verdict({zeros.data(), kVerdictBytes}).ok());
  auto answer = written(ends.listener, BulkAnswer::kNotHere);
  answer[8] = 2;  // an answer that does not exist
  CHECK_FALSE(ends.dialler.read_answer(answer).ok());
  auto verdict = written(ends.listener, BulkVerdict{});
  verdict[15] = 1;
  CHECK_FALSE(ends.dialler.read_verdict(verdict).ok());
}

TEST_CASE("a sealed frame that was changed, said again or made by another is not the peer's") {
  Ends ends{key_of(1)};
  const auto first = written(ends.dialler, kRequest);
  for (size_t i = 0; i < first.size(); ++i) {
    auto changed = first;
    changed[i] ^= 0x40;
    BulkFrames listener{SealFrom::kListener, key_of(1)};
    CHECK_FALSE(listener.read_request(changed).ok());
  }
  CHECK(ends.listener.read_request(first).ok());
  CHECK_FALSE(ends.listener.read_request(first).ok());
  Ends others{key_of(2)};
  CHECK_FALSE(ends.dialler.read_answer(written(others.listener, BulkAnswer::kFollows)).ok());
  // Nor is what this side said itself, sent back.
  BulkFrames mirror{SealFrom::kListener, key_of(1)};
  CHECK_FALSE(mirror.read_answer(written(mirror, BulkAnswer::kFollows)).ok());
}
