#include "common/base/process_memory.h"

#include <cstdint>
#include <cstdio>
#include <memory>
#include <vector>

#include <sys/mman.h>

namespace rayd {
namespace {

struct CloseFile {
  void operator()(FILE* file) const { std::fclose(file); }
};

struct Mapping {
  uintptr_t begin = 0;
  uintptr_t end = 0;
  bool is_read_only_file = false;
};

/// The first line of an entry of smaps: "begin-end rwxp offset device inode path".
bool read_head(const char* line, Mapping& mapping) {
  unsigned long begin = 0;
  unsigned long end = 0;
  unsigned long inode = 0;
  char rights[5];
  if (std::sscanf(line, "%lx-%lx %4s %*x %*s %lu", &begin, &end, rights, &inode) != 4) return false;
  mapping = {begin, end, rights[1] == '-' && rights[3] == 'p' && inode != 0};
  return true;
}

/// Collected before any is dropped, which would change the file while it is read.
std::vector<Mapping> find_clean_mappings() {
  std::vector<Mapping> clean;
  const std::unique_ptr<FILE, CloseFile> smaps{std::fopen("/proc/self/smaps", "re")};
  if (smaps == nullptr) return clean;
  Mapping mapping;
  char line[512];
  while (std::fgets(line, sizeof line, smaps.get()) != nullptr) {
    unsigned long kilobytes = 0;
    if (read_head(line, mapping)) continue;
    // "Anonymous" counts the pages that were written, as relocated tables are before they are
    // protected: those are in no file.
    if (std::sscanf(line, "Anonymous: %lu kB", &kilobytes) == 1 && kilobytes == 0 &&
        mapping.is_read_only_file) {
      clean.push_back(mapping);
    }
  }
  return clean;
}

}  // namespace

void drop_file_pages() {
  for (const Mapping& mapping : find_clean_mappings()) {
    madvise(reinterpret_cast<void*>(mapping.begin), mapping.end - mapping.begin, MADV_DONTNEED);
  }
}

}  // namespace rayd
