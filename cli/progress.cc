#include "cli/progress.h"

#include <cmath>
#include <cstdio>

#include "cli/table.h"
#include "common/config/json.h"

namespace rayd::cli {
namespace {

constexpr Duration kBetweenLines = Duration::seconds(5);
constexpr const char* kClear = "\r\033[K";

double seconds(Duration duration) { return static_cast<double>(duration.ns) / 1e9; }

std::string rate_text(double rate) {
  char text[32];
  std::snprintf(text, sizeof text, rate >= 100 ? "%.0f/s" : "%.2g/s", rate);
  return text;
}

}  // namespace

ProgressStyle progress_style(const std::optional<std::string>& flag, const OutputOptions& options) {
  if (flag == "none") return ProgressStyle::kNone;
  if (flag == "json") return ProgressStyle::kJson;
  if (options.quiet == Quiet::kYes) return ProgressStyle::kNone;
  return options.terminal.cursor_moves ? ProgressStyle::kDrawn : ProgressStyle::kLines;
}

std::string short_duration(Duration duration) {
  const auto total = static_cast<int64_t>(std::llround(seconds(duration)));
  char text[48];
  if (total < 60) {
    std::snprintf(text, sizeof text, "%ds", static_cast<int>(total));
  } else if (total < 3600) {
    std::snprintf(text, sizeof text, "%dm %02ds", static_cast<int>(total / 60),
                  static_cast<int>(total % 60));
  } else {
    std::snprintf(text, sizeof text, "%lldh %02dm", static_cast<long long>(total / 3600),
                  static_cast<int>(total / 60 % 60));
  }
  return text;
}

std::string Progress::line_of(const JobProgress& progress, Time now) const {
  std::string line = std::to_string(progress.done);
  if (progress.total > 0) {
    line += "/" + std::to_string(progress.total) + " (" +
            std::to_string(progress.done * 100 / progress.total) + "%)";
  }
  const double elapsed = seconds(now - started_);
  if (progress.done > 0 && elapsed > 0.5) {
    const double rate = static_cast<double>(progress.done) / elapsed;
    line += ", " + rate_text(rate);
    if (progress.total > progress.done) {
      const double left = static_cast<double>(progress.total - progress.done) / rate;
      line += ", " + short_duration(Duration{static_cast<int64_t>(std::min(left, 1e9) * 1e9)}) +
              " left";
    }
  }
  if (!progress.text.empty()) line += "  " + progress.text;
  for (const auto& [name, value] : progress.metrics) line += "  " + name + "=" + Json(value).dump();
  return line;
}

std::string Progress::json_of(const JobProgress& progress, Time now) const {
  Json json{Json::Object{}};
  json.set("v", 1);
  json.set("done", progress.done);
  json.set("total", progress.total > 0 ? Json(progress.total) : Json());
  json.set("text", progress.text);
  json.set("elapsed_ms", (now - started_).ns / 1'000'000);
  if (!progress.metrics.empty()) {
    Json metrics{Json::Object{}};
    for (const auto& [name, value] : progress.metrics) metrics.set(name, value);
    json.set("metrics", std::move(metrics));
  }
  return json.dump();
}

std::string Progress::update(const JobProgress& progress, Time now) {
  const bool says_something = progress.done > 0 || progress.total > 0 || !progress.text.empty();
  if (!says_something || style_ == ProgressStyle::kNone) return {};
  if (style_ == ProgressStyle::kJson) {
    const std::string same =
        Json(progress.done).dump() + "/" + Json(progress.total).dump() + "/" + progress.text;
    if (same == last_json_) return {};
    last_json_ = same;
    return json_of(progress, now) + "\n";
  }
  std::string line = line_of(progress, now);
  if (style_ == ProgressStyle::kLines) {
    if (now - last_line_ < kBetweenLines) return {};
    last_line_ = now;
    return line + "\n";
  }
  while (text_width(line) >= columns_ && !line.empty()) line.pop_back();
  drawn_ = std::move(line);
  return show();
}

std::string Progress::hide() {
  if (!is_shown_) return {};
  is_shown_ = false;
  return kClear;
}

std::string Progress::show() {
  if (style_ != ProgressStyle::kDrawn || drawn_.empty()) return {};
  is_shown_ = true;
  return kClear + drawn_;
}

}  // namespace rayd::cli
