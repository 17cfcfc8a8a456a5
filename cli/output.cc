#include "cli/output.h"

#include <algorithm>
#include <cctype>
#include <cstdio>

#include "cli/exit_status.h"
#include "cli/table.h"

namespace rayd::cli {
namespace {

std::vector<std::string> all_columns(const std::vector<Row>& rows) {
  std::vector<std::string> columns{"id"};
  for (const Row& row : rows) {
    for (const auto& [key, value] : row.fields) {
      if (std::find(columns.begin(), columns.end(), key) == columns.end()) columns.push_back(key);
    }
  }
  return columns;
}

std::vector<std::string> upper(const std::vector<std::string>& names) {
  std::vector<std::string> titles = names;
  for (std::string& title : titles) {
    for (char& c : title) c = c == '_' ? ' ' : static_cast<char>(std::toupper(c));
  }
  return titles;
}

/// {"CPU":2,"disk":1} as "CPU 2, disk 1"; an error as its message.
std::string cell_text(const Json& value) {
  const Json* message = value.find("message");
  if (message != nullptr) return plain_text(*message);
  if (value.object() == nullptr) return plain_text(value);
  std::string text;
  for (const auto& [key, inner] : *value.object()) {
    text += (text.empty() ? "" : ", ") + key + " " +
            (inner.object() == nullptr ? plain_text(inner) : "(" + cell_text(inner) + ")");
  }
  return text;
}

std::vector<std::vector<std::string>> cells_of(const std::vector<Row>& rows,
                                               const std::vector<std::string>& columns,
                                               std::string (*text_of)(const Json&)) {
  std::vector<std::vector<std::string>> cells;
  for (const Row& row : rows) {
    auto& line = cells.emplace_back();
    for (const std::string& column : columns) {
      const Json* value = column == "id" ? nullptr : row.find(column);
      line.push_back(column == "id" ? row.id : value == nullptr ? "" : text_of(*value));
    }
  }
  return cells;
}

TableStyle style_of(const OutputOptions& options) {
  TableStyle style;
  style.colour = options.terminal.colour;
  if (options.terminal.output && options.format != Format::kWide) {
    style.columns = options.terminal.columns;
  }
  return style;
}

std::string table_of(const std::vector<Row>& rows, const std::vector<std::string>& columns,
                     const OutputOptions& options) {
  if (rows.empty()) return {};
  return format_table(upper(columns), cells_of(rows, columns, &cell_text), style_of(options));
}

std::string bare(const Json& value) {
  return value.is_null() ? std::string() : plain_text(value) + "\n";
}

/// An object as rows KEY VALUE; everything else stays as it is.
std::string table_of_value(const Json& value, const OutputOptions& options) {
  if (value.object() == nullptr) return bare(value);
  std::vector<std::vector<std::string>> cells;
  for (const auto& [key, inner] : *value.object()) cells.push_back({key, plain_text(inner)});
  return format_table({"KEY", "VALUE"}, cells, style_of(options));
}

std::string csv_of_value(const Json& value) {
  if (value.object() == nullptr) return bare(value);
  std::vector<std::string> keys;
  std::vector<std::string> values;
  for (const auto& [key, inner] : *value.object()) {
    keys.push_back(key);
    values.push_back(plain_text(inner));
  }
  return csv_line(keys) + csv_line(values);
}

void write(std::FILE* stream, std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stream);
}

}  // namespace

std::string format_rows(const std::vector<Row>& rows, const std::vector<std::string>& columns,
                        const OutputOptions& options) {
  switch (options.format) {
    case Format::kJson: {
      Json items{Json::Array{}};
      for (const Row& row : rows) items.push(to_json(row));
      Json document{Json::Object{}};
      document.set("v", 1);
      document.set("items", std::move(items));
      return document.dump() + "\n";
    }
    case Format::kJsonl: {
      std::string text;
      for (const Row& row : rows) text += to_json(row).dump() + "\n";
      return text;
    }
    case Format::kCsv: {
      const auto all = all_columns(rows);
      std::string text = csv_line(all);
      for (const auto& line : cells_of(rows, all, &plain_text)) text += csv_line(line);
      return text;
    }
    case Format::kWide: return table_of(rows, all_columns(rows), options);
    case Format::kPlain:
    case Format::kTable: break;
  }
  return table_of(rows, columns.empty() ? all_columns(rows) : columns, options);
}

std::string format_outcome(const Outcome& outcome, const OutputOptions& options) {
  switch (options.format) {
    case Format::kJson:
    case Format::kJsonl: return to_json(outcome).dump() + "\n";
    case Format::kTable:
    case Format::kWide: return table_of_value(outcome.result, options);
    case Format::kCsv: return csv_of_value(outcome.result);
    case Format::kPlain: break;
  }
  return bare(outcome.result);
}

std::string format_error(std::string_view text) {
  std::string lines;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    // Only what is flush left is a mistake of its own; the rest belongs to the line above.
    lines += (line.starts_with(' ') ? "" : "rayctl: ") + std::string(line) + "\n";
    text.remove_prefix(std::min(text.size(), line.size() + 1));
  }
  return lines.empty() ? "rayctl: failed\n" : lines;
}

void Output::print(std::string_view text) const { write(stdout, text); }

void Output::say(std::string_view line) const {
  if (options_.quiet == Quiet::kNo) write(stderr, std::string(line) + "\n");
}

int Output::fail(const Error& error) const {
  std::fflush(stdout);
  write(stderr, format_error(error.message));
  return exit_status(error.code);
}

bool Output::flush() const { return std::fflush(stdout) == 0 && std::ferror(stdout) == 0; }

int finish(const Output& output, const Outcome& outcome) {
  const auto error = error_of(outcome);
  if (!error || output.wants_json()) output.print(format_outcome(outcome, output.options()));
  if (!error) return kDone;
  const std::string job = to_string(outcome.job);
  static_cast<void>(output.fail({error->code, job + ": " + error->message}));
  return exit_status(outcome);
}

}  // namespace rayd::cli
