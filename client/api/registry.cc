// The registry of remote functions, and the cache of their templates.
#include <cxxabi.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <unordered_map>

#include "client/api/current_runtime.h"
#include "client/api/function_name.h"
#include "ray/internal/function.h"

namespace ray::internal {
namespace {

/// Entries linked so far, newest first. Constant-initialised: usable by every static initialiser.
constinit std::atomic<FunctionEntry*> linked_entries{nullptr};

using Key = std::pair<std::string, std::string>;

/// The value of a function pointer. Member function pointers have 16 bytes.
struct PointerKey {
  const std::type_info* type = nullptr;
  uint64_t words[2] = {0, 0};

  static PointerKey of(const std::type_info& type, const void* pointer, size_t bytes) {
    PointerKey key;
    key.type = &type;
    std::memcpy(key.words, pointer, std::min(bytes, sizeof key.words));
    return key;
  }
  bool operator==(const PointerKey& other) const {
    return words[0] == other.words[0] && words[1] == other.words[1] && *type == *other.type;
  }
};
struct PointerKeyHash {
  size_t operator()(const PointerKey& key) const noexcept {
    return (key.words[0] * 31 + key.words[1]) * 0x9E3779B97F4A7C15u;
  }
};

class Registry {
 public:
  /// Never destroyed: threads may outlive static destruction.
  static Registry& get() {
    static Registry& registry = *new Registry;
    return registry;
  }

  std::vector<const FunctionEntry*> all() {
    const std::lock_guard lock(mutex_);
    refresh();
    std::vector<const FunctionEntry*> entries;
    entries.reserve(by_name_.size());
    for (const auto& [key, entry] : by_name_) entries.push_back(entry);
    return entries;
  }

  const FunctionEntry* find(std::string_view name, std::string_view type) {
    const std::lock_guard lock(mutex_);
    refresh();
    const auto it = by_name_.find(Key(name, type));
    return it == by_name_.end() ? nullptr : it->second;
  }

  FunctionEntry* find(const PointerKey& key) {
    const std::lock_guard lock(mutex_);
    refresh();
    const auto it = by_pointer_.find(key);
    return it == by_pointer_.end() ? nullptr : it->second;
  }

  std::vector<std::string> errors() {
    const std::lock_guard lock(mutex_);
    refresh();
    return errors_;
  }

  void name(const FunctionEntry& entry) {
    const std::lock_guard lock(mutex_);
    if (entry.info.load(std::memory_order_acquire) == nullptr)
      const_cast<FunctionEntry&>(entry).info.store(make_info(entry), std::memory_order_release);
  }

 private:
  void refresh() {
    FunctionEntry* newest = linked_entries.load(std::memory_order_acquire);
    for (FunctionEntry* entry = newest; entry != seen_; entry = entry->next) add(*entry);
    seen_ = newest;
  }

  void add(FunctionEntry& entry) {
    if (entry.info.load(std::memory_order_acquire) == nullptr)
      entry.info.store(make_info(entry), std::memory_order_release);
    const FunctionInfo& info = *entry.info.load(std::memory_order_acquire);
    if (entry.pointer != nullptr)
      by_pointer_.emplace(PointerKey::of(*entry.pointer_type, entry.pointer, entry.pointer_bytes),
                          &entry);
    const auto [it, added] = by_name_.emplace(Key(info.name, info.type), &entry);
    if (added || same_function(*it->second, entry)) return;
    errors_.push_back("two different functions are registered as " + info.name + " of type " +
                      info.type + ": rename one, or put it into a namespace");
  }

  static bool same_function(const FunctionEntry& a, const FunctionEntry& b) {
    return a.pointer != nullptr && b.pointer != nullptr && a.pointer_bytes == b.pointer_bytes &&
           std::memcmp(a.pointer, b.pointer, a.pointer_bytes) == 0;
  }

  static const FunctionInfo* make_info(const FunctionEntry& entry) {
    auto* info = new FunctionInfo;
    info->name = function_name_of(demangle(*entry.symbol));
    info->type = type_text_of(demangle(*entry.pointer_type));
    info->kind = entry.kind;
    if (entry.signature.owner != nullptr)
      info->class_name = type_text_of(demangle(*entry.signature.owner));
    for (const std::type_info* parameter : entry.signature.parameters)
      info->parameters.push_back(type_text_of(demangle(*parameter)));
    info->result = entry.kind == FunctionKind::kFactory
                       ? info->class_name
                       : type_text_of(demangle(*entry.signature.result));
    return info;
  }

  std::mutex mutex_;
  FunctionEntry* seen_ = nullptr;
  std::map<Key, FunctionEntry*> by_name_;
  std::unordered_map<PointerKey, FunctionEntry*, PointerKeyHash> by_pointer_;
  std::vector<std::string> errors_;
};

}  // namespace

bool link_function(FunctionEntry& entry) noexcept {
  if (entry.linked) return true;  // static initialisation has one thread
  entry.linked = true;
  entry.next = linked_entries.load(std::memory_order_relaxed);
  while (!linked_entries.compare_exchange_weak(entry.next, &entry, std::memory_order_release)) {
  }
  return true;
}

const FunctionInfo& function_info(const FunctionEntry& entry) {
  if (entry.info.load(std::memory_order_acquire) == nullptr) Registry::get().name(entry);
  return *entry.info.load(std::memory_order_acquire);
}

std::vector<const FunctionEntry*> registered_functions() { return Registry::get().all(); }

const FunctionEntry* find_function(std::string_view name, std::string_view type) {
  return Registry::get().find(name, type);
}

FunctionEntry& entry_of_pointer(const std::type_info& pointer_type, const void* pointer,
                                size_t pointer_bytes) {
  struct Slot {
    PointerKey key;
    FunctionEntry* entry = nullptr;
  };
  // Entries are for ever, so what a thread has found once stays right.
  thread_local std::array<Slot, 64> cache;
  const PointerKey key = PointerKey::of(pointer_type, pointer, pointer_bytes);
  Slot& slot = cache[PointerKeyHash()(key) >> 58];
  if (slot.entry != nullptr && slot.key.type == key.type && slot.key.words[0] == key.words[0] &&
      slot.key.words[1] == key.words[1])
    return *slot.entry;
  FunctionEntry* entry = Registry::get().find(key);
  if (entry == nullptr)
    throw_error(ErrorCode::kFunctionNotFound,
                "this function of type " + type_text_of(demangle(pointer_type)) +
                    " is not registered: add RAY_REMOTE(function) at namespace scope (with "
                    "RAY_FUNC(function, parameter types…) if it is overloaded)");
  slot = {key, entry};
  return *entry;
}

std::vector<std::string> registration_errors() { return Registry::get().errors(); }

std::string demangle(const std::type_info& type) {
  const char* name = type.name();
  if (*name == '*') ++name;
  int status = 0;
  char* text = abi::__cxa_demangle(name, nullptr, nullptr, &status);
  std::string result = text != nullptr ? text : name;
  std::free(text);
  return result;
}

}  // namespace ray::internal
