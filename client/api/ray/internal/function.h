// The registry of remote functions: what RAY_REMOTE and ray::Task(lambda) put into this program.
//
//   static initialisers link entries (constant-initialised, never moved)
//   └─ the first look-up names them, sorts them by (name, type) and finds clashes
//
// A function's key is its qualified name and demangled type; the runtime adds the image's hash.
// The same name and type with two different functions is an error that Init throws. Modules loaded
// later link more entries; indices and pointers handed out before stay valid. Thread-safe.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <typeinfo>
#include <vector>

#include "ray/internal/runtime.h"

namespace ray::internal {

class ActorInstance;
class ResultSink;

enum class FunctionKind : uint8_t { kFunction, kFactory, kMethod };

/// What people and remote callers see of a function.
struct FunctionInfo {
  std::string name;  // "geometry::Counter::Add"
  std::string type;  // "int (geometry::Counter::*)(int)"
  FunctionKind kind = FunctionKind::kFunction;
  std::string class_name;               // factories and methods
  std::vector<std::string> parameters;  // demangled, without references and const
  std::string result;                   // demangled; a factory's: the class
};

/// The types of a signature, from which names are made when somebody asks.
struct Signature {
  const std::type_info* result = nullptr;
  const std::type_info* owner = nullptr;  // the class of a factory or method
  std::span<const std::type_info* const> parameters;
};

using ExecuteFunction = void (*)(ActorInstance* instance, std::span<const FetchedValue> arguments,
                                 ResultSink& sink);
using ConstructFunction = void (*)(std::span<const FetchedValue> arguments,
                                   ActorInstance& instance);

/// One registered function; static, constant-initialised, one per program.
struct FunctionEntry {
  FunctionKind kind;
  const std::type_info* pointer_type;  // of the function pointer; a lambda: its own type
  const std::type_info* symbol;        // a type whose name contains the function's
  const void* pointer;                 // where the function pointer's bytes are; null for a lambda
  size_t pointer_bytes;
  Signature signature;
  ExecuteFunction execute;      // functions and methods; null if the result cannot travel
  ConstructFunction construct;  // factories

  // The registry's.
  FunctionEntry* next = nullptr;
  bool linked = false;
  std::atomic<const FunctionInfo*> info{nullptr};
  /// Cache of the current runtime's template with default options: generation << 32 | id.
  std::atomic<uint64_t> default_template{0};
};

/// For static initialisers; linking twice does nothing. Returns true.
bool link_function(FunctionEntry& entry) noexcept;

/// Never dies.
const FunctionInfo& function_info(const FunctionEntry& entry);

/// All functions by (name, type).
std::vector<const FunctionEntry*> registered_functions();

/// The function that a remote caller names; null if this program does not have it.
const FunctionEntry* find_function(std::string_view name, std::string_view type);

/// The entry of a function pointer. Throws RayFunctionNotFound that says to use RAY_REMOTE.
FunctionEntry& entry_of_pointer(const std::type_info& pointer_type, const void* pointer,
                                size_t pointer_bytes);

/// One line a clash; empty: fine. Init and a worker's start refuse to go on otherwise.
std::vector<std::string> registration_errors();

/// The template of this call in the current runtime, registered at its first use.
TemplateId default_template(FunctionEntry& entry, CallKind kind);
TemplateId template_of(const CallTemplate& definition);

std::string demangle(const std::type_info& type);

}  // namespace ray::internal
