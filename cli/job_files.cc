#include "cli/job_files.h"

#include <ray/workload.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>

namespace rayd::cli {
namespace {

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

Error cannot_write(const std::string& path) {
  return {ErrorCode::kInvalidArgument, "cannot write " + path + ": " + std::strerror(errno)};
}

}  // namespace

Result<std::vector<std::string>> JobFiles::bring(const std::vector<JobFile>& files) {
  std::vector<std::string> paths;
  for (const JobFile& file : files) {
    const auto known = brought_.find(file.name);
    if (known != brought_.end() && known->second == file.bytes) continue;
    auto path = bring(file);
    if (!path) return path.error();
    brought_[file.name] = file.bytes;
    paths.push_back(std::move(*path));
  }
  return paths;
}

Result<std::string> JobFiles::bring(const JobFile& file) {
  if (!ray::is_result_name(file.name)) {
    return Error{ErrorCode::kCorrupt, "'" + file.name + "' is no name of a result file"};
  }
  const std::string path = folder_ + "/" + file.name;
  const std::string part = path + ".part";
  std::error_code failure;
  std::filesystem::create_directories(std::filesystem::path{path}.parent_path(), failure);
  std::unique_ptr<std::FILE, CloseFile> stream{std::fopen(part.c_str(), "wbe")};
  if (!stream) return cannot_write(part);
  uint64_t offset = 0;
  for (;;) {
    const auto piece = client_.read_file(job_, file.name, offset);
    if (!piece) return piece.error();
    if (std::fwrite(piece->bytes.data(), 1, piece->bytes.size(), stream.get()) !=
        piece->bytes.size()) {
      return cannot_write(part);
    }
    offset += piece->bytes.size();
    if (piece->complete || piece->bytes.empty()) break;
  }
  if (std::fclose(stream.release()) != 0) return cannot_write(part);
  if (std::rename(part.c_str(), path.c_str()) != 0) return cannot_write(path);
  return path;
}

}  // namespace rayd::cli
