// LineCore: what a session over connections that break remembers of its messages: those that the
// daemon has not taken yet, and up to where its answers have arrived.
//
//   push ──▶ kept ──batch──▶ under way ──taken──▶ forgotten
//              ▲                │
//              └── broken, or not taken
//
// One batch is under way at a time, so what the daemon leaves behind comes again in order.
// Pure and single-threaded.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace rayd::client {

class LineCore {
 public:
  static constexpr size_t kMaxKeptMessages = 20'000;
  static constexpr size_t kMaxKeptBytes = size_t{8} << 20;
  static constexpr size_t kBatchMessages = 1000;
  static constexpr size_t kBatchBytes = 256 * 1024;

  // ---- messages that leave
  /// One message always fits where none is kept.
  bool has_room() const { return kept_.size() < kMaxKeptMessages && kept_bytes_ < kMaxKeptBytes; }
  void push(ByteSpan message);
  bool is_empty() const { return kept_.empty(); }

  struct Batch {
    uint64_t first = 0;
    std::vector<ByteSpan> messages;  // valid until on_taken
  };
  /// What is to be sent now; nothing while a batch is under way.
  std::optional<Batch> next_batch();
  /// The answer to the batch: up to where the daemon has taken. kCorrupt: it cannot have.
  Status on_taken(uint64_t taken);
  /// The daemon took less than it got: it waits until its answers are fetched.
  bool is_held_back() const { return held_back_; }

  // ---- answers that arrive
  /// How many of `count` answers, the first numbered `first`, are known already. kCorrupt: some are
  /// missing before them.
  Result<size_t> on_answers(uint64_t first, size_t count);
  uint64_t received() const { return received_; }

  /// A new connection: what was under way may not have arrived.
  void on_connected();

 private:
  std::deque<std::vector<uint8_t>> kept_;
  size_t kept_bytes_ = 0;
  uint64_t first_ = 1;  // the number of kept_.front()
  size_t under_way_ = 0;
  bool held_back_ = false;
  uint64_t received_ = 0;
};

/// The parts of one large value that is carried over such a line.
class Parts {
 public:
  static constexpr uint64_t kPartBytes = uint64_t{1} << 20;
  static constexpr size_t kUnderWay = 4;

  explicit Parts(uint64_t bytes) : bytes_(bytes) {}

  struct Part {
    uint64_t offset = 0;
    uint64_t bytes = 0;
  };
  /// The next to be asked for or sent; nothing while enough are under way, and at the end.
  std::optional<Part> next();
  void on_done(uint64_t offset);
  void on_connected();
  bool is_done() const { return next_ == bytes_ && again_.empty() && under_way_.empty(); }

 private:
  Part part_at(uint64_t offset) const;

  uint64_t bytes_;
  uint64_t next_ = 0;         // those before it were given out
  std::set<uint64_t> again_;  // given out over a connection that broke
  std::set<uint64_t> under_way_;
};

}  // namespace rayd::client
