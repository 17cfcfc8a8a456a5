// A second file with registrations: one stands on the same line as one of api_registry_test.cc,
// which Ray would lose.
#include "tests/unit/client/api_registry_shared.h"

namespace other {
int here(int x) { return x + 1; }
extern const int registered_at;
}  // namespace other

// Both files register in line 11; a test compares the lines.
RAY_REMOTE(other::here);
const int other::registered_at = __LINE__;
