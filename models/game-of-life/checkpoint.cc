#include "models/game-of-life/checkpoint.h"

#include <algorithm>
#include <bit>
#include <stdexcept>

#include "models/game-of-life/bits.h"
#include "models/lib/digest.h"

namespace ray::model::life {
namespace {

constexpr std::string_view kFirstLine = "rayd game-of-life checkpoint 1\n\n";  // 32 bytes
constexpr size_t kHeaderWords = 7;
constexpr int64_t kMostSide = int64_t{1} << 36;

void put_word(std::string& bytes, uint64_t word) {
  for (int i = 0; i < 8; ++i) bytes.push_back(static_cast<char>(word >> i * 8));
}

uint64_t take_word(std::string_view& bytes) {
  uint64_t word = 0;
  for (size_t i = 0; i < 8; ++i) word |= uint64_t{static_cast<uint8_t>(bytes[i])} << i * 8;
  bytes.remove_prefix(8);
  return word;
}

uint64_t digest_of(const BitGrid& cells) {
  uint64_t digest = 0;
  for (int64_t y = 0; y < cells.height(); ++y) {
    for (int64_t i = 0; i < cells.stride(); ++i) {
      for (uint64_t word = cells.row(y)[i]; word != 0; word &= word - 1) {
        const int64_t x = i * 64 + std::countr_zero(word);
        digest += digest_part({static_cast<uint64_t>(y * cells.width() + x), 1});
      }
    }
  }
  return digest;
}

[[noreturn]] void refuse(const char* why) { throw std::invalid_argument(why); }

}  // namespace

std::string encode_checkpoint(const Checkpoint& checkpoint) {
  const BitGrid& cells = checkpoint.cells;
  std::string bytes{kFirstLine};
  bytes.reserve(kFirstLine.size() + 8 * (kHeaderWords + cells.words().size()));
  for (const uint64_t word :
       {checkpoint.step, static_cast<uint64_t>(cells.width()),
        static_cast<uint64_t>(cells.height()), static_cast<uint64_t>(checkpoint.topology),
        uint64_t{checkpoint.rule.birth}, uint64_t{checkpoint.rule.survival}, digest_of(cells)}) {
    put_word(bytes, word);
  }
  for (const uint64_t word : cells.words()) put_word(bytes, word);
  return bytes;
}

Checkpoint decode_checkpoint(std::string_view bytes) {
  if (!bytes.starts_with(kFirstLine)) refuse("it does not begin as one");
  bytes.remove_prefix(kFirstLine.size());
  if (bytes.size() < 8 * kHeaderWords) refuse("it is cut short");
  Checkpoint checkpoint;
  checkpoint.step = take_word(bytes);
  const auto width = static_cast<int64_t>(take_word(bytes));
  const auto height = static_cast<int64_t>(take_word(bytes));
  const uint64_t topology = take_word(bytes);
  const uint64_t birth = take_word(bytes);
  const uint64_t survival = take_word(bytes);
  const uint64_t digest = take_word(bytes);
  if (width < 1 || height < 1 || width > kMostSide || height > kMostSide || topology > 1 ||
      birth > 511 || survival > 511) {
    refuse("its header is damaged");
  }
  // Before memory is taken for what it claims to be.
  const auto row_bytes = static_cast<uint64_t>((width + 63) / 64) * 8;
  const auto rows = static_cast<uint64_t>(height);
  if (bytes.size() / row_bytes < rows) refuse("it is cut short");
  if (bytes.size() != row_bytes * rows) refuse("it has more than its cells");
  checkpoint.topology = static_cast<Topology>(topology);
  checkpoint.rule = {static_cast<uint16_t>(birth), static_cast<uint16_t>(survival)};
  checkpoint.cells = BitGrid(width, height);
  for (uint64_t& word : checkpoint.cells.words()) word = take_word(bytes);
  const uint64_t inside = low_bits(width % 64 == 0 ? 64 : width % 64);
  for (int64_t y = 0; y < height; ++y) {
    if ((checkpoint.cells.row(y)[checkpoint.cells.stride() - 1] & ~inside) != 0) {
      refuse("it has cells beyond the edge");
    }
  }
  if (digest_of(checkpoint.cells) != digest) refuse("it is damaged: its digest is another");
  return checkpoint;
}

}  // namespace ray::model::life
