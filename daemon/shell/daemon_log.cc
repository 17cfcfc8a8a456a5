#include "daemon/shell/daemon_log.h"

#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/spdlog.h>

#include <stdexcept>

namespace rayd::shell {

void open_daemon_log(const std::string& path, const Config& config) {
  try {
    auto sink = std::make_shared<spdlog::sinks::rotating_file_sink_st>(
        path, static_cast<size_t>(config.log_file_size), static_cast<size_t>(config.log_files));
    auto logger = std::make_shared<spdlog::logger>("rayd", std::move(sink));
    logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
    logger->set_level(spdlog::level::from_str(config.log_level));
    logger->flush_on(spdlog::level::info);
    spdlog::set_default_logger(std::move(logger));
  } catch (const spdlog::spdlog_ex& failure) {
    throw std::runtime_error{"cannot write the log " + path + ": " + failure.what()};
  }
}

void log_event(Event::Level level, const std::string& name, const std::string& text) {
  constexpr spdlog::level::level_enum levels[] = {spdlog::level::debug, spdlog::level::info,
                                                  spdlog::level::warn, spdlog::level::err};
  spdlog::log(levels[static_cast<size_t>(level)], "{} {}", name, text);
}

}  // namespace rayd::shell
