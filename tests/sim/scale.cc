#include "tests/sim/scale.h"

#include <cinttypes>
#include <cstdio>

#include "tests/sim/scale_cluster.h"

namespace rayd::sim {
namespace {

constexpr uint32_t kSizes[] = {10, 100, 1'000};
constexpr uint32_t kTasks = 100'000;
constexpr uint32_t kActors = 10'000;
constexpr int64_t kQuietSeconds = 10;

struct Row {
  uint32_t nodes = 0;
  Meter join;
  Meter quiet;
  int64_t quiet_node_ns = 0;  // a node's, of a second
  uint64_t head_bytes = 0;    // of heap, with nodes only
  uint64_t node_bytes = 0;

  Meter tasks;
  double tasks_placed_s = 0;  // simulated
  int64_t tasks_owner_ns = 0;
  int64_t tasks_others_ns = 0;
  uint64_t tasks_nodes = 0;

  Meter actors;
  double actors_placed_s = 0;
  int64_t actors_owner_ns = 0;
  uint64_t actors_nodes = 0;
  uint64_t actors_head_bytes = 0;
};

void measure_nodes(Row& row) {
  ScaleCluster cluster(row.nodes);
  cluster.join_all();
  row.join = cluster.take_head_meter();
  cluster.take_cpu_ns_of_others();
  cluster.run_for(Duration::seconds(kQuietSeconds));
  row.quiet = cluster.take_head_meter();
  row.quiet_node_ns = cluster.take_cpu_ns_of_others() / (row.nodes - 1) / kQuietSeconds;
  row.head_bytes = cluster.head_bytes();
  row.node_bytes = cluster.node_bytes(row.nodes - 1);
}

double seconds_between(Time from, Time to) { return static_cast<double>((to - from).ns) / 1e9; }

// False: not all of them have started.
bool run_until_started(ScaleCluster& cluster, uint32_t wanted) {
  for (int second = 0; cluster.starts() < wanted && second < 300; ++second)
    cluster.run_for(Duration::seconds(1));
  return cluster.starts() >= wanted;
}

bool measure_tasks(Row& row) {
  ScaleCluster cluster(row.nodes);
  cluster.join_all();
  cluster.take_head_meter();
  cluster.take_cpu_ns(0);
  cluster.take_cpu_ns_of_others();
  cluster.submit(kTasks);
  const Time began = cluster.now();
  const bool all = run_until_started(cluster, kTasks);
  row.tasks_placed_s = seconds_between(began, cluster.last_start());
  row.tasks = cluster.take_head_meter();
  row.tasks_owner_ns = cluster.take_cpu_ns(0);
  row.tasks_others_ns = cluster.take_cpu_ns_of_others();
  row.tasks_nodes = cluster.nodes_used();
  return all;
}

bool measure_actors(Row& row) {
  ScaleCluster cluster(row.nodes);
  cluster.join_all();
  cluster.submit(0);
  cluster.take_head_meter();
  cluster.take_cpu_ns(0);
  cluster.create_actors(kActors);
  const Time began = cluster.now();
  const bool all = run_until_started(cluster, kActors);
  row.actors_placed_s = seconds_between(began, cluster.last_start());
  row.actors = cluster.take_head_meter();
  row.actors_owner_ns = cluster.take_cpu_ns(0);
  row.actors_nodes = cluster.nodes_used();
  row.actors_head_bytes = cluster.head_bytes();
  return all;
}

double ms(int64_t ns) { return static_cast<double>(ns) / 1e6; }
double mb(uint64_t bytes) { return static_cast<double>(bytes) / 1e6; }

void print_json(const Row& row) {
  std::printf("{\"nodes\":%u", row.nodes);
  const auto meter = [](const char* name, const Meter& m) {
    std::printf(",\"%s\":{\"messages_in\":%" PRIu64 ",\"messages_out\":%" PRIu64
                ",\"bytes_in\":%" PRIu64 ",\"bytes_out\":%" PRIu64
                ",\"head_ms\":%.3f"
                ",\"codec_ms\":%.3f}",
                name, m.messages_in, m.messages_out, m.bytes_in, m.bytes_out, ms(m.cpu_ns),
                ms(m.codec_ns));
  };
  meter("join", row.join);
  meter("quiet_10_s", row.quiet);
  meter("tasks", row.tasks);
  meter("actors", row.actors);
  std::printf(",\"head_heap_bytes\":%" PRIu64 ",\"node_heap_bytes\":%" PRIu64
              ",\"quiet_node_us_per_s\":%.1f",
              row.head_bytes, row.node_bytes, static_cast<double>(row.quiet_node_ns) / 1e3);
  std::printf(
      ",\"tasks_placed_s\":%.3f,\"tasks_owner_ms\":%.1f,\"tasks_others_ms\":%.1f"
      ",\"tasks_nodes\":%" PRIu64,
      row.tasks_placed_s, ms(row.tasks_owner_ns), ms(row.tasks_others_ns), row.tasks_nodes);
  std::printf(",\"actors_placed_s\":%.3f,\"actors_owner_ms\":%.1f,\"actors_nodes\":%" PRIu64
              ",\"actors_head_heap_bytes\":%" PRIu64 "}\n",
              row.actors_placed_s, ms(row.actors_owner_ns), row.actors_nodes,
              row.actors_head_bytes);
}

void print_head_line(const char* what, uint32_t nodes, const Meter& m) {
  std::printf("| %u | %s | %" PRIu64 " | %" PRIu64 " | %.2f | %.2f | %.1f | %.1f |\n", nodes, what,
              m.messages_in, m.messages_out, mb(m.bytes_in), mb(m.bytes_out), ms(m.cpu_ns),
              ms(m.codec_ns));
}

void print_table(const std::vector<Row>& rows) {
  std::printf(
      "| nodes | the head, while | messages in | out | MB in | out | core ms | codec ms |\n"
      "|---|---|---|---|---|---|---|---|\n");
  for (const Row& row : rows) {
    print_head_line("all join", row.nodes, row.join);
    print_head_line("10 quiet seconds", row.nodes, row.quiet);
    print_head_line("100,000 tasks", row.nodes, row.tasks);
    print_head_line("10,000 actors", row.nodes, row.actors);
  }
  std::printf(
      "\n| nodes | heap of the head, KB | of a node, KB | a quiet node, µs/s | 100,000 tasks "
      "placed in, simulated s | on nodes | owner's core, ms | others' cores, ms each | "
      "10,000 actors placed in, simulated s | on nodes | creator's core, ms | heap of the "
      "head, KB |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n");
  for (const Row& row : rows)
    std::printf("| %u | %" PRIu64 " | %" PRIu64 " | %.1f | %.2f | %" PRIu64
                " | %.0f | %.2f | %.2f | %" PRIu64 " | %.0f | %" PRIu64 " |\n",
                row.nodes, row.head_bytes / 1'000, row.node_bytes / 1'000,
                static_cast<double>(row.quiet_node_ns) / 1e3, row.tasks_placed_s, row.tasks_nodes,
                ms(row.tasks_owner_ns), ms(row.tasks_others_ns) / (row.nodes - 1),
                row.actors_placed_s, row.actors_nodes, ms(row.actors_owner_ns),
                row.actors_head_bytes / 1'000);
}

}  // namespace

int run_scale(ScaleFormat format, uint32_t only) {
  std::vector<Row> rows;
  bool all = true;
  for (const uint32_t nodes : kSizes) {
    if (only != 0 && only != nodes) continue;
    Row& row = rows.emplace_back();
    row.nodes = nodes;
    measure_nodes(row);
    all = measure_tasks(row) && all;
    all = measure_actors(row) && all;
    if (format == ScaleFormat::kJson) print_json(row);
  }
  if (format == ScaleFormat::kTable) print_table(rows);
  if (!all) std::printf("FAILED: not all tasks and actors were placed\n");
  return all ? 0 : 1;
}

}  // namespace rayd::sim
