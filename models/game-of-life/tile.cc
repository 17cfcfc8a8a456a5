#include "models/game-of-life/tile.h"

#include <algorithm>
#include <bit>

#include "models/game-of-life/bits.h"
#include "models/lib/digest.h"

namespace ray::model::life {
namespace {

constexpr int64_t kLine = 8;  // words of a cache line

int64_t odd_lines(int64_t words) {
  const int64_t lines = (words + kLine - 1) / kLine;
  return (lines | 1) * kLine;
}

uint64_t* aligned(uint64_t* words) {
  const auto address = reinterpret_cast<uintptr_t>(words);
  return words + (64 - address % 64) % 64 / 8;
}

}  // namespace

Tile::Tile(const Tiling& tiling, int64_t tile, int64_t halo)
    : size_(tiling.size()),
      topology_(tiling.topology()),
      block_(tiling.block(tile)),
      halo_(halo),
      words_((block_.width + 2 * halo + 63) / 64),
      stride_(odd_lines(words_)) {
  // Two grids, each after a line that the kernel reads before the first word and before the last.
  const int64_t grid = (block_.height + 2 * halo_) * stride_ + kLine;
  storage_.resize(static_cast<size_t>(2 * grid + 3 * kLine));
  cells_ = aligned(storage_.data()) + kLine;
  next_ = cells_ + grid;
  if (topology_ == Topology::kTorus) return;
  for (int64_t word = 0; word < words_; ++word) {
    // Columns of the grid in this word, as bits from `first` to `last`.
    const int64_t column = block_.x - halo_ + word * 64;
    const int64_t first = std::clamp<int64_t>(-column, 0, 64);
    const int64_t last = std::clamp<int64_t>(size_.width - column, 0, 64);
    const uint64_t inside = first < last ? low_bits(last) & ~low_bits(first) : 0;
    if (~inside != 0) outside_.push_back({word, inside});
  }
}

void Tile::fill(const RandomStart& start) {
  for (int64_t y = 0; y < block_.height; ++y) {
    const int64_t first = (block_.y + y) * size_.width + block_.x;
    for (int64_t x = 0; x < block_.width; x += 64) {
      const int64_t count = std::min<int64_t>(64, block_.width - x);
      uint64_t bits = 0;
      for (int64_t i = 0; i < count; ++i) {
        const Decision decision{.id = static_cast<uint64_t>(first + x + i)};
        bits |= uint64_t{start.chance.hit(draw(start.seed, decision).a)} << i;
      }
      put_bits(row(y), bit(x), bits, count);
    }
  }
}

void Tile::draw_runs(std::span<const Run> runs) {
  for (const Run& run : runs) {
    const int64_t y = run.y - block_.y;
    if (y < 0 || y >= block_.height) continue;
    const int64_t from = std::max<int64_t>(run.x - block_.x, 0);
    const int64_t to = std::min(run.x - block_.x + run.length, block_.width);
    for (int64_t x = from; x < to; x += 64) {
      put_bits(row(y), bit(x), ~uint64_t{0}, std::min<int64_t>(64, to - x));
    }
  }
}

void Tile::fill(std::span<const uint64_t> grid) {
  const auto stride = static_cast<size_t>((size_.width + 63) / 64);
  std::vector<uint64_t> line(stride + 1);  // bits_at may look at the word behind the last
  for (int64_t y = 0; y < block_.height; ++y) {
    const auto from = grid.subspan(static_cast<size_t>(block_.y + y) * stride, stride);
    std::copy(from.begin(), from.end(), line.begin());
    for (int64_t x = 0; x < block_.width; x += 64) {
      const int64_t count = std::min<int64_t>(64, block_.width - x);
      put_bits(row(y), bit(x), bits_at(line.data(), block_.x + x), count);
    }
  }
}

Block Tile::edge_block(Direction direction) const {
  const auto [dx, dy] = std::pair(direction.dx(), direction.dy());
  return {dx > 0 ? block_.width - halo_ : 0, dy > 0 ? block_.height - halo_ : 0,
          dx == 0 ? block_.width : halo_, dy == 0 ? block_.height : halo_};
}

int64_t Tile::edge_words(Direction direction) const {
  const Block edge = edge_block(direction);
  return (edge.width + 63) / 64 * edge.height;
}

void Tile::append_edge(Direction direction, std::vector<uint64_t>& to) const {
  const Block edge = edge_block(direction);
  for (int64_t y = edge.y; y < edge.y + edge.height; ++y) {
    for (int64_t x = 0; x < edge.width; x += 64) {
      const uint64_t bits = bits_at(row(y), bit(edge.x + x));
      to.push_back(bits & low_bits(edge.width - x));
    }
  }
}

void Tile::put_halo(Direction direction, std::span<const uint64_t> edge) {
  const Block shape = edge_block(direction);
  const int64_t left = direction.dx() < 0 ? -halo_ : direction.dx() > 0 ? block_.width : 0;
  const int64_t top = direction.dy() < 0 ? -halo_ : direction.dy() > 0 ? block_.height : 0;
  const uint64_t* bits = edge.data();
  for (int64_t y = top; y < top + shape.height; ++y) {
    for (int64_t x = 0; x < shape.width; x += 64) {
      put_bits(row(y), bit(left + x), *bits++, std::min<int64_t>(64, shape.width - x));
    }
  }
}

void Tile::step(const Kernel& kernel, const Rule& rule, int64_t number) {
  // Rows beyond the edge of a bounded grid are dead in both buffers and never computed.
  int64_t top = number - halo_;
  int64_t bottom = block_.height + halo_ - number;
  if (topology_ == Topology::kBounded) {
    top = std::max(top, -block_.y);
    bottom = std::min(bottom, size_.height - block_.y);
  }
  uint64_t* to = next_ + (top + halo_) * stride_;
  kernel.step({row(top), to, stride_, bottom - top, words_}, rule);
  clear_outside(to, bottom - top);
  std::swap(cells_, next_);
}

void Tile::clear_outside(uint64_t* first_row, int64_t rows) const {
  for (const Mask& mask : outside_) {
    uint64_t* word = first_row + mask.word;
    for (int64_t y = 0; y < rows; ++y, word += stride_) *word &= mask.inside;
  }
}

int64_t Tile::population() const {
  int64_t population = 0;
  for (int64_t y = 0; y < block_.height; ++y) {
    for (int64_t x = 0; x < block_.width; x += 64) {
      population += std::popcount(bits_at(row(y), bit(x)) & low_bits(block_.width - x));
    }
  }
  return population;
}

uint64_t Tile::digest() const {
  uint64_t digest = 0;
  for (int64_t y = 0; y < block_.height; ++y) {
    const int64_t first = (block_.y + y) * size_.width + block_.x;
    for (int64_t x = 0; x < block_.width; x += 64) {
      uint64_t bits = bits_at(row(y), bit(x)) & low_bits(block_.width - x);
      for (; bits != 0; bits &= bits - 1) {
        digest += digest_part({static_cast<uint64_t>(first + x + std::countr_zero(bits)), 1});
      }
    }
  }
  return digest;
}

void Tile::append_cells(std::vector<uint64_t>& to) const {
  for (int64_t y = 0; y < block_.height; ++y) {
    for (int64_t x = 0; x < block_.width; x += 64) {
      to.push_back(bits_at(row(y), bit(x)) & low_bits(block_.width - x));
    }
  }
}

void Tile::append_densities(int64_t scale, std::vector<uint32_t>& to) const {
  const int64_t left = block_.x / scale;
  const int64_t top = block_.y / scale;
  const int64_t across = (block_.x + block_.width - 1) / scale - left + 1;
  const int64_t down = (block_.y + block_.height - 1) / scale - top + 1;
  const size_t begin = to.size();
  to.resize(begin + static_cast<size_t>(across * down));
  for (int64_t y = 0; y < block_.height; ++y) {
    uint32_t* densities = to.data() + begin + ((block_.y + y) / scale - top) * across;
    for (int64_t i = 0; i < across; ++i) {
      const int64_t from = std::max<int64_t>((left + i) * scale - block_.x, 0);
      const int64_t end = std::min((left + i + 1) * scale - block_.x, block_.width);
      for (int64_t x = from; x < end; x += 64) {
        const uint64_t bits = bits_at(row(y), bit(x)) & low_bits(end - x);
        densities[i] += static_cast<uint32_t>(std::popcount(bits));
      }
    }
  }
}

}  // namespace ray::model::life
