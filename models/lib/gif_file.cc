#include "models/lib/gif_file.h"

#include <gif_lib.h>

#include <bit>
#include <stdexcept>

#include "models/lib/png_file.h"

namespace ray::model {

struct GifWriter::Encoder {
  std::string out;
  GifFileType* gif = nullptr;
  uint32_t width = 0;
  uint32_t height = 0;

  ~Encoder() {
    int error = 0;
    if (gif != nullptr) EGifCloseFile(gif, &error);
  }
  void must(int result) const {
    if (result != GIF_OK) throw std::runtime_error("giflib could not write the picture");
  }
};

namespace {

int append(GifFileType* gif, const GifByteType* data, int size) {
  static_cast<std::string*>(gif->UserData)
      ->append(reinterpret_cast<const char*>(data), static_cast<size_t>(size));
  return size;
}

struct FreeMap {
  void operator()(ColorMapObject* map) const { GifFreeMapObject(map); }
};

/// A GIF's palette has a power of two of colours, at least 2.
std::unique_ptr<ColorMapObject, FreeMap> colour_map(const Image& image) {
  std::vector<GifColorType> colours(std::bit_ceil(std::max<size_t>(2, image.palette.size())));
  for (size_t i = 0; i < image.palette.size(); ++i) {
    const Image::Colour& colour = image.palette[i];
    colours[i] = {colour.red, colour.green, colour.blue};
  }
  ColorMapObject* map = GifMakeMapObject(static_cast<int>(colours.size()), colours.data());
  if (map == nullptr) throw std::bad_alloc();
  return std::unique_ptr<ColorMapObject, FreeMap>(map);
}

}  // namespace

GifWriter::GifWriter(const Image& like) : encoder_(std::make_unique<Encoder>()) {
  check_image(like);
  if (like.width > 65535 || like.height > 65535) {
    throw std::invalid_argument("a GIF has at most 65535 pixels a side");
  }
  Encoder& e = *encoder_;
  e.width = like.width;
  e.height = like.height;
  int error = 0;
  e.gif = EGifOpen(&e.out, append, &error);
  if (e.gif == nullptr) throw std::bad_alloc();
  EGifSetGifVersion(e.gif, true);
  const auto map = colour_map(like);
  e.must(EGifPutScreenDesc(e.gif, static_cast<int>(e.width), static_cast<int>(e.height),
                           map->BitsPerPixel, 0, map.get()));
  const GifByteType loop_for_ever[] = {1, 0, 0};
  e.must(EGifPutExtensionLeader(e.gif, APPLICATION_EXT_FUNC_CODE));
  e.must(EGifPutExtensionBlock(e.gif, 11, "NETSCAPE2.0"));
  e.must(EGifPutExtensionBlock(e.gif, sizeof loop_for_ever, loop_for_ever));
  e.must(EGifPutExtensionTrailer(e.gif));
}

GifWriter::~GifWriter() = default;

void GifWriter::add(const Image& image, Centiseconds shown) {
  check_image(image);
  Encoder& e = *encoder_;
  if (image.width != e.width || image.height != e.height) {
    throw std::invalid_argument("all frames of a GIF have one size");
  }
  GraphicsControlBlock control{};
  control.DisposalMode = DISPOSE_DO_NOT;
  control.DelayTime = shown.value;
  control.TransparentColor = NO_TRANSPARENT_COLOR;
  GifByteType extension[4];
  const size_t size = EGifGCBToExtension(&control, extension);
  e.must(EGifPutExtension(e.gif, GRAPHICS_EXT_FUNC_CODE, static_cast<int>(size), extension));
  e.must(EGifPutImageDesc(e.gif, 0, 0, static_cast<int>(e.width), static_cast<int>(e.height), false,
                          nullptr));
  std::vector<GifPixelType> row(e.width);  // giflib masks the pixels in place
  for (uint32_t y = 0; y < e.height; ++y) {
    const auto from = image.pixels.begin() + static_cast<std::ptrdiff_t>(size_t{y} * e.width);
    row.assign(from, from + static_cast<std::ptrdiff_t>(e.width));
    e.must(EGifPutLine(e.gif, row.data(), static_cast<int>(e.width)));
  }
}

std::string GifWriter::finish() {
  Encoder& e = *encoder_;
  int error = 0;
  const int closed = EGifCloseFile(e.gif, &error);
  e.gif = nullptr;
  e.must(closed);
  return std::move(e.out);
}

}  // namespace ray::model
