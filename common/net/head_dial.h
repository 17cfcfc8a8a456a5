// HeadDial: how a program reaches a cluster from a machine without a daemon: at the head's own
// port, because the token that it comes with names the head's key and nobody else's. So no stranger
// is believed, and no other node is either: those are vouched for by the head alone.
//
// Immutable once made; dial() waits.
#pragma once

#include <string>
#include <string_view>

#include "common/net/dial.h"
#include "common/net/identity.h"
#include "common/net/tls.h"
#include "common/net/token.h"

namespace rayd {

struct HeadAccess {
  HostPort address;
  Token token;
};

/// kInvalidArgument: one of the words is not what it should be.
Result<HeadAccess> parse_head_access(const std::string& address, std::string_view token_word);

/// The key of this user's programs in make_client_folder()'s folder, made on first use; one for
/// this process alone where nothing can be kept. kNotAllowed: others can read or replace it.
Result<Identity> client_identity(const Result<std::string>& folder);

class HeadDial {
 public:
  HeadDial(HeadAccess access, const Identity& identity, std::string program);

  /// A connection for the control lane. kNotAllowed: the token will not do, or another machine than
  /// the token's head answers; kUnavailable: nobody does.
  Result<Link> dial(Duration timeout) const;
  const HostPort& address() const { return access_.address; }

 private:
  HeadAccess access_;
  TlsContext context_;
  std::string program_;
};

}  // namespace rayd
