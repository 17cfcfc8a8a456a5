// rng-v1: chance as a pure function of what is being decided, never of who decides it or when.
//
// draw(seed, stream, step, id, n) is one block of Philox4x32-10 (Salmon, Moraes, Dror, Shaw:
// "Parallel random numbers: as easy as 1, 2, 3", SC11). The arguments are its key and counter, so
// there is no state to carry, share or save: any thread may compute any draw, in any order.
#pragma once

#include <cmath>
#include <compare>
#include <cstdint>

namespace ray::model {

/// What a draw decides; 16 … 65535 are for models of users.
enum class Stream : uint16_t {
  kInit = 0,
  kTransition = 1,
  kMove = 2,
  kTarget = 4,
  kDesign = 5,
  kData = 6,
};

struct Draw {
  uint64_t a = 0;
  uint64_t b = 0;
  friend auto operator<=>(const Draw&, const Draw&) = default;
};

/// What is being decided: at `step` (t: the step from t to t+1), for the cell or agent `id`, the
/// `n`-th decision of its kind.
struct Decision {
  Stream stream = Stream::kInit;
  uint32_t step = 0;
  uint64_t id = 0;
  uint16_t n = 0;
};

inline Draw draw(uint64_t seed, const Decision& decision) {
  constexpr uint32_t kMultiplier0 = 0xD2511F53, kMultiplier1 = 0xCD9E8D57;
  constexpr uint32_t kWeyl0 = 0x9E3779B9, kWeyl1 = 0xBB67AE85;
  uint32_t key0 = static_cast<uint32_t>(seed);
  uint32_t key1 = static_cast<uint32_t>(seed >> 32);
  uint32_t c0 = static_cast<uint32_t>(decision.id);
  uint32_t c1 = static_cast<uint32_t>(decision.id >> 32);
  uint32_t c2 = decision.step;
  uint32_t c3 = static_cast<uint32_t>(decision.stream) << 16 | decision.n;
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = uint64_t{kMultiplier0} * c0;
    const uint64_t product1 = uint64_t{kMultiplier1} * c2;
    c0 = static_cast<uint32_t>(product1 >> 32) ^ c1 ^ key0;
    c1 = static_cast<uint32_t>(product1);
    c2 = static_cast<uint32_t>(product0 >> 32) ^ c3 ^ key1;
    c3 = static_cast<uint32_t>(product0);
    key0 += kWeyl0;
    key1 += kWeyl1;
  }
  return {c0 | uint64_t{c1} << 32, c2 | uint64_t{c3} << 32};
}

/// An event of probability p as an integer threshold. Computed once, by the driver, and shipped:
/// floating point is not the same everywhere, integers are.
class Chance {
 public:
  Chance() = default;
  explicit Chance(double p) {
    if (p >= 1) {
      always_ = true;
    } else if (p > 0) {  // not for NaN
      threshold_ = static_cast<uint64_t>(std::ldexp(p, 64));
    }
  }

  /// The chance that another one was: its threshold() and certain() shipped as integers.
  struct Shipped {
    uint64_t threshold = 0;
    bool certain = false;
  };
  explicit Chance(const Shipped& shipped)
      : threshold_(shipped.threshold), always_(shipped.certain) {}

  bool hit(uint64_t draw) const { return always_ || draw < threshold_; }
  bool certain() const { return always_; }
  uint64_t threshold() const { return threshold_; }

 private:
  uint64_t threshold_ = 0;
  bool always_ = false;
};

/// Uniform in 0 … n−1: the high 64 bits of the 128-bit product.
inline uint64_t uniform_below(uint64_t n, uint64_t draw) {
  __extension__ using Wide = unsigned __int128;
  return static_cast<uint64_t>((static_cast<Wide>(draw) * n) >> 64);
}

}  // namespace ray::model
