// The body of the kernel. Included once for each instruction set, by kernel.cc, which defines
//   LIFE_ISA     the namespace for this copy
//   LIFE_TARGET  the function attribute that allows the instruction set
//   LIFE_BYTES   the widest vector, 16, 32 or 64
// There is no include guard, and nothing but built-in types here: an inline function of a library
// compiled for AVX-512 could be the copy that the linker keeps for everybody.

namespace ray::model::life::LIFE_ISA {

#define LIFE_INLINE LIFE_TARGET static inline __attribute__((always_inline))

template <int bytes>
struct Lanes {
  typedef uint64_t Vector __attribute__((vector_size(bytes)));
  static constexpr int kWords = bytes / 8;
};

/// From any word's address.
template <class V>
LIFE_INLINE V load(const uint64_t* words) {
  V vector;
  __builtin_memcpy(&vector, words, sizeof vector);
  return vector;
}

/// Sums over a row, for each cell: with itself (0 … 3) and without (0 … 2), in binary.
template <class V>
struct RowSums {
  V ones3, twos3, ones2, twos2, cells;
};

template <class V>
LIFE_INLINE void add_row(const uint64_t* row, RowSums<V>& sums) {
  const V cells = load<V>(row);
  const V left = cells << 1 | load<V>(row - 1) >> 63;
  const V right = cells >> 1 | load<V>(row + 1) << 63;
  const V either = left ^ right;
  const V both = left & right;
  sums.ones2 = either;
  sums.twos2 = both;
  sums.ones3 = either ^ cells;
  sums.twos3 = both | (either & cells);
  sums.cells = cells;
}

/// The number of live neighbours of each cell, in binary.
template <class V>
struct Counts {
  V ones, twos, fours, eights;
};

template <class V>
LIFE_INLINE void add_rows(const RowSums<V>& above, const RowSums<V>& here, const RowSums<V>& below,
                          Counts<V>& counts) {
  const V ones = above.ones3 ^ below.ones3;
  counts.ones = ones ^ here.ones2;
  const V carry = (above.ones3 & below.ones3) | (ones & here.ones2);
  const V twos = above.twos3 ^ below.twos3;
  const V sum = twos ^ here.twos2;
  const V carry_sum = (above.twos3 & below.twos3) | (twos & here.twos2);
  counts.twos = sum ^ carry;
  const V carry_two = sum & carry;
  counts.fours = carry_sum ^ carry_two;
  counts.eights = carry_sum & carry_two;
}

/// B3/S23: alive next with 3 neighbours, or with 2 when alive.
struct Conway {
  explicit Conway(const Rule&) {}
};
template <class V>
LIFE_INLINE V next_cells(const Conway&, const Counts<V>& n, const V& cells) {
  return n.twos & ~n.fours & (n.ones | cells);
}

/// Any rule: the answer for each count, and a tree of choices by the bits of the count.
struct AnyRule {
  uint64_t dead[9];        // all ones where a dead cell is born
  uint64_t difference[9];  // all ones where a live cell's answer is another
  explicit AnyRule(const Rule& rule) {
    for (int n = 0; n < 9; ++n) {
      dead[n] = rule.birth >> n & 1 ? ~uint64_t{0} : 0;
      difference[n] = dead[n] ^ (rule.survival >> n & 1 ? ~uint64_t{0} : 0);
    }
  }
};
template <class V>
LIFE_INLINE V choose(const V& bit, const V& one, const V& zero) {
  return zero ^ (bit & (one ^ zero));
}
template <class V>
LIFE_INLINE V next_cells(const AnyRule& rule, const Counts<V>& n, const V& cells) {
  V answer[9];
  for (int i = 0; i < 9; ++i) answer[i] = (cells & rule.difference[i]) ^ rule.dead[i];
  const V by1[4] = {choose(n.ones, answer[1], answer[0]), choose(n.ones, answer[3], answer[2]),
                    choose(n.ones, answer[5], answer[4]), choose(n.ones, answer[7], answer[6])};
  const V by2[2] = {choose(n.twos, by1[1], by1[0]), choose(n.twos, by1[3], by1[2])};
  return choose(n.eights, answer[8], choose(n.fours, by2[1], by2[0]));
}

/// A strip of one vector's width, from top to bottom; the sums of a row are used three times.
template <class L, class R>
LIFE_INLINE void step_strip(const StepArea& area, int64_t word, const R& rule) {
  using V = typename L::Vector;
  const uint64_t* from = area.from + word;
  uint64_t* to = area.to + word;
  const int64_t stride = area.stride;
  RowSums<V> above, here, below;
  Counts<V> counts;
  add_row(from - stride, above);
  add_row(from, here);
  for (int64_t y = 0; y < area.rows; ++y) {
    from += stride;
    add_row(from, below);
    add_rows(above, here, below, counts);
    const V next = next_cells(rule, counts, here.cells);
    __builtin_memcpy(to, &next, sizeof next);
    to += stride;
    above = here;
    here = below;
  }
}

template <class R>
LIFE_TARGET void step_block(const StepArea& area, const R& rule) {
  int64_t word = 0;
  using Widest = Lanes<LIFE_BYTES>;
  for (; word + Widest::kWords <= area.words; word += Widest::kWords) {
    step_strip<Widest>(area, word, rule);
  }
#if LIFE_BYTES > 32
  for (; word + 4 <= area.words; word += 4) step_strip<Lanes<32>>(area, word, rule);
#endif
#if LIFE_BYTES > 16
  for (; word + 2 <= area.words; word += 2) step_strip<Lanes<16>>(area, word, rule);
#endif
  for (; word < area.words; ++word) step_strip<Lanes<8>>(area, word, rule);
}

/// Blocks of rows that stay in the first cache while strip after strip passes over them.
template <class R>
LIFE_TARGET void step_blocks(const StepArea& area, const R& rule) {
  constexpr int64_t kBlockRows = 64;
  for (int64_t y = 0; y < area.rows; y += kBlockRows) {
    StepArea block = area;
    block.from += y * area.stride;
    block.to += y * area.stride;
    block.rows = area.rows - y < kBlockRows ? area.rows - y : kBlockRows;
    step_block(block, rule);
  }
}

LIFE_TARGET void step(const StepArea& area, const Rule& rule) {
  if (rule.birth == 1 << 3 && rule.survival == ((1 << 2) | (1 << 3))) {
    step_blocks(area, Conway(rule));
  } else {
    step_blocks(area, AnyRule(rule));
  }
}

#undef LIFE_INLINE

}  // namespace ray::model::life::LIFE_ISA

#undef LIFE_ISA
#undef LIFE_TARGET
#undef LIFE_BYTES
