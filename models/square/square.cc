// The workload `square`: one task for each number. The smallest workload there can be.
#include <ray/api.h>
#include <ray/workload.h>

#include <cstdint>
#include <vector>

int64_t square(int64_t x) {
  return static_cast<int64_t>(static_cast<uint64_t>(x) * static_cast<uint64_t>(x));
}
RAY_REMOTE(square);

struct Square {
  int64_t n = 4;
  static constexpr const char* summary = "squares 0 … n−1, one task each";
  void params(ray::Params& p) { p.integer("n", n, "how many numbers").range(0, 1'000'000); }

  std::vector<int64_t> run(ray::Job& job) {
    std::vector<ray::ObjectRef<int64_t>> refs;
    for (int64_t i = 0; i < n; ++i) refs.push_back(ray::Task(square).Remote(i));
    std::vector<int64_t> squares;
    for (const auto& ref : refs) {
      squares.push_back(*ray::Get(ref));
      job.progress(squares.size(), refs.size());
    }
    return squares;
  }
};
RAY_WORKLOAD(Square, "square");
