// Linked into a program that says nothing but ray::Init(): runs it in local_mode, unchanged.
#include "ray/internal/runtime.h"

namespace {

std::shared_ptr<ray::internal::Runtime> make_local(const ray::RayConfig& config) {
  ray::RayConfig local = config;
  local.local_mode = true;
  return ray::internal::make_runtime(local);
}

const bool registered = [] {
  ray::internal::set_runtime_factory(make_local);
  return true;
}();

}  // namespace
