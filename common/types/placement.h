// Where a call may run: a strategy, and what the labels of its node must and should be.
//
//   default   this node first, then the least loaded (design.md §6); large arguments draw it
//   spread    the nodes with room in turn
//   node      that one node; soft: others too when it is gone or can never have it
//   bundle    inside a placement group's reservation
//
// Label selectors hold under every strategy.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/ids.h"
#include "common/base/result.h"

namespace rayd {

using Labels = std::map<std::string, std::string>;

/// Every node has these two beside what `rayctl start --label` gave it.
inline constexpr const char* kNodeNameLabel = "rayd.io/node-name";
inline constexpr const char* kNodeIdLabel = "rayd.io/node-id";

/// One condition on a node's labels.
struct LabelTerm {
  std::string key;
  enum class Holds : uint8_t {
    kIn,      // the label's value is one of `values`
    kNotIn,   // it is none of them, or there is no such label
    kExists,  // there is such a label
  };
  Holds holds = Holds::kExists;
  std::vector<std::string> values;
  auto operator<=>(const LabelTerm&) const = default;

  bool matches(const Labels& labels) const;
  /// As parse_label_term reads it.
  std::string to_text() const;
};

struct Placement {
  enum class Strategy : uint8_t { kDefault, kSpread, kNode, kBundle };
  enum class Affinity : bool { kHard, kSoft };
  static constexpr int32_t kAnyBundle = -1;

  Strategy strategy = Strategy::kDefault;
  Affinity affinity = Affinity::kHard;  // kNode
  NodeId node;                          // kNode
  int32_t bundle = kAnyBundle;          // kBundle: its index
  GroupId group;                        // kBundle
  std::vector<LabelTerm> required;      // all must hold
  std::vector<LabelTerm> preferred;     // nodes where all hold go first
  auto operator<=>(const Placement&) const = default;

  /// To one node, and nowhere else.
  bool is_bound() const { return strategy == Strategy::kNode && affinity == Affinity::kHard; }
  /// Nothing is asked for.
  bool is_anywhere() const {
    return strategy == Strategy::kDefault && required.empty() && preferred.empty();
  }
};

/// True if all terms hold.
bool matches_all(const std::vector<LabelTerm>& terms, const Labels& labels);
/// Like "zone=a and disk".
std::string to_text(const std::vector<LabelTerm>& terms);

/// "zone=a", "zone!=a", "zone in (a, b)", "zone !in (a, b)", "zone" (there is such a label). As in
/// Ray's selectors the value may say it too: "zone=in(a,b)", "zone=!in(a,b)", "zone=!a".
Result<LabelTerm> parse_label_term(std::string_view text);

/// A label that `start --label` gives, "zone=a". A name has letters, digits and "._-/".
Result<std::pair<std::string, std::string>> parse_label(std::string_view text);

}  // namespace rayd
