// PNG files from pictures with a palette, by libpng.
#pragma once

#include <ray/workload.h>

#include <string>

namespace ray::model {

/// The bytes of a PNG file, with 1, 2, 4 or 8 bits a pixel as the palette needs. Throws
/// std::invalid_argument for a picture that is not well made (no pixels, a pixel without a colour).
std::string encode_png(const Image& image);

/// Throws std::invalid_argument unless the picture has pixels, the right number of them, and a
/// colour for each.
void check_image(const Image& image);

}  // namespace ray::model
