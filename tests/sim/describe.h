// Every input and action as a few words of a trace line.
#pragma once

#include <string>

#include "common/types/head_io.h"
#include "common/types/node_io.h"

namespace rayd::sim {

void describe(std::string& out, const NodeInput& input);
void describe(std::string& out, const NodeAction& action);
void describe(std::string& out, const HeadInput& input);
void describe(std::string& out, const HeadAction& action);
void describe(std::string& out, const PeerMessage& message);

}  // namespace rayd::sim
