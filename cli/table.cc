#include "cli/table.h"

#include <algorithm>

namespace rayd::cli {
namespace {

constexpr size_t kGap = 2;

bool begins_character(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) != 0x80; }

std::string cut(const std::string& line, size_t columns) {
  if (columns == 0 || text_width(line) <= columns) return line;
  std::string text;
  size_t width = 0;
  for (const char byte : line) {
    if (begins_character(byte) && ++width >= columns) break;
    text += byte;
  }
  return text + "…";
}

/// Control characters would leave the table.
std::string clean(const std::string& cell) {
  std::string text = cell;
  for (char& byte : text) {
    if (static_cast<unsigned char>(byte) < 0x20 || byte == 0x7F) byte = ' ';
  }
  return text;
}

std::string line_of(const std::vector<std::string>& cells, const std::vector<size_t>& widths) {
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) {
    line += cells[i];
    if (i + 1 < cells.size()) line.append(widths[i] + kGap - text_width(cells[i]), ' ');
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

}  // namespace

size_t text_width(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), begins_character));
}

std::string format_table(const std::vector<std::string>& header,
                         const std::vector<std::vector<std::string>>& cells,
                         const TableStyle& style) {
  std::vector<size_t> widths;
  for (const std::string& name : header) widths.push_back(text_width(name));
  std::vector<std::vector<std::string>> cleaned;
  for (const auto& row : cells) {
    auto& line = cleaned.emplace_back();
    for (size_t i = 0; i < row.size(); ++i) {
      line.push_back(clean(row[i]));
      widths[i] = std::max(widths[i], text_width(line[i]));
    }
  }
  std::string text = cut(line_of(header, widths), style.columns);
  text = style.colour ? "\033[1m" + text + "\033[0m\n" : text + "\n";
  for (const auto& row : cleaned) text += cut(line_of(row, widths), style.columns) + "\n";
  return text;
}

std::string csv_line(const std::vector<std::string>& cells) {
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) line += ',';
    if (cells[i].find_first_of(",\"\r\n") == std::string::npos) {
      line += cells[i];
      continue;
    }
    line += '"';
    for (const char c : cells[i]) line += c == '"' ? std::string("\"\"") : std::string(1, c);
    line += '"';
  }
  return line + "\n";
}

}  // namespace rayd::cli
