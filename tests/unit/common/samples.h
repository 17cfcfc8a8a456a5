// Random messages and rows with every field set, and their comparison field by field. Shared by
// unit tests and fuzzers. What is valid but not everywhere (an id without index, a sorted list) is
// said here once; the rest follows from the types.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "common/base/random.h"
#include "common/types/head_io.h"
#include "tests/unit/common/aggregates.h"

namespace rayd::test {

template <class Enum>
inline constexpr Enum kLastOf = [] {
  static_assert(std::is_same_v<std::underlying_type_t<Enum>, bool>, "say here what is its last");
  return static_cast<Enum>(true);
}();
template <>
inline constexpr ErrorCode kLastOf<ErrorCode> = ErrorCode::kInternal;
template <>
inline constexpr Lifetime kLastOf<Lifetime> = Lifetime::kDetached;
template <>
inline constexpr RevokeReason kLastOf<RevokeReason> = RevokeReason::kForce;
template <>
inline constexpr ActorState kLastOf<ActorState> = ActorState::kDead;
template <>
inline constexpr NodeState kLastOf<NodeState> = NodeState::kDead;
template <>
inline constexpr JobState kLastOf<JobState> = JobState::kCancelled;
template <>
inline constexpr Placement::Strategy kLastOf<Placement::Strategy> = Placement::Strategy::kBundle;
template <>
inline constexpr GroupStrategy kLastOf<GroupStrategy> = GroupStrategy::kStrictSpread;
template <>
inline constexpr GroupState kLastOf<GroupState> = GroupState::kRescheduling;
template <>
inline constexpr GroupRequest::What kLastOf<GroupRequest::What> = GroupRequest::What::kAwait;
template <>
inline constexpr Announce::Bundles::Phase kLastOf<Announce::Bundles::Phase> =
    Announce::Bundles::Phase::kCommitted;
template <>
inline constexpr LabelTerm::Holds kLastOf<LabelTerm::Holds> = LabelTerm::Holds::kExists;
template <>
inline constexpr CallTemplate::Kind kLastOf<CallTemplate::Kind> = CallTemplate::Kind::kJobRoot;
template <>
inline constexpr Announce::Hosted::Phase kLastOf<Announce::Hosted::Phase> =
    Announce::Hosted::Phase::kEnded;

/// kFull: nothing has its default, except what one of several kinds excludes. kSparse: anything
/// that may be empty is so at times.
enum class Fill : bool { kSparse, kFull };

class Samples {
 public:
  explicit Samples(Random& random, Fill fill = Fill::kFull) : random_(random), fill_(fill) {}

  template <class T>
  T make() {
    T t;
    fill(t);
    return t;
  }
  /// The alternative of that index.
  template <class Variant, size_t Index = 0>
  Variant make_alternative(size_t index) {
    if constexpr (Index + 1 < std::variant_size_v<Variant>) {
      if (index > Index) return make_alternative<Variant, Index + 1>(index);
    }
    return make<std::variant_alternative_t<Index, Variant>>();
  }

  template <class T>
  void fill(T& t) {
    if constexpr (std::is_enum_v<T>) {
      // Zero is no error code that anything carries.
      const auto first = std::is_same_v<T, ErrorCode> ? 1u : 0u;
      t = static_cast<T>(first + random_.below(static_cast<unsigned>(kLastOf<T>) + 1 - first));
    } else if constexpr (std::is_integral_v<T>) {
      t = may_be_empty() ? T{0} : static_cast<T>(1 + (random_.next() >> (random_.below(56) + 8)));
      if (t < 0) t = static_cast<T>(-(t + 1));
      if (t == 0 && fill_ == Fill::kFull) t = 1;
    } else {
      fill_fields(t);
    }
  }
  template <class... Alternatives>
  void fill(std::variant<Alternatives...>& variant) {
    using Variant = std::variant<Alternatives...>;
    variant = make_alternative<Variant>(random_.below(sizeof...(Alternatives)));
  }
  template <class T>
  void fill(std::vector<T>& items) {
    items.resize(may_be_empty() ? 0 : 1 + random_.below(3));
    for (T& item : items) fill(item);
  }
  template <class A, class B>
  void fill(std::pair<A, B>& pair) {
    fill(pair.first);
    fill(pair.second);
  }
  void fill(std::map<std::string, std::string>& map) {
    for (uint64_t n = may_be_empty() ? 0 : 1 + random_.below(3); n > 0; --n) {
      map[make<std::string>()] = make<std::string>();
    }
  }
  template <class T>
  void fill(std::shared_ptr<const T>& pointer) {
    pointer = may_be_empty() ? nullptr : std::make_shared<const T>(make<T>());
  }
  void fill(std::string& text) {
    if (!may_be_empty()) text = "text " + std::to_string(random_.next());
  }
  void fill(Bytes& bytes) { bytes = Bytes::copy(make<std::string>()); }
  void fill(ObjectId& id) { id = make<TaskId>().object(static_cast<uint32_t>(random_.below(9))); }
  void fill(TaskId& id) { id = TaskId::make(make<ClientId>(), 1 + random_.below(Id::kMaxSeq)); }
  void fill(GroupId& id) { id = GroupId::of(make<TaskId>()); }
  void fill(ActorId& id) { id = ActorId::of(make<TaskId>()); }
  void fill(KeyHash& hash) {
    for (uint8_t& byte : hash.bytes) byte = static_cast<uint8_t>(random_.next());
  }
  void fill(ImageHash& hash) {
    for (uint8_t& byte : hash.bytes) byte = static_cast<uint8_t>(random_.next());
  }
  void fill(ResourceSet& set) {
    fill_fields(set);
    std::map<std::string, Quantity> custom(set.custom.begin(), set.custom.end());
    std::erase_if(custom, [](const auto& entry) { return entry.second == 0; });
    set.custom.assign(custom.begin(), custom.end());
  }
  void fill(CallTemplate& call) {
    fill_fields(call);
    call.return_count %= kMaxReturns;
    call.actor.max_concurrency = std::max(call.actor.max_concurrency, 1);
    if (call.kind != CallTemplate::Kind::kActorCreation) call.actor = {};
    std::sort(call.environment.begin(), call.environment.end());
  }
  void fill(Value& value) {
    value = Value{};
    switch (random_.below(4)) {
      case 0: return;
      case 1:
        value.kind = Value::Kind::kInline;
        fill(value.bytes);
        value.size = value.bytes.size();
        break;
      case 2:
        value.kind = Value::Kind::kStored;
        fill(value.nodes);
        fill(value.size);
        break;
      default: value = Value::of_error(std::make_shared<ErrorInfo>(make<ErrorInfo>()));
    }
    fill(value.tag);
    fill(value.contains);
  }
  void fill(Arg& arg) {
    if (random_.chance(1, 2)) return fill(arg.reference);
    while (arg.value.kind != Value::Kind::kInline) arg.value = make<Value>();
  }

 private:
  bool may_be_empty() { return fill_ == Fill::kSparse && random_.chance(1, 2); }

  template <class T>
  void fill_fields(T& t) {
    std::apply([this](auto&... fields) { (fill(fields), ...); }, fields_of(t));
    if constexpr (requires { t.call->kind; }) require(t.call);
    if constexpr (requires {
                    t.creation->kind;
                    t.args;
                  })
      require(t.creation);
    if constexpr (requires {
                    t.args;
                    t.values;
                  }) {
      t.values.resize(t.args.size());
      for (size_t i = 0; i < t.args.size(); ++i) {
        t.values[i] = t.args[i].is_reference() ? make<Value>() : Value{};
      }
    }
  }
  void require(TemplateRef& call) {
    while (call == nullptr) fill(call);
  }

  Random& random_;
  Fill fill_;
};

/// Members, because each overload sees all others.
struct Comparison {
  template <class T>
  static bool same(const T& a, const T& b) {
    if constexpr (requires { a == b; }) {
      return a == b;
    } else {
      const auto left = fields_of(a);
      const auto right = fields_of(b);
      return [&]<size_t... I>(std::index_sequence<I...>) {
        return (same(std::get<I>(left), std::get<I>(right)) && ...);
      }
      (std::make_index_sequence<std::tuple_size_v<decltype(left)>>{});
    }
  }
  static bool same(const Bytes& a, const Bytes& b) { return a.text() == b.text(); }
  template <class T>
  static bool same(const std::shared_ptr<const T>& a, const std::shared_ptr<const T>& b) {
    return a == b || (a != nullptr && b != nullptr && same(*a, *b));
  }
  template <class T>
  static bool same(const std::vector<T>& a, const std::vector<T>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](const T& x, const T& y) { return same(x, y); });
  }
  template <class... T>
  static bool same(const std::variant<T...>& a, const std::variant<T...>& b) {
    if (a.index() != b.index()) return false;
    return std::visit(
        [&b](const auto& x) { return same(x, std::get<std::decay_t<decltype(x)>>(b)); }, a);
  }
};

/// Field by field; pointers by what they point at.
template <class T>
bool same(const T& a, const T& b) {
  return Comparison::same(a, b);
}

}  // namespace rayd::test
