// The version, as `rayctl version` shows it; the build sets it from meson.build.
#pragma once

namespace rayd::cli {
#ifdef RAYD_VERSION
inline constexpr char kVersion[] = RAYD_VERSION;
#else
inline constexpr char kVersion[] = "unknown";
#endif
}  // namespace rayd::cli
