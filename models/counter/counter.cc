// The workload `counter`: actors that count, each by itself.
#include <ray/api.h>
#include <ray/workload.h>

#include <cstdint>
#include <vector>

class Counter {
 public:
  explicit Counter(int start) : value_(start) {}
  static Counter* Create(int start) { return new Counter(start); }
  int Add(int x) { return value_ += x; }
  int Get() { return value_; }

 private:
  int value_;
};
RAY_REMOTE(Counter::Create, &Counter::Add, &Counter::Get);

struct Counters {
  int64_t actors = 4;
  int64_t calls = 1;
  static constexpr const char* summary = "actors that count how often they were called";
  void params(ray::Params& p) {
    p.integer("actors", actors, "how many actors").range(0, 10'000);
    p.integer("calls", calls, "calls to each of them").range(0, 1'000'000);
  }

  std::vector<int> run(ray::Job& job) {
    std::vector<ray::ActorHandle<Counter>> counters;
    for (int64_t i = 0; i < actors; ++i) counters.push_back(ray::Actor(Counter::Create).Remote(0));
    for (int64_t call = 0; call < calls; ++call) {
      for (const auto& counter : counters) counter.Task(&Counter::Add).Remote(1);
    }
    std::vector<ray::ObjectRef<int>> refs;
    for (const auto& counter : counters) refs.push_back(counter.Task(&Counter::Get).Remote());
    std::vector<int> counts;
    for (const auto& ref : refs) {
      counts.push_back(*ray::Get(ref));
      job.progress(counts.size(), refs.size());
    }
    return counts;
  }
};
RAY_WORKLOAD(Counters, "counter");
