// The hot lane's codec: client_messages.h as single-segment Cap'n Proto messages.
//
// Not thread-safe: an Encoder belongs to one thread. Decoders are pure functions: any bytes give a
// message or kCorrupt with what is wrong; they never read outside the span.
#pragma once

#include <cstdint>
#include <memory>

#include "common/base/bytes.h"
#include "common/types/client_messages.h"
#include "common/wire/fragments.h"

namespace rayd::wire {

class SegmentBuilder;

/// What a worker reads from its `work` ring.
struct DefineCall {
  uint32_t id = 0;
  CallTemplate definition;
};
struct RunCall {
  TaskId task;
  uint32_t attempt = 0;
  uint32_t call = 0;  // of a DefineCall before it
  std::vector<Value> args;
  ActorId actor;
  uint32_t incarnation = 0;
  std::vector<uint32_t> gpus;
};
using WorkMessage = std::variant<DefineCall, RunCall>;

/// Encodes into memory of its own. The span returned holds until the next call; its size is a
/// multiple of 8. Messages longer than a ring takes travel as Fragments. kInvalidArgument: longer
/// than kMaxFragmentedBytes.
class Encoder {
 public:
  Encoder();
  ~Encoder();
  Encoder(Encoder&&) noexcept;
  Encoder& operator=(Encoder&&) noexcept;

  Result<ByteSpan> encode(const ClientMessage& message);
  Result<ByteSpan> encode(const ClientAnswer& message);
  Result<ByteSpan> encode_define_call(uint32_t id, const CallTemplate& definition);
  /// `call` is the number that this worker knows run.call by.
  Result<ByteSpan> encode_run(const Run& run, uint32_t call);

 private:
  template <class Root, class Fill>
  Result<ByteSpan> build(const Fill& fill_root);

  std::unique_ptr<SegmentBuilder> builder_;
  size_t capacity_words_ = 0;  // of result_
  std::unique_ptr<uint64_t[]> result_;
};

/// `bytes` must be 8-byte aligned private memory. `sender` completes the ids that the client mints.
Result<ClientMessage> decode_client_message(ByteSpan bytes, ClientId sender);
Result<ClientAnswer> decode_client_answer(ByteSpan bytes);
Result<WorkMessage> decode_work_message(ByteSpan bytes);

}  // namespace rayd::wire
