// Bytes that are not what they claim to be: refused within bounds, whatever they are read as.
#include <any>
#include <cstring>
#include <list>
#include <map>
#include <string>

#include "tests/unit/catch.h"
#include "tests/unit/client/api_round_trip.h"

using namespace ray::internal;

namespace {

template <class T>
void read(ValueTag tag, const std::vector<uint8_t>& bytes) {
  unpack_value<T>(StoredBytes(tag, bytes).fetched());
}

ray::ErrorCode code_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const ray::RayException& thrown) {
    return thrown.code();
  }
  return ray::ErrorCode::kOk;
}

ray::ErrorCode document(const std::vector<uint8_t>& bytes) {
  return code_of([&] { read<std::any>(kMsgpackTag, bytes); });
}

std::vector<uint8_t> nested_arrays(size_t depth) {
  std::vector<uint8_t> bytes(depth, 0x91);
  bytes.push_back(0xC0);
  return bytes;
}

}  // namespace

TEST_CASE("a value whose size does not fit its tag is corrupt") {
  const auto corrupt = ray::ErrorCode::kCorrupt;
  CHECK(code_of([] { read<int>(tag_of<int>(), {1, 2, 3}); }) == corrupt);
  CHECK(code_of([] { read<std::vector<int>>(tag_of<std::vector<int>>(), {1, 2, 3}); }) == corrupt);
  CHECK(code_of([] { read<int>(make_tag(ValueKind::kScalar), {}); }) == corrupt);
  CHECK(code_of([] { read<int>(0xFFFF, {1}); }) == corrupt);
  CHECK(code_of([] { read<std::any>(0xFFFF, {1}); }) == corrupt);
  CHECK(code_of([] { read<std::string>(kMsgpackTag, {}); }) == corrupt);
  CHECK(code_of([] { read<std::monostate>(make_tag(ValueKind::kNil), {}); }) ==
        ray::ErrorCode::kOk);
}

TEST_CASE("a document that promises more items than it has bytes is refused at once") {
  CHECK(document({0xDD, 0xFF, 0xFF, 0xFF, 0xFF}) == ray::ErrorCode::kCorrupt);
  CHECK(document({0xDF, 0xFF, 0xFF, 0xFF, 0xFF}) == ray::ErrorCode::kCorrupt);
  // Each level alone would fit the bytes, together they would not.
  std::vector<uint8_t> levels;
  for (int i = 0; i < 300; ++i) levels.insert(levels.end(), {0xDC, 0x03, 0xE8});
  levels.resize(1000, 0xC0);
  CHECK(document(levels) == ray::ErrorCode::kCorrupt);
}

TEST_CASE("documents end where their bytes end") {
  CHECK(document({0xC0}) == ray::ErrorCode::kOk);
  CHECK(document({0xC0, 0xC0}) == ray::ErrorCode::kCorrupt);
  CHECK(document({0xC1}) == ray::ErrorCode::kCorrupt);
  CHECK(document({0xDB, 0xFF, 0xFF, 0xFF, 0xFF, 'x'}) == ray::ErrorCode::kCorrupt);
  CHECK(document({0xC6, 0x00, 0x00, 0x00, 0x02, 'x'}) == ray::ErrorCode::kCorrupt);
  CHECK(document({0x92, 0x01}) == ray::ErrorCode::kCorrupt);
  CHECK(document({0xCF, 1, 2, 3}) == ray::ErrorCode::kCorrupt);
}

TEST_CASE("documents nest as deep as the limit and no deeper") {
  CHECK(document(nested_arrays(kMaxMsgpackDepth)) == ray::ErrorCode::kOk);
  CHECK(document(nested_arrays(kMaxMsgpackDepth + 1)) == ray::ErrorCode::kCorrupt);
  CHECK(document(nested_arrays(1'000'000)) == ray::ErrorCode::kCorrupt);
}

TEST_CASE("a document of the wrong shape names both sides") {
  CHECK_THROWS_WITH((read<std::map<std::string, int>>(kMsgpackTag, {0x01})),
                    Catch::Contains("msgpack") && Catch::Contains("map"));
  CHECK(code_of([] {
          read<std::list<int>>(kMsgpackTag, {0x91, 0xA1, 'x'});
        }) == ray::ErrorCode::kInvalidArgument);
  using Either = std::variant<int, std::string>;
  CHECK_THROWS_AS(read<Either>(kMsgpackTag, {0x92, 0x02, 0x01}), ray::RayException);
  CHECK_THROWS_AS(read<Either>(kMsgpackTag, {0x92, 0xFF, 0x01}), ray::RayException);
  CHECK_THROWS_AS(read<Either>(kMsgpackTag, {0x91, 0x00}), ray::RayException);
}

TEST_CASE("bools are one or zero, whatever the bytes") {
  const auto tag = make_tag(ValueKind::kArray, ElementType::kBool);
  const auto value = StoredBytes(tag, {2, 0, 255});
  const auto back = unpack_value<std::array<bool, 3>>(value.fetched());
  uint8_t bytes[3];
  std::memcpy(bytes, back.data(), 3);
  CHECK(bytes[0] == 1);
  CHECK(bytes[1] == 0);
  CHECK(bytes[2] == 1);
  const StoredBytes scalar(make_tag(ValueKind::kScalar, ElementType::kBool), {9});
  CHECK(unpack_value<bool>(scalar.fetched()));
}

TEST_CASE("an extension is a reference only with its type and size") {
  std::vector<uint8_t> ref{0xD8, 0x01};
  ref.resize(18, 0);
  CHECK(code_of([&] { read<ray::ObjectRef<int>>(kMsgpackTag, ref); }) == ray::ErrorCode::kOk);
  ref[1] = 0x02;
  CHECK(code_of([&] { read<ray::ObjectRef<int>>(kMsgpackTag, ref); }) ==
        ray::ErrorCode::kInvalidArgument);
  const std::vector<uint8_t> small{0xD4, 0x01, 0x00};
  CHECK(code_of([&] { read<ray::ObjectRef<int>>(kMsgpackTag, small); }) ==
        ray::ErrorCode::kInvalidArgument);
}

TEST_CASE("a value that is an error throws it, whatever it is read as") {
  FetchedValue value;
  auto info = std::make_shared<ErrorInfo>();
  info->code = ray::ErrorCode::kWorkerDied;
  value.error = info;
  CHECK_THROWS_AS(unpack_value<int>(value), ray::RayWorkerException);
  CHECK_THROWS_AS(unpack_value<std::string>(value), ray::RayWorkerException);
  CHECK_THROWS_AS(unpack_value<std::vector<std::string>>(value), ray::RayWorkerException);
  CHECK_THROWS_AS(view_value<double>(value), ray::RayWorkerException);
  // Even if the tag left beside it would match.
  const int number = 0;
  value.tag = tag_of<int>();
  value.bytes = raw_bytes(number);
  CHECK_THROWS_AS(unpack_value<int>(value), ray::RayWorkerException);
}
