// Registration: RAY_REMOTE, RAY_FUNC, and the type-erased thunks behind every registered function.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include "ray/internal/executor.h"
#include "ray/internal/function.h"
#include "ray/internal/function_types.h"
#include "ray/internal/pack.h"
#include "ray/internal/unpack.h"

namespace ray::internal {

struct ArgumentSource {
  std::span<const FetchedValue> arguments;
  size_t index;
  const FetchedValue& value() const { return arguments[index]; }
};

/// Inside a catch: says which argument did not fit, as RayException with kInvalidArgument.
[[noreturn]] void throw_bad_argument(size_t index);
void check_argument_count(size_t given, size_t wanted);

template <class P>
P unpack_argument(const ArgumentSource& source) {
  try {
    return unpack_value<P>(source.value());
  } catch (...) {
    throw_bad_argument(source.index);
  }
}

/// A parameter while its function runs, made in place: large arrays are not moved about.
template <class P>
struct Parameter {
  explicit Parameter(const ArgumentSource& source) : object(unpack_argument<P>(source)) {}
  P object;
};

/// A view points into the argument's bytes if they are what it wants, else into a copy.
template <ContiguousView P>
struct Parameter<P> {
  using Item = typename ContiguousType<P>::Element;
  using Pointer = decltype(std::declval<P&>().data());
  static constexpr bool kWritable = !std::is_const_v<std::remove_pointer_t<Pointer>>;

  explicit Parameter(const ArgumentSource& source) {
    if constexpr (!kWritable) {
      const FetchedValue& value = source.value();
      if (is_items_of(value, {FlatType<Item>::element, sizeof(Item), alignof(Item)})) {
        object =
            P(reinterpret_cast<const Item*>(value.bytes.data()), value.bytes.size() / sizeof(Item));
        return;
      }
    }
    copy = unpack_argument<std::vector<Item>>(source);
    object = P(copy.data(), copy.size());
  }
  Parameter(const Parameter&) = delete;

  std::vector<Item> copy;
  P object;
};

/// Gives the parameter as the function takes it: T& an lvalue, the others may be moved from.
template <class P, class V>
decltype(auto) pass_argument(V& object) {
  if constexpr (std::is_lvalue_reference_v<P>) {
    return static_cast<V&>(object);
  } else {
    return std::move(object);
  }
}

/// A function known at compile time by its address.
template <auto function>
struct AddressOf {
  using Type = decltype(function);
  static constexpr Type kPointer = function;
  static constexpr const void* pointer() { return &kPointer; }
  static constexpr size_t kPointerBytes = sizeof(Type);
  template <class... A>
  static decltype(auto) call(A&&... arguments) {
    return function(std::forward<A>(arguments)...);
  }
  template <class C, class... A>
  static decltype(auto) call_method(C& object, A&&... arguments) {
    return (object.*function)(std::forward<A>(arguments)...);
  }
};

/// A captureless lambda (or stateless function object): its type is its name.
template <class L>
struct LambdaOf {
  using Type = L;
  static constexpr const void* pointer() { return nullptr; }
  static constexpr size_t kPointerBytes = 0;
  template <class... A>
  static decltype(auto) call(A&&... arguments) {
    return L{}(std::forward<A>(arguments)...);
  }
};

template <class C>
concept PacksItself = requires(const C& object, msgpack::packer<PackBuffer>& packer) {
  object.msgpack_pack(packer);
};

/// The thunks of one function, and its entry.
template <class Target>
struct Function {
  using Type = FunctionType<typename Target::Type>;
  static_assert(Type::is_callable,
                "not a function that can be called remotely: a free or static function, a member "
                "function that is not volatile or &&, or a lambda");
  using Result = std::remove_cvref_t<typename Type::Result>;
  using Class = typename Type::Class;
  using Made = MadeBy<typename Target::Type>;
  static constexpr bool kIsMethod = !std::is_void_v<Class>;
  static constexpr bool kIsFactory = !kIsMethod && !std::is_void_v<Made>;
  /// A unique_ptr to a value (or to a struct with MSGPACK_DEFINE) is a result, too.
  static constexpr bool kIsTask =
      !kIsFactory || (!std::is_pointer_v<Result> && (ValueClass<Made> || PacksItself<Made>));

  template <class Use>
  static decltype(auto) with_parameters(std::span<const FetchedValue> arguments, Use&& use) {
    check_argument_count(arguments.size(), Type::arity);
    return with_parameters(std::type_identity<typename Type::Parameters>(), arguments, use,
                           std::make_index_sequence<Type::arity>());
  }
  template <class... P, class Use, size_t... I>
  static decltype(auto) with_parameters(std::type_identity<std::tuple<P...>>,
                                        [[maybe_unused]] std::span<const FetchedValue> arguments,
                                        Use& use, std::index_sequence<I...>) {
    [[maybe_unused]] std::tuple<Parameter<std::remove_cvref_t<P>>...> parameters(
        ArgumentSource{arguments, I}...);
    return use(pass_argument<P>(std::get<I>(parameters).object)...);
  }

  /// Runs `call` and gives its result to the sink while it lives.
  template <class Call>
  static void deliver(Call&& call, ResultSink& sink) {
    if constexpr (std::is_void_v<Result>) {
      call();
      sink.value({});
    } else {
      const Result& result = call();  // a prvalue lives on, a reference is copied by packing
      PackSpace<Result> space;
      sink.value(pack_value<Result>(result, space));
    }
  }

  static void execute(ActorInstance* instance, std::span<const FetchedValue> arguments,
                      ResultSink& sink) {
    with_parameters(arguments, [&](auto&&... parameters) {
      deliver(
          [&]() -> decltype(auto) {
            if constexpr (kIsMethod) {
              return Target::call_method(instance->as<Class>(),
                                         std::forward<decltype(parameters)>(parameters)...);
            } else {
              return Target::call(std::forward<decltype(parameters)>(parameters)...);
            }
          },
          sink);
    });
  }

  static void construct(std::span<const FetchedValue> arguments, ActorInstance& instance) {
    with_parameters(arguments, [&](auto&&... parameters) {
      auto made = Target::call(std::forward<decltype(parameters)>(parameters)...);
      if constexpr (std::is_pointer_v<decltype(made)>) {
        instance.adopt(made);
      } else {
        instance.adopt(made.release());
      }
    });
  }

  template <class... P>
  static constexpr auto types_of(std::type_identity<std::tuple<P...>>) {
    return std::array<const std::type_info*, sizeof...(P)>{&typeid(std::remove_cvref_t<P>)...};
  }
  static constexpr auto kParameterTypes = types_of(std::type_identity<typename Type::Parameters>());

  static constexpr FunctionKind kind() {
    if (kIsMethod) return FunctionKind::kMethod;
    return kIsFactory && !ValueClass<Made> ? FunctionKind::kFactory : FunctionKind::kFunction;
  }
  static constexpr const std::type_info* owner() {
    if constexpr (kIsMethod) return &typeid(Class);
    if constexpr (kIsFactory) return &typeid(Made);
    return nullptr;
  }
  static constexpr ExecuteFunction executor() {
    if constexpr (kIsTask) return &execute;
    return nullptr;
  }
  static constexpr ConstructFunction constructor() {
    if constexpr (kIsFactory) return &construct;
    return nullptr;
  }

  static inline constinit FunctionEntry entry{kind(),
                                              &typeid(typename Target::Type),
                                              &typeid(Target),
                                              Target::pointer(),
                                              Target::kPointerBytes,
                                              {&typeid(Result), owner(), kParameterTypes},
                                              executor(),
                                              constructor()};
  /// Used by calls that need no macro: mentioning it links the entry in every program that
  /// contains the call, before main, so in its workers too.
  static inline const bool linked = link_function(entry);
};

template <auto... functions>
bool link_functions() noexcept {
  return (link_function(Function<AddressOf<functions>>::entry) && ...);
}

/// Odr-uses a static member, so that its initialiser is part of the program.
inline void mention(const bool&) {}

template <class F>
FunctionEntry& entry_of(F function) {
  static_assert(!std::is_member_function_pointer_v<F>,
                "a member function is called through an actor: handle.Task(&Class::method)");
  if constexpr (std::is_class_v<F>) {
    static_assert(std::is_empty_v<F> && std::is_default_constructible_v<F>,
                  "a lambda for ray::Task must not capture: pass what it needs as arguments");
    static_assert(CallableObject<F>, "a lambda for ray::Task must not be generic (no auto)");
    mention(Function<LambdaOf<F>>::linked);
    return Function<LambdaOf<F>>::entry;
  } else {
    static_assert(CallableType<F>::is_callable, "not a function");
    return entry_of_pointer(typeid(F), &function, sizeof(F));
  }
}
template <class F>
FunctionEntry& entry_of_method(F method) {
  return entry_of_pointer(typeid(F), &method, sizeof(F));
}
template <auto function>
FunctionEntry& entry_of() {
  mention(Function<AddressOf<function>>::linked);
  return Function<AddressOf<function>>::entry;
}

}  // namespace ray::internal

#define RAY_INTERNAL_JOIN_DIRECT(a, b) a##b
#define RAY_INTERNAL_JOIN(a, b) RAY_INTERNAL_JOIN_DIRECT(a, b)

/// Registers functions, factories and methods for remote calls; at namespace scope, in sources or
/// headers: RAY_REMOTE(Plus, Counter::Create, &Counter::Add).
#define RAY_REMOTE(...)                                                                       \
  [[maybe_unused]] static const bool RAY_INTERNAL_JOIN(ray_remote_registered_, __COUNTER__) = \
      ::ray::internal::link_functions<__VA_ARGS__>();

/// One of an overloaded set, by parameter types: RAY_FUNC(f), RAY_FUNC(f, int, double).
#define RAY_FUNC(function, ...) ::ray::internal::Pick<__VA_ARGS__>{}(function)
