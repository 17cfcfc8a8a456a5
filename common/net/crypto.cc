#include "common/net/crypto.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "common/base/check.h"

namespace rayd {

void fill_with_chance(std::span<uint8_t> bytes) {
  RAY_CHECK(RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1);
}

std::array<uint8_t, 32> sha256(std::span<const uint8_t> bytes) {
  std::array<uint8_t, 32> digest;
  unsigned size = 0;
  RAY_CHECK(EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr) ==
            1);
  RAY_CHECK(size == digest.size());
  return digest;
}

std::string openssl_reason() {
  // The first error of the queue is the cause, the later ones who passed it on.
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason == nullptr ? "unknown" : reason;
}

}  // namespace rayd
