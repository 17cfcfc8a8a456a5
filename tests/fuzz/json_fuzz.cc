// JSON and MessagePack readers: any bytes are refused or give a value that both writers keep.
#include <cmath>
#include <cstdint>
#include <cstdlib>

#include "common/base/check.h"
#include "common/config/json.h"

namespace {

using rayd::Json;

// Written values may be wrapped once more than what was read ({"$bytes": …}, [key, value]).
constexpr rayd::JsonLimits kAgain{size_t{1} << 30, 200};

// What text keeps: not NaN or infinities, nor strings that were no UTF-8. Those are stable from the
// first writing on.
void check_value(const Json& value) {
  const std::string text = value.dump();
  const auto again = Json::parse(text, kAgain);
  if (!again.ok()) {
    // Keys that differ in broken UTF-8 only may become one.
    RAY_CHECK(again.error().message.find("appears twice") != std::string::npos);
    return;
  }
  RAY_CHECK(again->dump() == text);
  RAY_CHECK(Json::parse(again->dump(rayd::JsonStyle::kPretty), kAgain).value() == *again);
  const auto packed = rayd::json_from_msgpack(rayd::json_to_msgpack(*again), kAgain);
  RAY_CHECK(packed.ok());
  RAY_CHECK(packed->dump() == text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const rayd::ByteSpan bytes{data, size};
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  if (const auto json = Json::parse(text); json.ok()) check_value(*json);
  if (const auto json = rayd::json_from_msgpack(bytes); json.ok()) check_value(*json);
  if (const auto decoded = rayd::base64_decode(text); decoded.ok()) {
    RAY_CHECK(rayd::base64_encode(*decoded) == text);
  }
  return 0;
}
