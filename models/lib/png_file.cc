#include "models/lib/png_file.h"

#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <stdexcept>

namespace ray::model {
namespace {

void append(png_structp png, png_bytep data, size_t size) {
  static_cast<std::string*>(png_get_io_ptr(png))->append(reinterpret_cast<char*>(data), size);
}
void flush(png_structp) {}

void fail(png_structp png, png_const_charp) { png_longjmp(png, 1); }
void ignore(png_structp, png_const_charp) {}

/// False when libpng gave up. It does so by longjmp, hence no object with a destructor lives here.
bool write_image(png_structp png, png_infop info, const Image& image,
                 const std::vector<png_color>& palette) {
  if (setjmp(png_jmpbuf(png))) return false;
  const size_t colours = palette.size();
  const int depth = colours <= 2 ? 1 : colours <= 4 ? 2 : colours <= 16 ? 4 : 8;
  png_set_IHDR(png, info, image.width, image.height, depth, PNG_COLOR_TYPE_PALETTE,
               PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_set_PLTE(png, info, palette.data(), static_cast<int>(colours));
  png_set_filter(png, 0, PNG_FILTER_NONE);
  png_write_info(png, info);
  png_set_packing(png);
  for (uint32_t y = 0; y < image.height; ++y) {
    png_write_row(png, image.pixels.data() + size_t{y} * image.width);
  }
  png_write_end(png, info);
  return true;
}

}  // namespace

void check_image(const Image& image) {
  const size_t pixels = size_t{image.width} * image.height;
  if (pixels == 0 || image.pixels.size() != pixels) {
    throw std::invalid_argument("the picture has not width x height pixels");
  }
  const uint8_t last = *std::max_element(image.pixels.begin(), image.pixels.end());
  if (image.palette.size() > 256 || last >= image.palette.size()) {
    throw std::invalid_argument("a pixel of the picture has no colour");
  }
}

std::string encode_png(const Image& image) {
  check_image(image);
  std::vector<png_color> palette;
  for (const Image::Colour& colour : image.palette) {
    palette.push_back({colour.red, colour.green, colour.blue});
  }
  std::string out;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, fail, ignore);
  if (png == nullptr) throw std::bad_alloc();
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(png, &out, append, flush);
  const bool written = info != nullptr && write_image(png, info, image, palette);
  png_destroy_write_struct(&png, &info);
  if (!written) throw std::runtime_error("libpng could not write the picture");
  return out;
}

}  // namespace ray::model
