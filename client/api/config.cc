#include "ray/config.h"

#include <array>
#include <cctype>
#include <sstream>
#include <string_view>

#include "ray/exception.h"

namespace ray::internal {
namespace {

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);)
    if (!part.empty()) parts.push_back(part);
  return parts;
}

void set_lifetime(RayConfig& config, const std::string& value) {
  std::string lower;
  for (const char c : value)
    lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (lower == "detached") {
    config.default_actor_lifetime = ActorLifetime::DETACHED;
  } else if (lower == "non_detached") {
    config.default_actor_lifetime = ActorLifetime::NON_DETACHED;
  } else {
    throw_error(ErrorCode::kInvalidArgument,
                "--ray_default_actor_lifetime: '" + value + "' is not detached or non_detached");
  }
}

struct Flag {
  std::string_view name;
  void (*apply)(RayConfig& config, const std::string& value);
};

constexpr std::array<Flag, 6> kFlags{{
    {"ray_address", [](RayConfig& config, const std::string& value) { config.address = value; }},
    {"ray_code_search_path",
     [](RayConfig& config, const std::string& value) {
       config.code_search_path = split(value, ':');
     }},
    {"ray_default_actor_lifetime", set_lifetime},
    {"ray_head_args",
     [](RayConfig& config, const std::string& value) {
       for (auto& word : split(value, ' ')) config.head_args.push_back(std::move(word));
     }},
    {"ray_job_namespace",
     [](RayConfig& config, const std::string& value) { config.ray_namespace = value; }},
    {"ray_namespace",
     [](RayConfig& config, const std::string& value) { config.ray_namespace = value; }},
}};

const Flag& flag_of(std::string_view name) {
  for (const Flag& flag : kFlags)
    if (flag.name == name) return flag;
  std::string text = "unknown flag --" + std::string(name) + "; known are";
  for (const Flag& flag : kFlags) text += " --" + std::string(flag.name);
  throw_error(ErrorCode::kInvalidArgument, text);
}

}  // namespace

void apply_flags(RayConfig& config, int argc, const char* const* argv) {
  for (int i = 1; i < argc; ++i) {
    std::string_view word = argv[i];
    if (word == "--") return;  // what follows is the program's own
    if (!word.starts_with("--ray_") && !word.starts_with("-ray_")) continue;
    word.remove_prefix(word.starts_with("--") ? 2 : 1);
    const size_t equals = word.find('=');
    const Flag& flag = flag_of(word.substr(0, equals));
    if (equals != std::string_view::npos) {
      flag.apply(config, std::string(word.substr(equals + 1)));
    } else if (i + 1 < argc) {
      flag.apply(config, argv[++i]);
    } else {
      throw_error(ErrorCode::kInvalidArgument, "--" + std::string(flag.name) + " needs a value");
    }
  }
}

}  // namespace ray::internal
