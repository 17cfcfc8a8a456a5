// Faults: what goes wrong in a run, and when. A run takes some kinds together; each kind is a
// function that makes it happen now, if it can.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/random.h"

namespace rayd::sim {

class World;

struct Fault {
  const char* name;
  /// False: there was nothing to do it to.
  bool (*fire)(World& world);
};

/// The kinds this seed has. Those that are there all the time (failing pulls, a small store) are
/// set in the world.
std::vector<const Fault*> choose_faults(Random& random, World& world);

/// Makes it happen now, if it can.
void fire(World& world, std::string_view fault);

enum class Nodes : bool { kOne, kSeveral };
/// What some thousand seeds must have had, and these had not.
std::vector<std::string> never_fired(const std::map<std::string, uint64_t>& counts, Nodes nodes);

}  // namespace rayd::sim
