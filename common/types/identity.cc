#include "common/types/identity.h"

#include <algorithm>

#include "common/base/base32.h"

namespace rayd {

std::string to_string(const KeyHash& hash) { return to_base32(hash.bytes); }

Result<KeyHash> parse_key_hash(std::string_view text) {
  const auto bytes = from_base32(text);
  KeyHash hash;
  if (!bytes || bytes->size() != hash.bytes.size()) {
    return Error{ErrorCode::kInvalidArgument,
                 "\"" + std::string(text.substr(0, 80)) +
                     "\" is no identity; one has 52 letters and digits (a-z, 2-7)"};
  }
  std::copy(bytes->begin(), bytes->end(), hash.bytes.begin());
  return hash;
}

std::string short_name(const KeyHash& hash) { return to_string(hash).substr(0, 12); }

std::string to_string(const ClusterId& cluster) { return to_base32(cluster.bytes); }

}  // namespace rayd
