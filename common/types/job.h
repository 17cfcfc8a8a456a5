// A job's parameters as they were typed, and the content of its inputs.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace rayd {

struct JobParameter {
  std::string name;
  std::string value;                   // as typed; an input: "@NAME"
  std::optional<std::string> content;  // of an input
};

}  // namespace rayd
