// TileGroup: the tiles that one worker holds, and when each of them may go on.
//
// A run goes in rounds of `halo` steps. At the start of a round a tile sends its edges to its
// neighbours; when the edges of all neighbours for that round are in, it makes the round's steps:
//
//   waiting ──all edges in──▶ ready ──advance()──▶ waiting (next round) … ──last round──▶ done
//
// A neighbour may be one round ahead, never two, since it needs our edges of the round between: so
// two sets of edges a tile are enough. Edges between tiles of one group are handed over at once,
// those for other workers leave in messages. Messages in, messages out: nothing here waits, and a
// message for any tile may come before start() too. Not thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "models/game-of-life/plan.h"
#include "models/game-of-life/tile.h"
#include "models/lib/words.h"

namespace ray::model::life {

/// What is to be sent; whoever sends it empties it.
struct Outbox {
  std::map<int64_t, Words> edges;  ///< by worker: for its on_edges()
  Words report;                    ///< for the ledger (ledger.h)
};

class TileGroup {
 public:
  TileGroup(const Plan& plan, int64_t worker);

  /// Sends the edges of the first round and reports on step 0. Once.
  void start(Outbox& out);

  /// Throws std::runtime_error when the message is not one that this group can get now.
  void on_edges(std::span<const uint64_t> message);

  /// Some tile can go on.
  bool ready() const { return !ready_.empty(); }
  /// All tiles have reported their end.
  bool done() const { return done_ == members_.size(); }

  /// Makes one round with a few of the ready tiles: those at which other workers wait go first, and
  /// together, so that their edges leave in one message each.
  void advance(Outbox& out);

  /// Appends what was summed up since the last time, and how far the slowest tile is, to the
  /// report. Call it before the report is sent.
  void finish_report(Outbox& out);

 private:
  struct Member {
    int64_t tile = 0;
    Tile cells;
    uint64_t round = 0;
    bool started = false;
    bool queued = false;  // among the ready
    bool borders_others = false;
    std::array<int64_t, kDirections> neighbours{};  // −1: none
    int needed = 0;                                 // neighbours
    // For rounds of even and of odd number.
    std::array<std::array<Words, kDirections>, 2> edges{};
    std::array<int, 2> received{};
  };
  struct Order {  // in which ready tiles go on
    uint64_t round = 0;
    bool inner = false;
    size_t member = 0;
    friend auto operator<=>(const Order&, const Order&) = default;
  };

  uint64_t steps_done(const Member& member) const;
  Member& member_of(uint64_t tile);
  void send_edges(Member& member, Outbox& out);
  void take_edge(Member& member, Direction direction, uint64_t round,
                 std::span<const uint64_t> edge);
  void note_if_ready(Member& member);
  void make_round(Member& member, Outbox& out);
  void observe(const Member& member, uint64_t step, Outbox& out);
  void report_end(const Member& member, Outbox& out);

  Plan plan_;
  Tiling tiling_;
  int64_t worker_;
  uint64_t rounds_;
  int64_t first_tile_ = 0;
  std::vector<Member> members_;
  size_t done_ = 0;           // tiles
  std::vector<Order> ready_;  // a heap, the first to go on top
  struct Sum {
    uint64_t tiles = 0;
    uint64_t population = 0;
  };
  std::map<uint64_t, Sum> series_;  // by step
};

}  // namespace ray::model::life
