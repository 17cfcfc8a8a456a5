// Where KJ's exceptions become rayd's errors and back: nothing above the RPC shells sees a
// kj::Exception, and an error thrown by a method reaches the caller with its code.
//
// The wire carries text and one of four types, so the code travels in the text, in front.
#pragma once

#include "common/base/result.h"

namespace kj {
class Exception;
}

namespace rayd {

/// The error this came from, if its text begins with a code that exists. Otherwise by its type:
/// DISCONNECTED, OVERLOADED and UNIMPLEMENTED are kUnavailable, FAILED is kInternal.
Error translate(const kj::Exception& exception);

/// What a method of an RPC object throws, or rejects with. Type DISCONNECTED for kUnavailable, else
/// FAILED.
kj::Exception to_exception(const Error& error);

}  // namespace rayd
