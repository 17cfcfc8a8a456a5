// RAYLOG(INFO) << …: one line on standard error, with time, level, file and line. In a worker it
// reaches `rayctl logs` and the submitter's terminal. $RAY_LOG_LEVEL (debug, info, warning, error,
// fatal; default info) says from which level on. FATAL ends the program.
#pragma once

#include <memory>
#include <ostream>

#pragma push_macro("DEBUG")
#pragma push_macro("ERROR")
#undef DEBUG
#undef ERROR

namespace ray {

enum class RayLoggerLevel { DEBUG = -1, INFO = 0, WARNING = 1, ERROR = 2, FATAL = 3 };

bool IsLevelEnabled(RayLoggerLevel level);

/// Collects one line; its destructor writes it, whole.
class RayLogger {
 public:
  virtual ~RayLogger() = default;
  virtual bool IsEnabled() const = 0;

  template <class T>
  RayLogger& operator<<(const T& value) {
    if (IsEnabled()) Stream() << value;
    return *this;
  }

 protected:
  virtual std::ostream& Stream() = 0;
};

std::unique_ptr<RayLogger> CreateRayLogger(const char* file, int line, RayLoggerLevel level);

namespace internal {
// The macro joins the level's name to this, so that a program's own DEBUG or ERROR does no harm.
inline constexpr RayLoggerLevel kLogDEBUG = RayLoggerLevel::DEBUG;
inline constexpr RayLoggerLevel kLogINFO = RayLoggerLevel::INFO;
inline constexpr RayLoggerLevel kLogWARNING = RayLoggerLevel::WARNING;
inline constexpr RayLoggerLevel kLogERROR = RayLoggerLevel::ERROR;
inline constexpr RayLoggerLevel kLogFATAL = RayLoggerLevel::FATAL;

/// Makes the macro one expression, so that it stands safely after an if: & binds weaker than <<.
struct LogLine {
  void operator&(const RayLogger&) const {}
};
}  // namespace internal
}  // namespace ray

#pragma pop_macro("DEBUG")
#pragma pop_macro("ERROR")

#define RAYLOG(level)                                  \
  !::ray::IsLevelEnabled(::ray::internal::kLog##level) \
      ? static_cast<void>(0)                           \
      : ::ray::internal::LogLine() &                   \
            *::ray::CreateRayLogger(__FILE__, __LINE__, ::ray::internal::kLog##level)
