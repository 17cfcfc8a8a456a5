#include "common/config/places.h"

#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "common/config/options.h"

namespace rayd {
namespace {

constexpr std::string_view kSystemRunDir = "/run/rayd/";
constexpr size_t kLongestSocketPath = sizeof(sockaddr_un::sun_path) - 1;

Error refuse(ErrorCode code, std::string text) { return {code, std::move(text)}; }

bool is_system(const Environment& environment) {
  const std::string runtime = environment.get("XDG_RUNTIME_DIR");
  return environment.uid == 0 && (runtime.empty() || runtime == "/run/user/0");
}

Places system_places(const std::string& cluster) {
  return {std::string(kSystemRunDir) + cluster, "/var/lib/rayd/" + cluster,
          "/var/log/rayd/" + cluster};
}

std::string fallback_run_root(const Environment& environment) {
  return "/tmp/rayd-" + std::to_string(environment.uid);
}

Result<Places> user_places(const std::string& cluster, const Environment& environment) {
  const std::string runtime = environment.get("XDG_RUNTIME_DIR");
  const std::string state = environment.get("XDG_STATE_HOME");
  const std::string home = environment.get("HOME");
  for (const auto& [name, value] :
       {std::pair{"XDG_RUNTIME_DIR", runtime}, std::pair{"XDG_STATE_HOME", state}}) {
    if (!value.empty() && value[0] != '/') {
      return refuse(ErrorCode::kInvalidArgument,
                    std::string(name) + " wants an absolute path, got '" + value + "'");
    }
  }
  if (state.empty() && home.empty()) {
    return refuse(ErrorCode::kInvalidArgument,
                  "neither XDG_STATE_HOME nor HOME is set, so there is no place for the journal");
  }
  Places places;
  places.run_dir =
      (runtime.empty() ? fallback_run_root(environment) : runtime + "/rayd") + "/" + cluster;
  places.state_dir = (state.empty() ? home + "/.local/state" : state) + "/rayd/" + cluster;
  places.log_dir = places.state_dir + "/log";
  return places;
}

// A folder that exists must be one, ours, and closed to the writing of others.
Status check_folder(const std::string& path, const Environment& environment) {
  struct stat status {};
  if (lstat(path.c_str(), &status) != 0) {
    return refuse(ErrorCode::kUnavailable, path + ": " + std::strerror(errno));
  }
  if (!S_ISDIR(status.st_mode)) return refuse(ErrorCode::kNotAllowed, path + " is no folder");
  if (status.st_uid != environment.uid) {
    return refuse(ErrorCode::kNotAllowed, path + " belongs to user " +
                                              std::to_string(status.st_uid) + ", not to you (" +
                                              std::to_string(environment.uid) +
                                              "); set XDG_RUNTIME_DIR to a folder of yours");
  }
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return refuse(ErrorCode::kNotAllowed,
                  "others may write to " + path + "; run: chmod go-w " + path);
  }
  return {};
}

Status make_own_folder(const std::string& path, mode_t mode, const Environment& environment) {
  // mkdir never follows a link that somebody left there, and lstat then sees the link.
  if (mkdir(path.c_str(), mode) != 0 && errno != EEXIST) {
    return refuse(ErrorCode::kUnavailable, path + ": " + std::strerror(errno));
  }
  return check_folder(path, environment);
}

// Makes the folder and its missing parents. The last two levels (…/rayd/NAME) are rayd's own and
// are checked; what lies above belongs to the system.
Status make_folder(const std::string& path, const Environment& environment) {
  namespace fs = std::filesystem;
  const mode_t mode = is_system(environment) ? 0755 : 0700;
  const fs::path folder(path);
  std::error_code error;
  fs::create_directories(folder.parent_path().parent_path(), error);
  if (error) return refuse(ErrorCode::kUnavailable, path + ": " + error.message());
  for (const fs::path& own : {folder.parent_path(), folder}) {
    if (auto made = make_own_folder(own.string(), mode, environment); !made.ok()) return made;
  }
  return {};
}

// A socket in a folder of a third person could be a trap for our token and our data.
bool is_trusted(const std::string& socket, const Environment& environment) {
  struct stat status {};
  if (stat(std::filesystem::path(socket).parent_path().c_str(), &status) != 0) return true;
  return status.st_uid == environment.uid || status.st_uid == 0;
}

}  // namespace

Result<Places> find_places(std::string_view cluster, const Environment& environment) {
  if (auto checked = check_name(cluster); !checked.ok()) return checked.error();
  const std::string name(cluster);
  auto places =
      is_system(environment) ? Result<Places>(system_places(name)) : user_places(name, environment);
  if (!places.ok()) return places;
  const std::string socket = places->socket();
  if (socket.size() > kLongestSocketPath) {
    return refuse(ErrorCode::kInvalidArgument,
                  "the socket's path " + socket + " has " + std::to_string(socket.size()) +
                      " characters, and the kernel takes " + std::to_string(kLongestSocketPath) +
                      "; choose a shorter cluster name or XDG_RUNTIME_DIR");
  }
  return places;
}

Status make_places(const Places& places, const Environment& environment) {
  for (const std::string& folder : {places.run_dir, places.state_dir, places.log_dir}) {
    if (auto made = make_folder(folder, environment); !made.ok()) return made;
  }
  return {};
}

Result<std::string> make_client_folder(const Environment& environment) {
  const auto places = find_places("default", environment);
  if (!places) return places.error();
  const std::filesystem::path folder = std::filesystem::path(places->state_dir).parent_path();
  std::error_code error;
  std::filesystem::create_directories(folder.parent_path(), error);
  if (error) return refuse(ErrorCode::kUnavailable, folder.string() + ": " + error.message());
  const mode_t mode = is_system(environment) ? 0755 : 0700;
  const Status made = make_own_folder(folder.string(), mode, environment);
  if (!made.ok()) return made.error();
  return folder.string();
}

std::vector<std::string> find_sockets(std::string_view cluster, const Environment& environment) {
  std::vector<std::string> sockets;
  const auto own = find_places(cluster, environment);
  if (own.ok() && is_trusted(own->socket(), environment)) sockets.push_back(own->socket());
  if (check_name(cluster).ok() && !is_system(environment)) {
    sockets.push_back(system_places(std::string(cluster)).socket());
  }
  return sockets;
}

}  // namespace rayd
