// Columns of text under a header line, as wide as they need to be. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace rayd::cli {

struct TableStyle {
  size_t columns = 0;  // lines are cut there; 0: never
  bool colour = false;
};

/// `cells` has one line of header.size() cells a row. The last column is not padded.
std::string format_table(const std::vector<std::string>& header,
                         const std::vector<std::vector<std::string>>& cells,
                         const TableStyle& style);

/// RFC 4180: quoted where a comma, a quote or a line break asks for it.
std::string csv_line(const std::vector<std::string>& cells);

/// Code points, which is what a terminal's columns are for most texts.
size_t text_width(std::string_view text);

}  // namespace rayd::cli
