// Many machines by the system's ssh: a piece of work for each of them, several at a time.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/unique_fd.h"

namespace rayd::cli {

/// What a command there left behind.
struct RemoteRun {
  int status = 0;      // its exit status; 255: ssh itself failed
  std::string output;  // standard output and error, the first 64 KiB
};

class Ssh {
 public:
  /// `command` is what is run in place of "ssh", words apart.
  explicit Ssh(const std::string& command);

  /// Runs a script of sh there; `input` is its standard input, from the beginning of the file
  /// (none: empty). Asks for no password.
  RemoteRun run(const std::string& host, const std::string& script, const UniqueFd& input) const;

 private:
  std::vector<std::string> words_;
};

/// 'word', for a script.
std::string quoted(const std::string& word);

struct HostOutcome {
  std::string host;
  bool ok = false;
  std::string text;  // what became of it, in words
};

/// `work` runs once a host, in a process of its own, at most kHostsAtOnce together; `told` as each
/// ends. In the order of `hosts`.
inline constexpr size_t kHostsAtOnce = 32;
std::vector<HostOutcome> on_each_host(
    const std::vector<std::string>& hosts,
    const std::function<Result<std::string>(const std::string&)>& work,
    const std::function<void(const HostOutcome&)>& told);

}  // namespace rayd::cli
