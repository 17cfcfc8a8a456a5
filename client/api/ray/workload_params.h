// Params: the documented, typed parameters of a workload, and the check of what a person typed.
//
// A workload declares its fields once, in `void params(ray::Params&)`. From the declarations come a
// description (ParamInfo: plain text, so it may travel and be shown without the workload's code),
// the check of given values against it, and the assignment of the values to the fields. A check
// never stops at the first mistake: all are collected and reported together.
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

namespace ray {

/// A value WxH.
struct Size {
  int64_t width = 0;
  int64_t height = 0;
  friend bool operator==(const Size&, const Size&) = default;
};

/// A value that was typed, or the content of a file that was read where the person sits.
struct Input {
  std::string name;     ///< the file's name as typed, "-" for standard input, "" for a typed value
  std::string content;  ///< the bytes of the file, or the typed value itself
  bool is_file() const { return !name.empty(); }
  bool is_given() const { return is_file() || !content.empty(); }
};

enum class ParamKind : uint8_t {
  kInteger,
  kNumber,
  kProbability,
  kFlag,
  kText,
  kChoice,
  kSize,    // WxH
  kBytes,   // an amount of memory: 64KiB, 1GB
  kInput,   // a value, @FILE or @-
  kFile,    // a path where the driver runs
  kOutput,  // the name of a result file
  kSeed,    // any unsigned 64-bit number
};

/// The word for a kind in help, JSON and messages: "integer", "size", …
std::string_view kind_name(ParamKind kind);

/// What is known of a parameter without the code of its workload.
struct ParamInfo {
  std::string name;
  ParamKind kind = ParamKind::kText;
  std::string meaning;       ///< one line
  std::string unit;          ///< empty: none
  std::string default_text;  ///< as a person would type it; empty: nothing
  std::string minimum;       ///< for numbers and bytes; empty: no limit
  std::string maximum;
  std::vector<std::string> choices;
  std::string default_word;  ///< a word that stands for the default, such as "auto"; empty: none
  bool execution = false;    ///< changes speed and never the result
  bool list = false;         ///< a comma belongs to the value: a sweep does not split it
};

struct WorkloadInfo {
  std::string name;
  std::string summary;
  std::vector<ParamInfo> params;
};

/// {"name":…,"summary":…,"params":[{"name":…,"kind":…,…}]}; empty members of a parameter are left
/// out.
std::string to_json(const WorkloadInfo& info);

/// What a person gave, before any check. A value that was typed as @FILE or @- stands as typed in
/// `values`, and its content in `inputs` under the same key.
struct Arguments {
  std::map<std::string, std::string> values;
  std::map<std::string, Input> inputs;
};

struct Mistake {
  std::string parameter;  ///< the name as typed
  std::string given;      ///< the value as typed, shortened; empty where the name is the mistake
  std::string wanted;     ///< what would have been right
  std::string nearest;    ///< for an unknown name: the most similar one; empty: none is similar
  /// `steps=-3: wanted an integer, at least 0`, `unknown parameter "grdi": did you mean "grid"?`
  std::string text() const;
};
using Mistakes = std::vector<Mistake>;

/// Thrown by a run whose arguments are wrong; what() is one line for each mistake.
class ParameterError : public std::invalid_argument {
 public:
  explicit ParameterError(Mistakes mistakes);
  const Mistakes& mistakes() const { return mistakes_; }

 private:
  Mistakes mistakes_;
};

/// Words `key=value` as arguments; a word without `=` and a key given twice are mistakes.
Arguments parse_words(const std::vector<std::string>& words, Mistakes& mistakes);

/// Reads the content of every value that starts with @; `read` gets the name ("-": standard input)
/// and returns nothing when it cannot be read.
void attach_inputs(Arguments& arguments,
                   const std::function<std::optional<std::string>(const std::string&)>& read,
                   Mistakes& mistakes);

/// Checks arguments against a description. What only the workload's own code can judge (the text of
/// a rule, the content of a pattern) is not covered: Workload::validate does both.
Mistakes check(const WorkloadInfo& info, const Arguments& arguments);

/// The most similar of `names` (edit distance with transpositions), or "" when none is similar.
std::string nearest_name(std::string_view given, const std::vector<std::string>& names);

/// A declared parameter, to be refined in the same expression:
///   p.integer("n", n, "how many numbers").range(0, 1'000'000);
class Param {
 public:
  template <class Low, class High>
  Param& range(Low low, High high) {
    return at_least(low).at_most(high);
  }
  template <class T>
  Param& at_least(T low) {
    info_.minimum = limit_text(low);
    return *this;
  }
  template <class T>
  Param& at_most(T high) {
    info_.maximum = limit_text(high);
    return *this;
  }
  Param& unit(std::string_view unit) { return info_.unit = unit, *this; }
  /// `word` stands for the default where it is shown, and may be typed for it.
  Param& default_word(std::string_view word);
  Param& execution() { return info_.execution = true, *this; }
  Param& list() { return info_.list = true, *this; }

 private:
  friend class Params;
  using Value = std::variant<int64_t, uint64_t, double, bool, std::string, Size, Input>;
  friend Mistakes check(const WorkloadInfo& info, const Arguments& arguments);

  template <class T>
  static std::string limit_text(T limit) {
    if constexpr (std::integral<T>) {
      return limit_text_of(static_cast<int64_t>(limit));
    } else {
      return limit_text_of(static_cast<double>(limit));
    }
  }
  static std::string limit_text_of(int64_t limit);
  static std::string limit_text_of(double limit);

  ParamInfo info_;
  std::function<void(const Value&)> assign_;
};

class Params {
 public:
  Params();

  template <class T>
  requires std::integral<T> &&
      (!std::same_as<T, bool>)Param& integer(std::string_view name, T& field,
                                             std::string_view meaning) {
    Param& param = declare(name, ParamKind::kInteger, meaning);
    set_default(param, Param::limit_text(field));
    if constexpr (sizeof(T) < sizeof(int64_t)) {
      param.range(std::numeric_limits<T>::min(), std::numeric_limits<T>::max());
    } else if constexpr (std::unsigned_integral<T>) {
      param.at_least(0);
    }
    param.assign_ = [&field](const Param::Value& value) {
      field = static_cast<T>(std::get<int64_t>(value));
    };
    return param;
  }
  template <std::floating_point T>
  Param& number(std::string_view name, T& field, std::string_view meaning) {
    return real(name, field, ParamKind::kNumber, meaning);
  }
  /// A number from 0 to 1.
  template <std::floating_point T>
  Param& probability(std::string_view name, T& field, std::string_view meaning) {
    return real(name, field, ParamKind::kProbability, meaning).range(0.0, 1.0);
  }
  Param& flag(std::string_view name, bool& field, std::string_view meaning);
  Param& text(std::string_view name, std::string& field, std::string_view meaning);
  Param& choice(std::string_view name, std::string& field, std::vector<std::string> choices,
                std::string_view meaning);
  Param& size(std::string_view name, Size& field, std::string_view meaning);
  Param& bytes(std::string_view name, int64_t& field, std::string_view meaning);
  Param& input(std::string_view name, Input& field, std::string_view meaning);
  Param& file(std::string_view name, std::string& field, std::string_view meaning);
  Param& output(std::string_view name, std::string& field, std::string_view meaning);

  /// In the order of declaration, and then `seed`, which every workload has.
  std::vector<ParamInfo> describe() const;

  /// Assigns what was given to the declared fields; what check() finds wrong stays as it was.
  void assign(const Arguments& arguments);

  /// Given as `seed=`; Job::seed() returns it during a run.
  uint64_t seed() const { return seed_; }

 private:
  /// Throws std::logic_error when the name is declared already.
  Param& declare(std::string_view name, ParamKind kind, std::string_view meaning);
  static void set_default(Param& param, std::string text);
  Param& string(std::string_view name, std::string& field, ParamKind kind,
                std::string_view meaning);

  template <class T>
  Param& real(std::string_view name, T& field, ParamKind kind, std::string_view meaning) {
    Param& param = declare(name, kind, meaning);
    set_default(param, Param::limit_text(field));
    param.assign_ = [&field](const Param::Value& value) {
      field = static_cast<T>(std::get<double>(value));
    };
    return param;
  }

  uint64_t seed_ = 0;
  std::vector<std::unique_ptr<Param>> params_;
};

}  // namespace ray
