#include "common/net/bulk_seal.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <vector>

#include "common/base/check.h"

namespace rayd {

Seal seal_of(const SealKey& key, SealFrom from, uint64_t number, std::span<const uint8_t> header) {
  std::vector<uint8_t> sealed;
  sealed.reserve(9 + header.size());
  sealed.push_back(static_cast<uint8_t>(from));
  for (int shift = 0; shift < 64; shift += 8) {
    sealed.push_back(static_cast<uint8_t>(number >> shift));
  }
  sealed.insert(sealed.end(), header.begin(), header.end());
  std::array<uint8_t, 32> whole;
  unsigned size = 0;
  RAY_CHECK(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), sealed.data(),
                 sealed.size(), whole.data(), &size) != nullptr);
  Seal seal;
  std::copy_n(whole.begin(), seal.size(), seal.begin());
  return seal;
}

bool same_seal(const Seal& a, const Seal& b) {
  return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace rayd
