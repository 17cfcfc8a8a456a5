// The flags that verbs share, and the verbs that are still to come.
#include "cli/verb.h"

namespace rayd::cli {
namespace {

constexpr std::string_view kLater[] = {
    "sweep", "run",    "map",      "put",     "get",        "free", "watch",
    "top",   "memory", "timeline", "metrics", "node",       "plot", "verify",
    "model", "bench",  "doctor",   "config",  "completion",
};

constexpr Flag kCommon[] = {
    {"-o", "FORMAT", "how results are written", FlagType::kChoice, 0, "table|wide|json|jsonl|csv"},
    {"--json", "", "the same as -o json", FlagType::kSwitch},
    {"--token", "WORD",
     "what --address HOST:PORT lets in by (better: --token-file, RAYD_TOKEN, RAYD_TOKEN_FILE)",
     FlagType::kText},
    {"--token-file", "FILE", "a file with it; - is standard input", FlagType::kText},
    {"--quiet", "", "nothing on standard error but errors", FlagType::kSwitch, 'q'},
    {"--help", "", "this text", FlagType::kSwitch, 'h'},
};

constexpr Flag kDemand[] = {
    {"--num-cpus", "N", "CPUs that it holds while it runs", FlagType::kNumber},
    {"--num-gpus", "N", "GPUs that it holds", FlagType::kNumber},
    {"--memory", "BYTES", "memory that it reserves, such as 2GiB", FlagType::kBytes},
    {"--resources", "JSON", "further resources, such as '{\"disk\": 1}'", FlagType::kJson},
    {"--label",
     "K=V",
     "only where it holds; also K!=V, 'K in (A, B)', 'K !in (A, B)', K",
     FlagType::kText,
     0,
     {},
     Repeat::kYes},
    {"--env",
     "K[=V]",
     "a variable of its process; K alone takes the value here",
     FlagType::kText,
     0,
     {},
     Repeat::kYes},
};

constexpr Flag kProgressOnly[] = {
    {"--progress", "STYLE", "JSON lines on standard error, or nothing", FlagType::kChoice, 0,
     "json|none"},
};

}  // namespace

std::span<const std::string_view> later_verbs() { return kLater; }
std::span<const Flag> common_flags() { return kCommon; }
std::span<const Flag> demand_flags() { return kDemand; }
std::span<const Flag> progress_flags() { return kProgressOnly; }

}  // namespace rayd::cli
