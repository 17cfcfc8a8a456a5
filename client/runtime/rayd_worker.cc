// rayd-worker: the program that runs user code from a module (.so). It is a program linked with the
// client like any other; that it loads the module is all it does, and it does so as a constructor,
// so that the start hook parks it with the module's own constructors behind it.

#include <cstdio>
#include <cstdlib>
#include <string>

#include <dlfcn.h>
#include <unistd.h>

#include "common/wire/keeper_wire.h"

namespace {

[[gnu::constructor]] void load_module() {
  const char* variable = std::getenv(rayd::keeper::kModuleVariable);
  if (variable == nullptr) return;
  const std::string path = variable;
  unsetenv(rayd::keeper::kModuleVariable);
  if (dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL) != nullptr) return;
  std::fprintf(stderr, "rayd-worker: the module cannot be loaded: %s\n", dlerror());
  std::fflush(nullptr);
  _exit(1);
}

}  // namespace

int main() {
  std::fputs("rayd-worker runs the code of modules; rayd starts it, nobody else needs to.\n",
             stderr);
  return 2;
}
