// Registered in a header that two files include: one function.
#pragma once

#include "ray/api.h"

namespace shared {
inline int in_header(int x) { return x; }
}  // namespace shared
RAY_REMOTE(shared::in_header);
