// Time as an input: cores receive it, shells read it (CLOCK_BOOTTIME), the simulator invents it.
#pragma once

#include <compare>
#include <cstdint>

namespace rayd {

struct Duration {
  int64_t ns = 0;
  constexpr auto operator<=>(const Duration&) const = default;
  static constexpr Duration micros(int64_t n) { return {n * 1'000}; }
  static constexpr Duration millis(int64_t n) { return {n * 1'000'000}; }
  static constexpr Duration seconds(int64_t n) { return {n * 1'000'000'000}; }
  constexpr Duration operator+(Duration d) const { return {ns + d.ns}; }
  constexpr Duration operator-(Duration d) const { return {ns - d.ns}; }
};

/// Nanoseconds of CLOCK_BOOTTIME. Deadlines travel between processes as remaining Durations.
struct Time {
  int64_t ns = 0;
  constexpr auto operator<=>(const Time&) const = default;
  constexpr Time operator+(Duration d) const { return {ns + d.ns}; }
  constexpr Time operator-(Duration d) const { return {ns - d.ns}; }
  constexpr Duration operator-(Time t) const { return {ns - t.ns}; }
};

/// Reads the clock. Shells only; the tidy test keeps it out of cores.
Time now_boottime();

/// The wall clock, for what people read. Shells only.
int64_t now_unix_ms();

}  // namespace rayd
