// A user's own module: what people write in one file and compile in one line. The test does that
// with the flags of rayclient.pc.
#include <fcntl.h>
#include <ray/api.h>
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

RAY_REMOTE(cube, greet, refuse, hang_once, Tally::Create, &Tally::Add);

}  // namespace own
