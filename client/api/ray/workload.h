// Workloads: drivers that the shell can submit by name, with documented parameters.
//
//   struct Square {
//     int64_t n = 4;
//     static constexpr const char* summary = "squares 0 … n−1, one task each";
//     void params(ray::Params& p) { p.integer("n", n, "how many numbers").range(0, 1'000'000); }
//     std::vector<int64_t> run(ray::Job& job);
//   };
//   RAY_WORKLOAD(Square, "square");
//
// A workload is any default-constructible type with `params` and `run`. What `run` returns is shown
// as JSON (workload_json.h). `summary` and `void check(ray::Mistakes&)`, which judges the assigned
// fields before anything is scheduled, are optional. A run that throws fails its job with the text.
// Registration happens at start-up; afterwards the registry is constant and any thread may read it.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include <ray/workload_json.h>
#include <ray/workload_params.h>

namespace ray {

enum class LogLevel : uint8_t { kDebug, kInfo, kWarn, kError };

/// A count or a quantity of one step.
struct MetricValue {
  std::string name;
  std::variant<int64_t, double> value;
};

/// A picture with at most 256 colours. pixels[y * width + x] is a place in `palette`.
struct Image {
  struct Colour {
    uint8_t red = 0, green = 0, blue = 0;
  };
  uint32_t width = 0;
  uint32_t height = 0;
  std::vector<Colour> palette;
  std::vector<uint8_t> pixels;
};

/// What a running workload may tell, ask and leave behind. The runtime that executes it implements
/// this. Calls come from the thread that runs the workload.
class Job {
 public:
  virtual ~Job() = default;

  /// `done` of `total` units of work; total 0: not known.
  virtual void progress(uint64_t done, uint64_t total, std::string_view text) = 0;
  virtual void metrics(uint64_t step, const std::vector<MetricValue>& values) = 0;
  /// Dropped when nobody looks.
  virtual void frame(uint64_t step, const Image& image) = 0;
  /// True once the job was cancelled: `run` should then end soon, by return or exception.
  virtual bool cancelled() = 0;
  virtual void log(LogLevel level, std::string_view text) = 0;
  /// Hands over a finished result file. Throws std::invalid_argument unless is_result_name(name).
  virtual void write(std::string_view name, std::string_view bytes) = 0;
  /// The CPUs of all nodes that are up, at least 1.
  virtual int64_t cluster_cpus() = 0;

  void progress(uint64_t done, uint64_t total) { progress(done, total, {}); }

  /// The parameter `seed` of this run.
  uint64_t seed() const { return seed_; }
  void set_seed(uint64_t seed) { seed_ = seed; }

 private:
  uint64_t seed_ = 0;
};

/// A result file's name stays inside its folder: no empty, "." or ".." segment, no leading "/", no
/// control character, at most 255 bytes.
bool is_result_name(std::string_view name);

/// A registered workload, its type erased.
struct Workload {
  std::string name;
  WorkloadInfo (*describe)() = nullptr;
  /// All mistakes of these arguments, those that only `check` of the workload sees included.
  Mistakes (*validate)(const Arguments&) = nullptr;
  /// Returns the result as JSON text ("null" for none). Throws ParameterError for what validate()
  /// would have found, and whatever the workload throws.
  std::string (*run)(const Arguments&, Job&) = nullptr;
};

/// In the order of their names.
const std::vector<Workload>& workloads();
/// Null when nothing is registered under this name.
const Workload* find_workload(std::string_view name);
/// Names registered more than once, for different types; a program refuses to start with them.
const std::vector<std::string>& workload_clashes();

namespace internal {

void register_workload(Workload workload);
/// Adds those of `own` whose parameter no mistake names yet.
void add_unless_named(Mistakes& mistakes, const Mistakes& own);

template <class T>
WorkloadInfo describe_workload(std::string_view name) {
  T workload;
  Params params;
  workload.params(params);
  WorkloadInfo info{std::string(name), {}, params.describe()};
  if constexpr (requires { T::summary; }) info.summary = T::summary;
  return info;
}

/// Assigns the arguments that are right to `workload`, and returns the mistakes of the others. Its
/// own check is heard on what has not been found wrong already.
template <class T>
Mistakes assign_parameters(T& workload, const Arguments& arguments, uint64_t& seed) {
  Params params;
  workload.params(params);
  Mistakes mistakes = check(WorkloadInfo{{}, {}, params.describe()}, arguments);
  params.assign(arguments);
  seed = params.seed();
  if constexpr (requires(Mistakes & own) { workload.check(own); }) {
    Mistakes own;
    workload.check(own);
    add_unless_named(mistakes, own);
  }
  return mistakes;
}

template <class T>
Mistakes validate_workload(const Arguments& arguments) {
  T workload;
  uint64_t seed = 0;
  return assign_parameters(workload, arguments, seed);
}

template <class T>
std::string run_workload(const Arguments& arguments, Job& job) {
  T workload;
  uint64_t seed = 0;
  Mistakes mistakes = assign_parameters(workload, arguments, seed);
  if (!mistakes.empty()) throw ParameterError(std::move(mistakes));
  job.set_seed(seed);
  if constexpr (std::is_void_v<decltype(workload.run(job))>) {
    workload.run(job);
    return "null";
  } else {
    return Json(workload.run(job)).text();
  }
}

template <class T>
concept IsWorkload = std::default_initializable<T> && requires(T workload, Params& p, Job& job) {
  workload.params(p);
  workload.run(job);
};

template <auto name, class T>
struct WorkloadRegistration {
  static_assert(IsWorkload<T>,
                "RAY_WORKLOAD: the type needs a default constructor, "
                "void params(ray::Params&) and run(ray::Job&)");
  WorkloadRegistration() {
    register_workload({std::string(name()), [] { return describe_workload<T>(name()); },
                       validate_workload<T>, run_workload<T>});
  }
};

}  // namespace internal
}  // namespace ray

#define RAY_WORKLOAD_JOIN2(a, b) a##b
#define RAY_WORKLOAD_JOIN(a, b) RAY_WORKLOAD_JOIN2(a, b)
#define RAY_WORKLOAD(Type, name)                                                              \
  static const ::ray::internal::WorkloadRegistration<[] { return ::std::string_view(name); }, \
                                                     Type>                                    \
  RAY_WORKLOAD_JOIN(ray_workload_, __COUNTER__) {}
