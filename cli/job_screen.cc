#include "cli/job_screen.h"

#include <cstdio>

namespace rayd::cli {
namespace {

void write_error(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stderr); }

}  // namespace

JobScreen::JobScreen(const Output& output, ProgressStyle style)
    : output_(output), progress_(style, output.options().terminal.columns, now_boottime()) {}

JobScreen::~JobScreen() { finish(); }

void JobScreen::show(const std::vector<LogLine>& lines, const JobProgress& progress) {
  const Time now = now_boottime();
  if (output_.options().quiet == Quiet::kYes) return write_error(progress_.update(progress, now));
  std::string text;
  const auto take = [&](const std::vector<std::string>& shown) {
    for (const std::string& line : shown) text += line + "\n";
  };
  take(folder_.tick(now));
  for (const LogLine& line : lines) take(folder_.add(line.source, line.text, now));
  if (!text.empty()) text = progress_.hide() + text + progress_.show();
  write_error(text + progress_.update(progress, now));
}

void JobScreen::say(const std::string& line) {
  if (output_.options().quiet == Quiet::kYes) return;
  write_error(progress_.hide() + line + "\n" + progress_.show());
}

void JobScreen::finish() {
  std::string text = progress_.hide();
  for (const std::string& line : folder_.finish()) text += line + "\n";
  if (output_.options().quiet == Quiet::kNo) write_error(text);
}

}  // namespace rayd::cli
