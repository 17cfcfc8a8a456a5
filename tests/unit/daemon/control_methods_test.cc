#include "daemon/shell/control_methods.h"

#include <map>
#include <string>

#include "tests/unit/catch.h"

using namespace rayd;
using namespace rayd::shell;
using Role = RpcPeer::Role;

namespace {

/// Who may call each method: o(wner), w(orker of ours), m(ember), s(ubmit), l(ook).
const std::map<std::string, std::string> kMay = {
    {"hello", "owmsl"},
    {"openRings", "ow"},
    {"openSession", "owms"},
    {"status", "owmsl"},
    {"list", "owmsl"},
    {"submitJob", "owms"},
    {"watchJob", "owmsl"},
    {"cancelJob", "owms"},
    {"listFiles", "owmsl"},
    {"readFile", "owmsl"},
    {"addModule", "owms"},
    {"removeModule", "owms"},
    {"describeModules", "owmsl"},
    {"readLogs", "owmsl"},
    {"stop", "om"},
    {"job", "ow"},
    {"createToken", "om"},
    {"revokeToken", "om"},
    {"enlist", "om"},
    {"stopAll", "om"},
    {"writeImage", "owms"},
    {"readEvents", "owmsl"},
    {"resumeSession", "owms"},
};

constexpr std::pair<char, Role> kRoles[] = {{'o', Role::kOwner},
                                            {'w', Role::kWorker},
                                            {'m', Role::kMember},
                                            {'s', Role::kSubmit},
                                            {'l', Role::kLook}};

}  // namespace

TEST_CASE("each method of the control lane is open to those roles that it is for, and no other") {
  CHECK(std::size(kControlMethods) == kMay.size());
  for (const ControlMethod& method : kControlMethods) {
    const auto may = kMay.find(method.name);
    REQUIRE(may != kMay.end());
    for (const auto& [letter, role] : kRoles) {
      INFO(method.name << " by " << letter);
      CHECK(method.allows(role) == (may->second.find(letter) != std::string::npos));
    }
  }
}

TEST_CASE("who may not is told what it takes") {
  const auto text = [](const char* name, Role role) {
    for (const ControlMethod& method : kControlMethods) {
      if (std::string{method.name} == name) return refusal_of(method, role).message;
    }
    return std::string{};
  };
  CHECK(text("submitJob", Role::kLook) ==
        "submitJob takes a token of role submit, and yours is a token of role look");
  CHECK(text("stopAll", Role::kSubmit).find("the owner of the cluster") != std::string::npos);
  CHECK(text("openRings", Role::kSubmit).find("a machine of the cluster") != std::string::npos);
  CHECK(text("enlist", Role::kLook).find("a node of the cluster") != std::string::npos);
}

TEST_CASE("a method that is newer than this daemon is nobody's secret") {
  CHECK(control_method(9999).allows(Role::kLook));
}
