// Tables as CSV text: RFC 4180 quotes, lines that end with a line feed, numbers in shortest form.
#pragma once

#include <charconv>
#include <concepts>
#include <string>
#include <string_view>

namespace ray::model {

class CsvWriter {
 public:
  CsvWriter& cell(std::string_view text) {
    separate();
    if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
      text_ += text;
      return *this;
    }
    text_ += '"';
    for (const char c : text) {
      if (c == '"') text_ += '"';
      text_ += c;
    }
    text_ += '"';
    return *this;
  }
  CsvWriter& cell(const char* text) { return cell(std::string_view(text)); }

  template <class T>
  requires(std::integral<T> && !std::same_as<T, bool>) || std::floating_point<T> CsvWriter& cell(
                                                              T number) {
    separate();
    char buffer[40];
    text_.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, number).ptr);
    return *this;
  }

  void end_row() {
    text_ += '\n';
    row_begins_ = true;
  }

  const std::string& text() const { return text_; }

 private:
  void separate() {
    if (!row_begins_) text_ += ',';
    row_begins_ = false;
  }

  std::string text_;
  bool row_begins_ = true;
};

}  // namespace ray::model
