#include "common/net/rpc_errors.h"

#include <kj/exception.h>

#include "tests/unit/catch.h"

using namespace rayd;

namespace {

Error of(kj::Exception::Type type, const char* text) {
  return translate(kj::Exception(type, __FILE__, __LINE__, kj::str(text)));
}

}  // namespace

TEST_CASE("an error keeps code and text through an exception and Cap'n Proto's remark") {
  const Error error{ErrorCode::kStoreFull, "no room: 3 MB are needed, 1 MB is free"};
  const kj::Exception exception = to_exception(error);
  CHECK(exception.getType() == kj::Exception::Type::FAILED);
  CHECK(translate(exception).code == error.code);
  CHECK(translate(exception).message == error.message);
  const std::string remote =
      std::string("remote exception: remote exception: ") + exception.getDescription().cStr();
  CHECK(of(kj::Exception::Type::FAILED, remote.c_str()).code == error.code);
  CHECK(of(kj::Exception::Type::FAILED, remote.c_str()).message == error.message);
}

TEST_CASE("an exception without a code is translated by its type") {
  using Type = kj::Exception::Type;
  CHECK(of(Type::FAILED, "boom").code == ErrorCode::kInternal);
  CHECK(of(Type::FAILED, "remote exception: boom").message == "boom");
  CHECK(of(Type::DISCONNECTED, "gone").code == ErrorCode::kUnavailable);
  CHECK(of(Type::DISCONNECTED, "gone").message == "the connection was lost: gone");
  CHECK(of(Type::OVERLOADED, "busy").code == ErrorCode::kUnavailable);
  CHECK(of(Type::UNIMPLEMENTED, "what").code == ErrorCode::kUnavailable);
  CHECK(to_exception({ErrorCode::kUnavailable, "x"}).getType() == Type::DISCONNECTED);
}

TEST_CASE("a number that is no code counts as text") {
  for (const char* text : {"rayd error 0: x", "rayd error 999: x", "rayd error 65536: x",
                           "rayd error : x", "rayd error 21 x", "rayd error -1: x", "rayd error"}) {
    const Error error = of(kj::Exception::Type::FAILED, text);
    CHECK(error.code == ErrorCode::kInternal);
    CHECK(error.message == text);
  }
}
