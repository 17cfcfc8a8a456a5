// A module that cannot be loaded: it needs a function that nobody has.

namespace process_test {
int nobody_defines_this();
struct Constructed {
  Constructed() { value = nobody_defines_this(); }
  int value;
};
Constructed constructed;
}  // namespace process_test
