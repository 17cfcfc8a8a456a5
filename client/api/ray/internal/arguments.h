// Binding the arguments of a call to the parameters of its function, without a copy where possible.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "ray/internal/pack.h"
#include "ray/object_ref.h"

namespace ray::internal {

/// True if an argument of type A for a parameter of type P is awaited first: it is a ref, and the
/// parameter is not of just that type.
template <class P, class A>
inline constexpr bool kIsAwaited = IsRef<std::remove_cvref_t<A>> &&
                                   !std::is_same_v<std::remove_cvref_t<P>, std::remove_cvref_t<A>>;

template <class From, class To>
inline constexpr bool kConverts =
    std::is_void_v<From> ? false : std::is_same_v<From, To> || std::is_convertible_v<From, To>;

/// An argument on its way into BoundArgument, which must not be made from anything that converts to
/// an A: a std::any converts from everything.
template <class A>
struct Passed {
  A&& argument;
};

/// One argument for the time of the call.
template <class P, class A>
class BoundArgument {
  using Given = std::remove_cvref_t<A>;
  using Wanted = std::remove_cvref_t<P>;
  static_assert(!kIsPointer<Wanted>,
                "a pointer parameter means nothing in another process: take the value");
  static_assert(std::is_convertible_v<A, Wanted> || std::is_same_v<Given, Wanted>,
                "argument does not convert to the parameter's type");

  /// Text is pointed at, whatever it is given as; the same type is, too.
  static constexpr bool kIsText =
      std::is_same_v<Wanted, std::string> && std::is_convertible_v<A, std::string_view>;
  using Packed = std::conditional_t<kIsText, std::string_view, Wanted>;
  using Held = std::conditional_t<std::is_same_v<Given, Packed>, const Packed&, Packed>;

 public:
  explicit BoundArgument(Passed<A> passed) : held_(std::forward<A>(passed.argument)) {}
  BoundArgument(const BoundArgument&) = delete;

  void fill(Argument& out) { out.value = pack_value<Packed>(held_, space_); }

 private:
  Held held_;
  [[no_unique_address]] PackSpace<Packed> space_;
};

/// A ref that is awaited: only its id goes.
template <class P, class A>
requires kIsAwaited<P, A>
class BoundArgument<P, A> {
  using Value = typename RefType<std::remove_cvref_t<A>>::type;
  static_assert(kConverts<Value, std::remove_cvref_t<P>>,
                "the referenced value does not convert to the parameter's type");

 public:
  explicit BoundArgument(Passed<A> passed) : id_(passed.argument.object_id()) {}
  void fill(Argument& out) { out.reference = id_; }

 private:
  ObjectId id_;
};

/// Calls `use(std::span<const Argument>)` with the arguments of a call, packed.
template <class... P, class Use, class... A>
decltype(auto) with_arguments(std::type_identity<std::tuple<P...>>, Use&& use, A&&... arguments) {
  static_assert(sizeof...(P) == sizeof...(A), "wrong number of arguments");
  return [&]<size_t... I>(std::index_sequence<I...>)->decltype(auto) {
    [[maybe_unused]] std::tuple<BoundArgument<P, A>...> bound(
        Passed<A>{std::forward<A>(arguments)}...);
    std::array<Argument, sizeof...(A)> packed;
    (std::get<I>(bound).fill(packed[I]), ...);
    return use(std::span<const Argument>(packed));
  }
  (std::index_sequence_for<A...>());
}

}  // namespace ray::internal
