// Taking signatures apart: function pointers, member function pointers, captureless lambdas.
#pragma once

#include <memory>
#include <tuple>
#include <type_traits>

namespace ray::internal {

template <class R, class Owner, class... P>
struct SignatureOf {
  using Result = R;
  using Class = Owner;  // void: not a member
  using Parameters = std::tuple<P...>;
  static constexpr size_t arity = sizeof...(P);
};

/// No member `Result`: not a function that can be called remotely.
template <class F>
struct CallableType {
  static constexpr bool is_callable = false;
};
template <class R, class... P>
struct CallableType<R (*)(P...)> : SignatureOf<R, void, P...> {
  static constexpr bool is_callable = true;
};
template <class R, class... P>
struct CallableType<R (*)(P...) noexcept> : CallableType<R (*)(P...)> {};

#define RAY_INTERNAL_MEMBER(qualifiers)                                      \
  template <class R, class C, class... P>                                    \
  struct CallableType<R (C::*)(P...) qualifiers> : SignatureOf<R, C, P...> { \
    static constexpr bool is_callable = true;                                \
  };
RAY_INTERNAL_MEMBER()
RAY_INTERNAL_MEMBER(const)
RAY_INTERNAL_MEMBER(&)
RAY_INTERNAL_MEMBER(const&)
RAY_INTERNAL_MEMBER(noexcept)
RAY_INTERNAL_MEMBER(const noexcept)
RAY_INTERNAL_MEMBER(&noexcept)
RAY_INTERNAL_MEMBER(const& noexcept)
#undef RAY_INTERNAL_MEMBER

template <class L>
concept CallableObject = std::is_class_v<L> && requires {
  &L::operator();
};

/// The signature of anything that may stand in ray::Task(…) or RAY_REMOTE(…).
template <class F>
struct FunctionType : CallableType<F> {};
template <CallableObject L>
struct FunctionType<L> {
  using Call = CallableType<decltype(&L::operator())>;
  using Result = typename Call::Result;
  using Class = void;
  using Parameters = typename Call::Parameters;
  static constexpr size_t arity = Call::arity;
  static constexpr bool is_callable = true;
};

template <class R>
struct FactoryResult {
  using Class = void;
};
template <class C>
struct FactoryResult<C*> {
  using Class = std::conditional_t<std::is_class_v<C>, C, void>;
};
template <class C>
struct FactoryResult<std::unique_ptr<C>> : FactoryResult<C*> {};

/// The class that a factory makes; void: not a factory.
template <class F>
using MadeBy = typename FactoryResult<typename FunctionType<F>::Result>::Class;

/// True for a class that is a value: text, a container. A function that returns a unique_ptr to one
/// is a task, not a factory.
template <class C>
concept ValueClass = requires {
  typename C::value_type;
};

/// Picks one of an overloaded set by its parameter types: RAY_FUNC(f, int). Without types: the one
/// without parameters, or the only one there is.
template <class... P>
struct Pick {
  template <class R>
  constexpr auto operator()(R (*function)(P...)) const {
    return function;
  }
  template <class R>
  constexpr auto operator()(R (*function)(P...) noexcept) const {
    return function;
  }
#define RAY_INTERNAL_PICK(qualifiers)                                  \
  template <class R, class C>                                          \
  constexpr auto operator()(R (C::*function)(P...) qualifiers) const { \
    return function;                                                   \
  }
  RAY_INTERNAL_PICK()
  RAY_INTERNAL_PICK(const)
  RAY_INTERNAL_PICK(&)
  RAY_INTERNAL_PICK(const&)
  RAY_INTERNAL_PICK(noexcept)
  RAY_INTERNAL_PICK(const noexcept)
#undef RAY_INTERNAL_PICK
};
template <>
struct Pick<> {
  template <class R>
  constexpr auto operator()(R (*function)()) const {
    return function;
  }
  template <class R, class C>
  constexpr auto operator()(R (C::*function)()) const {
    return function;
  }
  template <class R, class C>
  constexpr auto operator()(R (C::*function)() const) const {
    return function;
  }
  template <class F>
  constexpr auto operator()(F function) const {
    return function;
  }
};

}  // namespace ray::internal
