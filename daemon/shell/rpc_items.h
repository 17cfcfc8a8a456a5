// The rows of `list` and `status` (cli.md §4) out of the cores' snapshots.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "common/config/json.h"
#include "daemon/shell/control.h"

namespace rayd::shell {

/// One row: its id, and its fields in the order people read them.
struct ItemRow {
  std::string id;
  std::vector<std::pair<std::string, Json>> fields;
};

/// kind: nodes jobs tasks actors objects workers functions classes workloads modules.
/// kInvalidArgument with the kinds there are.
Result<std::vector<ItemRow>> list_items(const Control& control, const std::string& kind);

/// Unfinished tasks and actors, with the reason why they wait.
std::vector<ItemRow> pending_items(const Control& control);

}  // namespace rayd::shell
