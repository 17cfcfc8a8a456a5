// Animated GIF files from pictures with a palette, by giflib.
#pragma once

#include <ray/workload.h>

#include <memory>
#include <string>

namespace ray::model {

/// Takes frames one by one, so that only the compressed file is kept.
class GifWriter {
 public:
  /// The size and palette of every frame are those of `like`. Throws std::invalid_argument when it
  /// is not well made or larger than 65535 pixels a side.
  explicit GifWriter(const Image& like);
  ~GifWriter();

  struct Centiseconds {
    int value = 10;
  };
  /// Shows `image` for this long. Throws std::invalid_argument when its size is another.
  void add(const Image& image, Centiseconds shown);

  /// The file's bytes; it plays for ever. Nothing can be added afterwards.
  std::string finish();

 private:
  struct Encoder;
  std::unique_ptr<Encoder> encoder_;
};

}  // namespace ray::model
