// The messages between daemon, keeper and zygotes as plain values, and their encoding
// (common/schema/keeper.capnp is the specification).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/ids.h"
#include "common/base/process_status.h"
#include "common/base/result.h"

namespace rayd::keeper {

/// "PID:FD", set by the keeper: this process, if it is PID, is a zygote; FD leads to the keeper.
inline constexpr char kZygoteVariable[] = "RAYD_ZYGOTE_FD";

/// The shared object that rayd-worker loads; unset before it is loaded.
inline constexpr char kModuleVariable[] = "RAYD_MODULE";

struct Credentials {
  uint32_t user = 0;
  uint32_t group = 0;
  std::vector<uint32_t> groups;
  auto operator<=>(const Credentials&) const = default;
};

struct StartZygote {
  uint32_t zygote = 0;
  std::string program;
  std::vector<std::string> environment;
  std::optional<Credentials> credentials;
};
struct EndZygote {
  uint32_t zygote = 0;
};
struct StartWorker {
  ClientId worker;
  uint32_t zygote = 0;
  std::string directory;
  uint64_t tag = 0;
};
enum class Reach : uint8_t { kProcess, kGroup };
struct SignalWorker {
  ClientId worker;
  int32_t signal = 0;
  Reach reach = Reach::kProcess;
};
struct GuardFile {
  std::string path;
};
struct Ready {};
struct ZygoteReady {
  uint32_t zygote = 0;
  int32_t pid = 0;
};
struct ZygoteEnded {
  uint32_t zygote = 0;
  ProcessStatus status;
};
struct WorkerStarted {
  ClientId worker;
  int32_t pid = 0;
};
struct WorkerFailed {
  ClientId worker;
  std::string text;
};
struct WorkerDied {
  ClientId worker;
  ProcessStatus status;
};

using ToKeeper = std::variant<StartZygote, EndZygote, StartWorker, SignalWorker, GuardFile>;
using FromKeeper = std::variant<ZygoteReady, ZygoteEnded, WorkerStarted, WorkerFailed, WorkerDied>;
using ToZygote = std::variant<StartWorker, SignalWorker>;
using FromZygote = std::variant<Ready, WorkerStarted, WorkerFailed, WorkerDied>;

std::vector<uint8_t> encode(const ToKeeper& message);
std::vector<uint8_t> encode(const FromKeeper& message);
std::vector<uint8_t> encode(const ToZygote& message);
std::vector<uint8_t> encode(const FromZygote& message);

/// kCorrupt for bytes that are no such message.
Result<ToKeeper> decode_to_keeper(ByteSpan bytes);
Result<FromKeeper> decode_from_keeper(ByteSpan bytes);
Result<ToZygote> decode_to_zygote(ByteSpan bytes);
Result<FromZygote> decode_from_zygote(ByteSpan bytes);

}  // namespace rayd::keeper
