#include "common/net/head_dial.h"

#include <utility>

namespace rayd {

Result<HeadAccess> parse_head_access(const std::string& address, std::string_view token_word) {
  auto where = parse_host_port(address);
  if (!where)
    return Error{where.error().code, "address '" + address + "': " + where.error().message};
  auto token = parse_token(token_word);
  if (!token) return Error{token.error().code, "the token: " + token.error().message};
  return HeadAccess{std::move(*where), *token};
}

Result<Identity> client_identity(const Result<std::string>& folder) {
  auto kept = folder ? Identity::load_or_make(*folder) : Result<Identity>{folder.error()};
  if (kept || kept.error().code == ErrorCode::kNotAllowed) return kept;
  return Identity::make_ephemeral();
}

HeadDial::HeadDial(HeadAccess access, const Identity& identity, std::string program)
    : access_(std::move(access)),
      context_(identity, TlsSide::kClient),
      program_(std::move(program)) {}

Result<Link> HeadDial::dial(Duration timeout) const {
  auto result = dial_now(context_, {access_.address, access_.token.head},
                         hello_with_token(access_.token, Lane::kControl, program_), timeout);
  if (auto* dialled = std::get_if<Dialled>(&result)) return std::move(dialled->link);
  const std::string where = to_string(access_.address);
  if (const auto* refused = std::get_if<HelloRefused>(&result)) {
    const Error why = to_error(*refused);
    return Error{why.code, where + " refuses: " + why.message};
  }
  const Error& why = std::get<Error>(result);
  if (why.code == ErrorCode::kNotAllowed) {
    return Error{why.code, why.message +
                               ". A program without a daemon beside it connects to the "
                               "head's own address, not to another node's"};
  }
  return Error{ErrorCode::kUnavailable, why.message};
}

}  // namespace rayd
