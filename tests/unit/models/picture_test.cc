#include <gif_lib.h>
#include <png.h>

#include <cstring>

#include "models/lib/gif_file.h"
#include "models/lib/png_file.h"
#include "tests/unit/catch.h"

using namespace ray::model;
using ray::Image;

namespace {

Image striped(uint32_t colours) {
  Image image;
  image.width = 37;
  image.height = 11;
  for (uint32_t i = 0; i < colours; ++i) {
    image.palette.push_back({static_cast<uint8_t>(i * 3), static_cast<uint8_t>(255 - i), 7});
  }
  for (uint32_t i = 0; i < image.width * image.height; ++i) {
    image.pixels.push_back(static_cast<uint8_t>(i % colours));
  }
  return image;
}

std::vector<uint8_t> rgb(const Image& image) {
  std::vector<uint8_t> bytes;
  for (const uint8_t pixel : image.pixels) {
    const Image::Colour colour = image.palette[pixel];
    bytes.insert(bytes.end(), {colour.red, colour.green, colour.blue});
  }
  return bytes;
}

std::vector<uint8_t> png_rgb(const std::string& file) {
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  REQUIRE(png_image_begin_read_from_memory(&png, file.data(), file.size()));
  png.format = PNG_FORMAT_RGB;
  std::vector<uint8_t> bytes(PNG_IMAGE_SIZE(png));
  REQUIRE(png_image_finish_read(&png, nullptr, bytes.data(), 0, nullptr));
  return bytes;
}

struct Reader {
  std::string file;
  size_t at = 0;
};
int read_bytes(GifFileType* gif, GifByteType* to, int size) {
  auto* reader = static_cast<Reader*>(gif->UserData);
  const size_t count = std::min(static_cast<size_t>(size), reader->file.size() - reader->at);
  std::memcpy(to, reader->file.data() + reader->at, count);
  reader->at += count;
  return static_cast<int>(count);
}

}  // namespace

TEST_CASE("a PNG holds the pixels that were given, at every depth") {
  for (const uint32_t colours : {2u, 3u, 16u, 17u, 256u}) {
    CAPTURE(colours);
    const Image image = striped(colours);
    CHECK(png_rgb(encode_png(image)) == rgb(image));
  }
}

TEST_CASE("a GIF holds its frames in order") {
  Image image = striped(5);
  GifWriter writer(image);
  writer.add(image, {10});
  std::vector<std::vector<uint8_t>> given{image.pixels};
  for (uint8_t& pixel : image.pixels) pixel = static_cast<uint8_t>((pixel + 1) % 5);
  writer.add(image, {20});
  given.push_back(image.pixels);
  Reader reader{writer.finish()};
  int error = 0;
  GifFileType* gif = DGifOpen(&reader, read_bytes, &error);
  REQUIRE(gif != nullptr);
  REQUIRE(DGifSlurp(gif) == GIF_OK);
  CHECK(gif->SWidth == 37);
  CHECK(gif->SHeight == 11);
  REQUIRE(gif->ImageCount == 2);
  CHECK(gif->SColorMap->Colors[4].Red == 12);
  for (int i = 0; i < 2; ++i) {
    const GifByteType* raster = gif->SavedImages[i].RasterBits;
    CHECK(std::vector<uint8_t>(raster, raster + 37 * 11) == given[static_cast<size_t>(i)]);
    GraphicsControlBlock control{};
    CHECK(DGifSavedExtensionToGCB(gif, i, &control) == GIF_OK);
    CHECK(control.DelayTime == 10 + 10 * i);
  }
  DGifCloseFile(gif, &error);
}

TEST_CASE("pictures that are not well made are refused") {
  CHECK_THROWS_AS(encode_png(Image{}), std::invalid_argument);
  Image image = striped(3);
  image.pixels[5] = 3;
  CHECK_THROWS_AS(encode_png(image), std::invalid_argument);
  image = striped(3);
  image.pixels.pop_back();
  CHECK_THROWS_AS(encode_png(image), std::invalid_argument);
  image = striped(3);
  GifWriter writer(image);
  image.height = 10;
  image.pixels.resize(370);
  CHECK_THROWS_AS(writer.add(image, {1}), std::invalid_argument);
}
