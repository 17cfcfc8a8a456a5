#include "ray/logging.h"

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <sstream>
#include <string>
#include <string_view>

namespace ray {
namespace {

constexpr std::string_view kNames[] = {"debug", "info", "warning", "error", "fatal"};

RayLoggerLevel level_of_environment() {
  const char* wanted = std::getenv("RAY_LOG_LEVEL");
  if (wanted == nullptr) return RayLoggerLevel::INFO;
  for (int i = 0; i < 5; ++i)
    if (kNames[i] == wanted) return static_cast<RayLoggerLevel>(i - 1);
  return RayLoggerLevel::INFO;
}

/// One write per line, so that lines of several threads and processes do not mix.
class StderrLogger final : public RayLogger {
 public:
  StderrLogger(const char* file, int line, RayLoggerLevel level) : level_(level) {
    const std::string_view path = file;
    const size_t slash = path.rfind('/');
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    tm parts{};
    localtime_r(&now.tv_sec, &parts);
    char time[40];
    const size_t length = strftime(time, sizeof time, "%Y-%m-%d %H:%M:%S", &parts);
    snprintf(time + length, sizeof time - length, ".%03ld", now.tv_nsec / 1'000'000);
    stream_ << time << ' ' << kNames[static_cast<int>(level) + 1] << ' '
            << (slash == std::string_view::npos ? path : path.substr(slash + 1)) << ':' << line
            << ' ';
  }
  ~StderrLogger() override {
    const std::string text = stream_.str() + '\n';
    std::fwrite(text.data(), 1, text.size(), stderr);
    std::fflush(stderr);
    if (level_ == RayLoggerLevel::FATAL) std::abort();
  }
  bool IsEnabled() const override { return IsLevelEnabled(level_); }

 protected:
  std::ostream& Stream() override { return stream_; }

 private:
  RayLoggerLevel level_;
  std::ostringstream stream_;
};

}  // namespace

bool IsLevelEnabled(RayLoggerLevel level) {
  static const RayLoggerLevel lowest = level_of_environment();
  return level >= lowest;
}

std::unique_ptr<RayLogger> CreateRayLogger(const char* file, int line, RayLoggerLevel level) {
  return std::make_unique<StderrLogger>(file, line, level);
}

}  // namespace ray
