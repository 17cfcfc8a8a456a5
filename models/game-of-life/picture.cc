#include "models/game-of-life/picture.h"

#include <algorithm>
#include <bit>

#include "models/game-of-life/bits.h"

namespace ray::model::life {
namespace {

constexpr int64_t kMostSide = 4096;  // pixels of a picture of the end
constexpr int64_t kSmallSide = 512;  // what small pictures are enlarged to
constexpr uint32_t kShades = 15;

/// From the dark of dead cells to the light of live ones.
std::vector<Image::Colour> palette(int64_t scale) {
  constexpr int kDead[] = {13, 17, 23};
  constexpr int kAlive[] = {255, 214, 102};
  const int shades = scale == 1 ? 1 : static_cast<int>(kShades);
  std::vector<Image::Colour> colours{{kDead[0], kDead[1], kDead[2]}};
  for (int shade = 1; shade <= shades; ++shade) {
    // The faintest shade is well above the dark: one live cell must be seen.
    const int part = 4 + (12 * shade) / shades;  // of 16
    uint8_t mixed[3];
    for (int i = 0; i < 3; ++i) {
      mixed[i] = static_cast<uint8_t>(kDead[i] + (kAlive[i] - kDead[i]) * part / 16);
    }
    colours.push_back({mixed[0], mixed[1], mixed[2]});
  }
  return colours;
}

/// Square-rooted, since most squares are sparse: the least s with s² / 15² ≥ density / area.
uint8_t shade_of(uint32_t density, int64_t scale) {
  if (scale == 1) return density != 0;
  const uint64_t area = static_cast<uint64_t>(scale) * static_cast<uint64_t>(scale);
  uint32_t shade = 0;
  while (shade < kShades &&
         uint64_t{shade} * shade * area < uint64_t{density} * kShades * kShades) {
    ++shade;
  }
  return static_cast<uint8_t>(shade);
}

}  // namespace

Image picture_of(const Ledger::Frame& frame, int64_t scale) {
  const int64_t zoom = std::max<int64_t>(1, kSmallSide / std::max(frame.width, frame.height));
  Image image;
  image.width = static_cast<uint32_t>(frame.width * zoom);
  image.height = static_cast<uint32_t>(frame.height * zoom);
  image.palette = palette(scale);
  image.pixels.reserve(size_t{image.width} * image.height);
  std::vector<uint8_t> row(image.width);
  for (int64_t y = 0; y < frame.height; ++y) {
    for (int64_t x = 0; x < frame.width; ++x) {
      const uint32_t density = frame.densities[static_cast<size_t>(y * frame.width + x)];
      const auto at = row.begin() + x * zoom;
      std::fill(at, at + zoom, shade_of(density, scale));
    }
    for (int64_t i = 0; i < zoom; ++i) {
      image.pixels.insert(image.pixels.end(), row.begin(), row.end());
    }
  }
  return image;
}

Image picture_of(const BitGrid& cells) {
  const int64_t side = std::max(cells.width(), cells.height());
  const int64_t scale = (side + kMostSide - 1) / kMostSide;
  const Block pixels = frame_block({0, 0, cells.width(), cells.height()}, scale);
  Ledger::Frame frame{0, pixels.width, pixels.height, {}};
  frame.densities.resize(static_cast<size_t>(pixels.width * pixels.height));
  for (int64_t y = 0; y < cells.height(); ++y) {
    uint32_t* densities = frame.densities.data() + y / scale * pixels.width;
    for (int64_t x = 0; x < cells.width(); x += 64) {
      uint64_t bits = cells.row(y)[x / 64];
      for (; bits != 0; bits &= bits - 1) ++densities[(x + std::countr_zero(bits)) / scale];
    }
  }
  return picture_of(frame, scale);
}

}  // namespace ray::model::life
