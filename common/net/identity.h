// A machine's identity: an Ed25519 key and a self-signed certificate for it, made on first start
// and the same ever after. The certificate's names and dates mean nothing; who pins, pins the key.
//
// In one file of the state folder (mode 0600), key and certificate together, so that they cannot
// come apart. It appears whole or not at all, and when two processes make one at once, both end
// with the same.
#pragma once

#include <memory>
#include <string>

#include "common/base/result.h"
#include "common/types/identity.h"

namespace rayd {

/// Immutable; copies share, and may be used in any thread.
class Identity {
 public:
  struct Keys;  // OpenSSL's; for tls.cc

  /// The one in `directory`/identity.pem, made if there is none; the directory too, but not its
  /// parents. kNotAllowed: others can read or replace the file; kCorrupt: it is no identity;
  /// kUnavailable: the system refuses. The texts name the file and what to do.
  static Result<Identity> load_or_make(const std::string& directory);
  /// One that ends with the process, for a client that comes with a token.
  static Identity make_ephemeral();

  const KeyHash& hash() const;
  const Keys& keys() const { return *keys_; }

 private:
  explicit Identity(std::shared_ptr<const Keys> keys) : keys_(std::move(keys)) {}

  std::shared_ptr<const Keys> keys_;
};

/// The file in that folder.
std::string identity_file(const std::string& directory);

}  // namespace rayd
