// A driver that places tasks and actors over a cluster's nodes and says where each ran: a table on
// standard output, one case a line. Arguments: the ids of nodes a, b and c.
//
// The cluster: the head with 2 CPUs, and a, b, c with labels and resources as cluster_placement.py
// gives them.
#include <ray/api.h>

#include <chrono>
#include <cstdlib>
#include <functional>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <thread>

namespace {

using Bundle = std::unordered_map<std::string, double>;

std::string Where() { return ray::GetRuntimeContext().NodeId(); }
std::string WhereFor(int millis) {
  std::this_thread::sleep_for(std::chrono::milliseconds(millis));
  return Where();
}
std::vector<uint8_t> Large() { return std::vector<uint8_t>(4 << 20, 7); }
std::string WhereWith(const std::vector<uint8_t>& bytes) {
  return bytes.size() == size_t{4} << 20 ? Where() : "lost";
}
std::string Gpus(int millis) {
  const char* devices = std::getenv("CUDA_VISIBLE_DEVICES");
  std::this_thread::sleep_for(std::chrono::milliseconds(millis));
  return devices == nullptr ? "none" : devices;
}
/// Waits for the group in a task: its CPU is lent meanwhile, so others run.
std::string AwaitInTask(const std::string& id) {
  return ray::GetPlacementGroupById(id).Wait(30) ? Where() : "never";
}

class Place {
 public:
  static Place* Create() { return new Place; }
  std::string Where() { return ray::GetRuntimeContext().NodeId(); }
};

RAY_REMOTE(Where, WhereFor, Large, WhereWith, Gpus, AwaitInTask, Place::Create, &Place::Where);

int failures = 0;
std::string head, a, b, c;

/// "head a c": nodes by their roles, in the order given.
std::string named(const std::vector<std::string>& nodes) {
  const std::map<std::string, std::string> names{{head, "head"}, {a, "a"}, {b, "b"}, {c, "c"}};
  std::string text;
  for (const std::string& node : nodes) {
    const auto name = names.find(node);
    text += (text.empty() ? "" : " ") + (name == names.end() ? node : name->second);
  }
  return text;
}

void row(const std::string& what, const std::string& found, const std::set<std::string>& good) {
  const bool is_good = good.contains(found);
  if (!is_good) ++failures;
  std::cout << (is_good ? "ok    " : "WRONG ") << what << " | " << found;
  if (!is_good) std::cout << " | wanted " << *good.begin();
  std::cout << std::endl;
}

template <class Caller>
std::vector<std::string> run(Caller caller, int count) {
  std::vector<ray::ObjectRef<std::string>> refs;
  for (int i = 0; i < count; ++i) refs.push_back(caller.Remote());
  std::vector<std::string> nodes;
  for (const auto& ref : refs) nodes.push_back(*ray::Get(ref, 20'000));
  return nodes;
}

/// The set of nodes where so many ran at once, each for a while.
std::string at_once(ray::internal::TaskCaller<decltype(&WhereFor)> caller, int count) {
  std::vector<ray::ObjectRef<std::string>> refs;
  for (int i = 0; i < count; ++i) refs.push_back(caller.Remote(300));
  std::multiset<std::string> nodes;
  for (const auto& ref : refs) nodes.insert(named({*ray::Get(ref, 20'000)}));
  std::string text;
  for (const auto& node : nodes) text += (text.empty() ? "" : " ") + node;
  return text;
}

std::string failure_of(const std::function<std::string()>& call) {
  try {
    return call();
  } catch (const ray::internal::RayException& error) {
    const std::string text = error.what();
    for (const char* part : {"which is dead", "which is gone", "no label selector",
                             "there is a placement group", "bundle 2 of a placement group of 2"})
      if (text.find(part) != std::string::npos) return part;
    return text;
  }
}

ray::internal::TaskCaller<decltype(&Where)> labelled(std::vector<std::string> required,
                                                     std::vector<std::string> preferred = {}) {
  auto task = ray::Task(&Where);
  task.SetLabelSelector(std::move(required), std::move(preferred));
  return task;
}

void strategies() {
  row("default: the driver's node first", named(run(ray::Task(&Where), 1)), {"head"});
  row("default: more than it has overflow",
      std::to_string(at_once(ray::Task(&WhereFor), 6).find("head head") != std::string::npos),
      {"1"});
  row("spread: each node once", at_once(ray::Task(&WhereFor).SetSchedulingStrategy("SPREAD"), 4),
      {"a b c head"});
  row("spread: each node twice", at_once(ray::Task(&WhereFor).SetSchedulingStrategy("SPREAD"), 8),
      {"a a b b c c head head"});
  row("spread among labelled nodes",
      at_once(ray::Task(&WhereFor).SetSchedulingStrategy("SPREAD").SetLabelSelector(
                  {"zone in (one, two)"}),
              4),
      {"a a b b"});
  for (const auto& [node, name] : {std::pair{a, "a"}, {b, "b"}, {c, "c"}})
    row(std::string("affinity to ") + name,
        named(run(ray::Task(&Where).SetSchedulingStrategy(
                      ray::NodeAffinitySchedulingStrategy{node, false}),
                  3)),
        {std::string(name) + " " + name + " " + name});
  row("soft affinity to a live node",
      named(run(ray::Task(&Where).SetSchedulingStrategy({b, true}), 1)), {"b"});
  row("soft affinity to a node that never was",
      named(run(ray::Task(&Where).SetSchedulingStrategy({"node-999", true}), 1)), {"head"});
  row("soft affinity to a node that can never have it",
      named(run(ray::Task(&Where).SetResource("disk", 1).SetSchedulingStrategy({a, true}), 1)),
      {"b"});
  row("locality: to the node with the large argument",
      [] {
        const auto large = ray::Task(&Large).SetSchedulingStrategy({c, false}).Remote();
        ray::Wait(std::vector<ray::ObjectRef<std::vector<uint8_t>>>{large}, 1, 10'000);
        return named({*ray::Get(ray::Task(&WhereWith).Remote(large), 20'000)});
      }(),
      {"c"});
}

void labels_and_resources() {
  row("label zone=one", named(run(labelled({"zone=one"}), 2)), {"a a"});
  row("label zone!=one, and disk", named(run(labelled({"zone!=one", "disk"}), 1)), {"b"});
  row("label zone in (three)", named(run(labelled({"zone in (three)"}), 1)), {"c"});
  row("label zone !in (one, two), zone", named(run(labelled({"zone !in (one, two)", "zone"}), 1)),
      {"c"});
  row("label of the node's id", named(run(labelled({"rayd.io/node-id=" + b}), 1)), {"b"});
  row("preferred zone=two", named(run(labelled({}, {"zone=two"}), 1)), {"b"});
  row("preferred label that none has", named(run(labelled({}, {"zone=none"}), 1)), {"head"});
  row("a selector that is none", failure_of([] { return named(run(labelled({"zone ~ one"}), 1)); }),
      {"no label selector"});
  row("resource disk", named(run(ray::Task(&Where).SetResource("disk", 1), 1)), {"b"});
  row("resource lamp, two at once", at_once(ray::Task(&WhereFor).SetResource("lamp", 1), 2),
      {"b c"});
  row("a fraction of a resource, twice", at_once(ray::Task(&WhereFor).SetResource("disk", 0.5), 2),
      {"b b"});
  row("no CPU, a label", named(run(labelled({"zone=three"}).SetResource("CPU", 0), 3)), {"c c c"});
  auto actor = ray::Actor(&Place::Create).SetLabelSelector({"zone=two"}).Remote();
  row("an actor by label", named({*actor.Task(&Place::Where).Remote().Get(20'000)}), {"b"});
  auto bound = ray::Actor(&Place::Create).SetSchedulingStrategy({c, false}).Remote();
  row("an actor by affinity", named({*bound.Task(&Place::Where).Remote().Get(20'000)}), {"c"});
  std::vector<ray::ActorHandle<Place>> spread;
  std::multiset<std::string> nodes;
  for (int i = 0; i < 4; ++i)
    spread.push_back(ray::Actor(&Place::Create).SetSchedulingStrategy("SPREAD").Remote());
  for (auto& one : spread) nodes.insert(named({*one.Task(&Place::Where).Remote().Get(20'000)}));
  std::string text;
  for (const auto& node : nodes) text += (text.empty() ? "" : " ") + node;
  row("actors spread", text, {"a b c head"});
  auto disk = ray::Actor(&Place::Create).SetResource("disk", 1).Remote();
  row("an actor with a resource", named({*disk.Task(&Place::Where).Remote().Get(20'000)}), {"b"});
}

ray::PlacementGroup group_of(std::vector<Bundle> bundles, ray::PlacementStrategy strategy,
                             const std::string& name = "") {
  return ray::CreatePlacementGroup({name, std::move(bundles), strategy});
}

/// Where the bundles are, by a task in each.
std::string places_of(const ray::PlacementGroup& group) {
  std::vector<std::string> nodes;
  for (int i = 0; i < static_cast<int>(group.GetBundles().size()); ++i) {
    auto task = ray::Task(&Where).SetResource("CPU", 0).SetPlacementGroup(group, i);
    nodes.push_back(run(task, 1)[0]);
  }
  return named(nodes);
}

bool are_distinct(const std::string& text) {
  std::set<std::string> words;
  std::istringstream stream(text);
  std::string word;
  size_t count = 0;
  while (stream >> word) {
    words.insert(word);
    ++count;
  }
  return words.size() == count;
}

void group_strategies() {
  using enum ray::PlacementStrategy;
  const Bundle one{{"CPU", 1}};
  auto group = group_of({one, one}, STRICT_PACK);
  row("STRICT_PACK: is created", std::to_string(group.Wait(20)), {"1"});
  const std::string packed = places_of(group);
  row("STRICT_PACK: both on one node", std::to_string(!are_distinct(packed)), {"1"});
  ray::RemovePlacementGroup(group.GetID());
  row("a removed group says so",
      std::to_string(group.GetState() == ray::PlacementGroupState::REMOVED), {"1"});
  row("a task in a removed group",
      failure_of([&] { return named(run(ray::Task(&Where).SetPlacementGroup(group, 0), 1)); }),
      {"which is gone"});
  group = group_of({one, one, one, one}, STRICT_SPREAD);
  row("STRICT_SPREAD: is created", std::to_string(group.Wait(20)), {"1"});
  row("STRICT_SPREAD: four on four nodes", std::to_string(are_distinct(places_of(group))), {"1"});
  auto inside = ray::Actor(&Place::Create).SetPlacementGroup(group, 2).Remote();
  const std::string third = run(ray::Task(&Where).SetPlacementGroup(group, 2), 1)[0];
  row("an actor in a bundle is where its bundle is",
      std::to_string(*inside.Task(&Place::Where).Remote().Get(20'000) == third), {"1"});
  ray::RemovePlacementGroup(group.GetID());
  group = group_of({one, one, one, one}, SPREAD);
  row("SPREAD: is created", std::to_string(group.Wait(20)), {"1"});
  row("SPREAD: on four nodes", std::to_string(are_distinct(places_of(group))), {"1"});
  ray::RemovePlacementGroup(group.GetID());
  group = group_of({{{"disk", 1}}, {{"CPU", 1}}}, PACK);
  row("PACK: near the disk", std::to_string(group.Wait(20)) + " " + places_of(group), {"1 b b"});
  ray::RemovePlacementGroup(group.GetID());
  group = group_of({{{"lamp", 1}}, {{"lamp", 1}}}, STRICT_SPREAD);
  const bool is_there = group.Wait(20);
  const std::string lamps = places_of(group);
  row("STRICT_SPREAD of lamps", std::to_string(is_there) + " " + lamps, {"1 b c", "1 c b"});
  row("a bundle that it has not",
      failure_of([&] { return named(run(ray::Task(&Where).SetPlacementGroup(group, 2), 1)); }),
      {"bundle 2 of a placement group of 2"});
  ray::RemovePlacementGroup(group.GetID());
}

void group_lives() {
  using enum ray::PlacementStrategy;
  const Bundle one{{"CPU", 1}}, two{{"CPU", 2}};
  auto never = group_of({one, one, one, one, one}, STRICT_SPREAD);
  row("five of four nodes: not created", std::to_string(never.Wait(1)), {"0"});
  row("and nothing is kept meanwhile",
      at_once(ray::Task(&WhereFor).SetSchedulingStrategy("SPREAD"), 8), {"a a b b c c head head"});
  ray::RemovePlacementGroup(never.GetID());
  auto all = group_of({two, two, two, two}, STRICT_SPREAD, "all");
  row("all CPUs: created", std::to_string(all.Wait(20)), {"1"});
  auto late = group_of({one, one}, SPREAD);
  row("a second one waits", std::to_string(late.Wait(0)), {"0"});
  auto waiting = ray::Task(&AwaitInTask).SetPlacementGroup(all, 0).Remote(late.GetID());
  row("by name", std::to_string(ray::GetPlacementGroup("all").GetID() == all.GetID()), {"1"});
  row("by name, anywhere", std::to_string(ray::GetGlobalPlacementGroup("all").GetBundles().size()),
      {"4"});
  row("an unknown name", std::to_string(ray::GetPlacementGroup("none").Empty()), {"1"});
  row("a name that is taken", failure_of([&] { return group_of({one}, PACK, "all").GetID(); }),
      {"there is a placement group"});
  row("two CPUs of a bundle at once",
      std::to_string(at_once(ray::Task(&WhereFor).SetPlacementGroup(all, 1), 2).find(' ') !=
                     std::string::npos),
      {"1"});
  ray::RemovePlacementGroup(all.GetID());
  row("the second one has their room", std::to_string(late.Wait(20)), {"1"});
  row("all there are", std::to_string(ray::GetAllPlacementGroups().size() >= 2), {"1"});
  ray::RemovePlacementGroup(late.GetID());
  row("a task that awaited it in the first one's bundle ended with that",
      failure_of([&] { return *waiting.Get(20'000); }), {"which is gone"});
}

void gpus() {
  std::vector<ray::ObjectRef<std::string>> refs;
  for (int i = 0; i < 4; ++i)
    refs.push_back(ray::Task(&Gpus).SetResource("GPU", 1).SetResource("CPU", 0).Remote(500));
  std::multiset<std::string> devices;
  for (const auto& ref : refs) devices.insert(*ray::Get(ref, 20'000));
  std::string text;
  for (const auto& device : devices) text += (text.empty() ? "" : " ") + device;
  row("four tasks of one GPU see one each", text, {"0 1 2 3"});
  row("a task of two GPUs", *ray::Task(&Gpus).SetResource("GPU", 2).Remote(0).Get(20'000),
      {"0,1", "0,2", "0,3", "1,2", "1,3", "2,3"});
  row("two halves share one",
      [] {
        auto half = ray::Task(&Gpus).SetResource("GPU", 0.5).SetResource("CPU", 0);
        auto first = half.Remote(500), second = half.Remote(500);
        return std::to_string(*first.Get(20'000) == *second.Get(20'000));
      }(),
      {"1"});
  row("who asked for none sees none",
      "[" + *ray::Task(&Gpus).SetSchedulingStrategy({c, false}).Remote(0).Get(20'000) + "]",
      {"[]"});
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  a = argv[1];
  b = argv[2];
  c = argv[3];
  ray::Init();
  head = ray::GetRuntimeContext().NodeId();
  strategies();
  labels_and_resources();
  group_strategies();
  group_lives();
  gpus();
  if (argc > 4) {  // the id of a node that is dead
    row("affinity to a dead node", failure_of([&] {
          return named(run(ray::Task(&Where).SetSchedulingStrategy({argv[4], false}), 1));
        }),
        {"which is dead"});
  }
  ray::Shutdown();
  std::cout << (failures == 0 ? "all as wanted" : std::to_string(failures) + " wrong") << std::endl;
  return failures == 0 ? 0 : 1;
}
