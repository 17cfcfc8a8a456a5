// A user's own module: what people write in one file and compile in one line. The test does that
// with the flags of rayclient.pc.
#include <fcntl.h>
#include <ray/api.h>
#include <ray/workload.h>
#include <sys/stat.h>
#include <unistd.h>

#include <stdexcept>
#include <string>

namespace own {

struct Refused : std::runtime_error {
  using std::runtime_error::runtime_error;
};

int64_t cube(int64_t x) { return x * x * x; }
std::string greet(const std::string& name) { return "hello " + name; }
int refuse(int x) { throw Refused("no " + std::to_string(x) + " here"); }

/// The number of this attempt, which the file counts; the first one never ends by itself.
int hang_once(const std::string& path) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  struct stat now {};
  if (fd < 0 || write(fd, "x", 1) != 1 || fstat(fd, &now) != 0) throw Refused("no file " + path);
  close(fd);
  while (now.st_size == 1) pause();
  return static_cast<int>(now.st_size);
}

class Tally {
 public:
  static Tally* Create(int start) { return new Tally(start); }
  int Add(int x) {
    if (x < 0) throw Refused("only up");
    return sum_ += x;
  }

 private:
  explicit Tally(int start) : sum_(start) {}
  int sum_;
};

/// Cubes, one after the other, with words and a file; for ever when there are none to do.
struct Cubes {
  int64_t n = 3;
  static constexpr const char* summary = "cubes 1 … n, one task after the other";
  void params(ray::Params& p) {
    p.integer("n", n, "how many; 0 goes on until it is cancelled").range(0, 1000);
  }
  std::vector<int64_t> run(ray::Job& job) {
    std::vector<int64_t> cubes;
    for (int64_t i = 1; (n == 0 || i <= n) && !job.cancelled(); ++i) {
      const int64_t one = *ray::Task(cube).Remote(i).Get();
      if (n != 0) cubes.push_back(one);
      job.progress(static_cast<uint64_t>(i), static_cast<uint64_t>(n), "cubes");
      if (i == 1) job.log(ray::LogLevel::kInfo, "the first is there");
    }
    std::cout << "said by the driver" << std::endl;
    job.write("cubes.txt", std::to_string(cubes.size()));
    return cubes;
  }
};

/// Listens to nobody.
struct Deaf {
  static constexpr const char* summary = "never ends by itself";
  void params(ray::Params&) {}
  int run(ray::Job&) {
    for (;;) pause();
  }
};

RAY_REMOTE(cube, greet, refuse, hang_once, Tally::Create, &Tally::Add);
RAY_WORKLOAD(Cubes, "cubes");
RAY_WORKLOAD(Deaf, "deaf");

}  // namespace own
