#include "client/api/local_resources.h"

#include <algorithm>
#include <cmath>

#include "common/config/json.h"
#include "common/config/machine.h"
#include "common/config/quantity.h"

namespace ray::internal {
namespace {

constexpr double kUnit = 10'000;

int64_t quantity(double value) { return std::llround(value * kUnit); }

double number_of(const std::string& flag, const std::string& text) {
  const auto number = rayd::parse_number(text);
  if (!number || *number < 0)
    throw_error(ErrorCode::kInvalidArgument, flag + ": '" + text + "' is not a number ≥ 0");
  return *number;
}

void add_resources(Demand& total, const std::string& text) {
  const auto json = rayd::Json::parse(text);
  if (!json) throw_error(ErrorCode::kInvalidArgument, "--resources: " + json.error().message);
  const auto* members = json->object();
  if (members == nullptr)
    throw_error(ErrorCode::kInvalidArgument, "--resources: not an object like {\"disk\": 2}");
  for (const auto& [name, value] : *members) {
    if (!value.number() || *value.number() < 0)
      throw_error(ErrorCode::kInvalidArgument, "--resources: " + name + " is not a number ≥ 0");
    total[name] = quantity(*value.number());
  }
}

int64_t amount(const Demand& demand, const std::string& name) {
  const auto it = demand.find(name);
  return it == demand.end() ? 0 : it->second;
}

bool covers(const Demand& have, const Demand& demand) {
  return std::all_of(demand.begin(), demand.end(), [&](const auto& entry) {
    return entry.second == 0 || amount(have, entry.first) >= entry.second;
  });
}

std::string format(int64_t amount) {
  std::string text = std::to_string(static_cast<double>(amount) / kUnit);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

/// More calls than a bundle ever has.
constexpr int64_t kCalls = 1'000'000'000;

struct BundleName {
  std::string group;
  int index = -1;
};

/// The same under the names of this bundle and of any, with so much of what counts calls.
Demand in_bundle(const Demand& demand, int64_t calls, const BundleName& bundle) {
  Demand in;
  const auto add = [&](const std::string& name, int64_t amount) {
    in[bundle.group + ":*:" + name] = amount;
    if (bundle.index >= 0)
      in[bundle.group + ":" + std::to_string(bundle.index) + ":" + name] = amount;
  };
  add("in", calls);
  for (const auto& [name, amount] : demand) add(name, amount);
  return in;
}

}  // namespace

LocalResources::LocalResources(const std::vector<std::string>& head_args) {
  const rayd::Machine machine = rayd::measure_machine();
  total_["CPU"] = quantity(static_cast<double>(machine.cpus));
  total_["GPU"] = quantity(static_cast<double>(machine.gpus));
  total_["memory"] = quantity(static_cast<double>(machine.memory_bytes));
  for (size_t i = 0; i < head_args.size(); ++i) {
    const std::string& word = head_args[i];
    const size_t equals = word.find('=');
    const std::string flag = word.substr(0, equals);
    if (flag != "--num-cpus" && flag != "--num-gpus" && flag != "--resources") continue;
    if (equals == std::string::npos && i + 1 == head_args.size())
      throw_error(ErrorCode::kInvalidArgument, flag + " needs a value");
    const std::string value =
        equals == std::string::npos ? head_args[++i] : word.substr(equals + 1);
    if (flag == "--num-cpus") total_["CPU"] = quantity(number_of(flag, value));
    if (flag == "--num-gpus") total_["GPU"] = quantity(number_of(flag, value));
    if (flag == "--resources") add_resources(total_, value);
  }
  free_ = total_;
}

bool LocalResources::fits(const Demand& demand) const { return covers(free_, demand); }

bool LocalResources::is_feasible(const Demand& demand) const { return covers(total_, demand); }

void LocalResources::take(const Demand& demand) {
  for (const auto& [name, amount] : demand) free_[name] -= amount;
}

void LocalResources::give(const Demand& demand) {
  for (const auto& [name, amount] : demand) free_[name] += amount;
}

void LocalResources::add(const Demand& offer) {
  for (const auto& [name, amount] : offer) total_[name] += amount;
  give(offer);
}

void LocalResources::remove(const Demand& offer) {
  for (const auto& [name, amount] : offer) total_[name] -= amount;
  take(offer);
}

int64_t LocalResources::cpus() const {
  return std::max<int64_t>(1, amount(total_, "CPU") / static_cast<int64_t>(kUnit));
}

std::string LocalResources::explain(const Demand& demand) const {
  std::string text;
  for (const auto& [name, wanted] : demand)
    if (wanted > amount(total_, name))
      text += (text.empty() ? "" : ", ") + name + " " + format(wanted) + " of " +
              format(amount(total_, name));
  return text;
}

Demand demand_of(const CallOptions& options, int64_t cpus) {
  Demand demand;
  if (options.resources.empty() && cpus > 0) demand["CPU"] = cpus * static_cast<int64_t>(kUnit);
  for (const auto& [name, value] : options.resources) demand[name] = quantity(value);
  std::erase_if(demand, [](const auto& entry) { return entry.second == 0; });
  const CallPlacement& placement = options.placement;
  if (placement.strategy != CallPlacement::Strategy::kBundle) return demand;
  return in_bundle(demand, 1, {placement.group, placement.bundle});
}

Demand demand_of(const std::unordered_map<std::string, double>& bundle) {
  Demand demand;
  for (const auto& [name, value] : bundle) demand[name] = quantity(value);
  return demand;
}

Demand bundle_offer(const Demand& bundle, const std::string& group, int index) {
  return in_bundle(bundle, kCalls, {group, index});
}

Demand lendable_part(const Demand& held) {
  Demand part;
  for (const auto& entry : held)
    if (entry.first == "CPU" || entry.first.ends_with(":CPU")) part.insert(entry);
  return part;
}

}  // namespace ray::internal
