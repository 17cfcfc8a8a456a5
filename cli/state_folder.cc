#include "cli/state_folder.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

namespace rayd::cli {
namespace {

namespace fs = std::filesystem;

constexpr size_t kOutcomesKept = 100;

std::optional<std::string> read_text(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  if (!file) return std::nullopt;
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

void remove_oldest(const std::string& folder) {
  std::error_code failure;
  std::vector<std::pair<fs::file_time_type, fs::path>> files;
  for (const auto& entry : fs::directory_iterator{folder, failure}) {
    files.emplace_back(entry.last_write_time(failure), entry.path());
  }
  std::sort(files.begin(), files.end());
  for (size_t i = 0; i + kOutcomesKept < files.size(); ++i) fs::remove(files[i].second, failure);
}

}  // namespace

Status StateFolder::write(const std::string& path, const std::string& text) const {
  std::error_code failure;
  const fs::path folder = fs::path{path}.parent_path();
  if (!fs::exists(folder, failure)) {
    // As make_places() does: for the owner alone.
    fs::create_directories(folder, failure);
    fs::permissions(folder, fs::perms::owner_all, failure);
  }
  const std::string part = path + ".part";
  std::FILE* file = std::fopen(part.c_str(), "wbe");
  const bool written =
      file != nullptr && std::fwrite(text.data(), 1, text.size(), file) == text.size();
  const bool closed = file != nullptr && std::fclose(file) == 0;
  if (!written || !closed || std::rename(part.c_str(), path.c_str()) != 0) {
    return Error{ErrorCode::kInternal, "cannot write " + path + ": " + std::strerror(errno)};
  }
  return {};
}

void StateFolder::remember_last_job(JobId job) const {
  static_cast<void>(write(folder_ + "/last-job", to_string(job) + "\n"));
}

std::optional<JobId> StateFolder::last_job() const {
  auto text = read_text(folder_ + "/last-job");
  if (!text) return std::nullopt;
  while (text->ends_with('\n')) text->pop_back();
  const auto job = parse_job_id(*text);
  return job ? std::optional(*job) : std::nullopt;
}

void StateFolder::remember_hosts(const std::set<std::string>& hosts) const {
  std::string lines;
  for (const std::string& host : hosts) lines += host + "\n";
  static_cast<void>(write(folder_ + "/hosts", lines));
}

std::set<std::string> StateFolder::hosts() const {
  std::set<std::string> hosts;
  std::istringstream lines{read_text(folder_ + "/hosts").value_or("")};
  for (std::string host; std::getline(lines, host);) hosts.insert(host);
  return hosts;
}

Status StateFolder::keep_outcome(JobId job, const Json& outcome) const {
  const Status kept = write(outcome_file(job), outcome.dump() + "\n");
  remove_oldest(outcomes());
  return kept;
}

std::optional<Json> StateFolder::outcome(JobId job) const {
  const auto text = read_text(outcome_file(job));
  if (!text) return std::nullopt;
  auto json = Json::parse(*text);
  return json ? std::optional(std::move(*json)) : std::nullopt;
}

void StateFolder::forget_outcome(JobId job) const { std::remove(outcome_file(job).c_str()); }

}  // namespace rayd::cli
