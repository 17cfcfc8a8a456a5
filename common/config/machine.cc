#include "common/config/machine.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>

#include "common/config/quantity.h"

namespace rayd {
namespace {

namespace fs = std::filesystem;

int64_t cpus_in_affinity_mask() {
  // The kernel refuses a set smaller than its own, so it grows until it fits.
  for (int capacity = 1024; capacity <= 1 << 20; capacity *= 2) {
    cpu_set_t* set = CPU_ALLOC(capacity);
    if (set == nullptr) break;
    const size_t size = CPU_ALLOC_SIZE(capacity);
    const int count = sched_getaffinity(0, size, set) == 0 ? CPU_COUNT_S(size, set) : 0;
    CPU_FREE(set);
    if (count > 0) return count;
  }
  return std::max<int64_t>(1, sysconf(_SC_NPROCESSORS_ONLN));
}

// The first words of a control-group file: "max 100000", "200000 100000", "1073741824".
std::optional<int64_t> read_limit(const fs::path& file, int64_t& period) {
  std::ifstream in(file);
  std::string first;
  if (!(in >> first)) return std::nullopt;
  std::string second;
  if (in >> second) {
    if (const auto parsed = parse_integer(second); parsed.ok()) period = *parsed;
  }
  const auto limit = parse_integer(first);
  return limit.ok() && *limit > 0 ? std::optional(*limit) : std::nullopt;
}

// This process's group of the unified hierarchy ("0::/a/b"), as a path under `mount`.
fs::path own_group(const std::string& root, const fs::path& mount) {
  std::ifstream in(root + "/proc/self/cgroup");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("0::/")) return mount / line.substr(4);
  }
  return mount;
}

void apply_group_limits(const std::string& root, Machine& machine) {
  const fs::path mount = root + "/sys/fs/cgroup";
  // A limit of any ancestor binds.
  for (fs::path group = own_group(root, mount);; group = group.parent_path()) {
    int64_t period = 100'000;
    if (const auto quota = read_limit(group / "cpu.max", period); quota && period > 0) {
      machine.cpus = std::min(machine.cpus, std::max<int64_t>(1, (*quota + period - 1) / period));
    }
    if (const auto memory = read_limit(group / "memory.max", period)) {
      machine.memory_bytes = std::min(machine.memory_bytes, *memory);
    }
    if (group == mount || !group.has_relative_path()) return;
  }
}

int64_t count_gpus(const std::string& root) {
  constexpr std::string_view kPrefix = "nvidia";
  int64_t count = 0;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(root + "/dev", ignored)) {
    const std::string name = entry.path().filename();
    const bool is_device = name.starts_with(kPrefix) && name.size() > kPrefix.size() &&
                           name.find_first_not_of("0123456789", kPrefix.size()) == name.npos;
    if (is_device) ++count;
  }
  return count;
}

}  // namespace

Machine measure_machine(const std::string& root) {
  Machine machine;
  machine.cpus = cpus_in_affinity_mask();
  machine.memory_bytes = int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGESIZE);
  machine.gpus = count_gpus(root);
  apply_group_limits(root, machine);
  return machine;
}

}  // namespace rayd
