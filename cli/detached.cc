#include "cli/detached.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>

#include "common/base/unique_fd.h"

namespace rayd::cli {
namespace {

constexpr int kReportFd = 3;

/// The report as text: "job NUMBER REASON", or "error CODE MESSAGE".
std::string text_of(const Result<DetachedJob>& report) {
  if (report) return "job " + std::to_string(report->job.value) + " " + report->waits_for;
  return "error " + std::to_string(static_cast<int>(report.error().code)) + " " +
         report.error().message;
}

Result<DetachedJob> parse_report(const std::string& text) {
  const bool is_job = text.starts_with("job ");
  if (!is_job && !text.starts_with("error ")) {
    return Error{ErrorCode::kInternal, "the process behind --detach ended at once"};
  }
  char* end = nullptr;
  const unsigned long number = std::strtoul(text.c_str() + text.find(' ') + 1, &end, 10);
  const std::string rest = *end == ' ' ? end + 1 : end;
  if (is_job) return DetachedJob{JobId{static_cast<uint32_t>(number)}, rest};
  return Error{static_cast<ErrorCode>(number), rest};
}

void leave_terminal(int report) {
  setsid();
  signal(SIGHUP, SIG_IGN);
  const int nothing = open("/dev/null", O_RDWR);
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) dup2(nothing, fd);
  if (report != kReportFd) dup2(report, kReportFd);
  // What the shell left open (a pipe of $(…), a lock) must not live as long as this.
  closefrom(kReportFd + 1);
  static_cast<void>(!chdir("/"));
}

[[noreturn]] void run_child(int report_fd, const std::function<void(const Report&)>& work) {
  leave_terminal(report_fd);
  work([](const Result<DetachedJob>& report) {
    const std::string text = text_of(report);
    static_cast<void>(!write(kReportFd, text.data(), text.size()));
    close(kReportFd);
  });
  _exit(0);
}

}  // namespace

Result<DetachedJob> run_detached(const std::function<void(const Report&)>& work) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return Error{ErrorCode::kInternal, std::strerror(errno)};
  const UniqueFd reading{ends[0]};
  UniqueFd writing{ends[1]};
  const pid_t child = fork();
  if (child < 0) return Error{ErrorCode::kInternal, std::strerror(errno)};
  if (child == 0) run_child(writing.get(), work);
  writing.reset();
  std::string text;
  char buffer[4096];
  for (;;) {
    const ssize_t size = read(reading.get(), buffer, sizeof buffer);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) break;
    text.append(buffer, static_cast<size_t>(size));
  }
  return parse_report(text);
}

}  // namespace rayd::cli
