// Where everything that rayctl says goes: results to standard output in the format asked for, all
// that is for people to standard error.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/outcome.h"
#include "cli/rows.h"
#include "cli/terminal.h"

namespace rayd::cli {

enum class Format : uint8_t { kPlain, kTable, kWide, kJson, kJsonl, kCsv };
enum class Quiet : bool { kNo, kYes };

struct OutputOptions {
  Format format = Format::kPlain;  // kPlain: none was asked for
  Quiet quiet = Quiet::kNo;
  Terminal terminal;
};

// ---- pure: texts for standard output ------------------------------------------------------------

/// {"v":1,"items":[…]}, JSON lines, CSV or a table of the rows with these columns ("id" first; none
/// given: all).
std::string format_rows(const std::vector<Row>& rows, const std::vector<std::string>& columns,
                        const OutputOptions& options);

/// The bare value, or the whole outcome as JSON; a table has a line for each member of an object.
std::string format_outcome(const Outcome& outcome, const OutputOptions& options);

/// "rayctl: TEXT", each line marked.
std::string format_error(std::string_view text);

// ---- the streams --------------------------------------------------------------------------------

class Output {
 public:
  explicit Output(OutputOptions options) : options_(std::move(options)) {}
  const OutputOptions& options() const { return options_; }

  bool wants_json() const {
    return options_.format == Format::kJson || options_.format == Format::kJsonl;
  }

  void print(std::string_view text) const;  // standard output
  void print_rows(const std::vector<Row>& rows, const std::vector<std::string>& columns) const {
    print(format_rows(rows, columns, options_));
  }
  /// What a person may want to know; not with -q.
  void say(std::string_view line) const;
  /// One sentence with the cause; always shown. Returns the exit status.
  int fail(const Error& error) const;

  /// False: standard output did not take everything (a full disk, a closed pipe).
  bool flush() const;

 private:
  OutputOptions options_;
};

/// Prints what became of the work, and says what went wrong. Returns the exit status.
int finish(const Output& output, const Outcome& outcome);

}  // namespace rayd::cli
