#include "common/types/placement.h"

#include <algorithm>
#include <utility>

namespace rayd {
namespace {

constexpr size_t kMaxLabelLength = 253;

std::string_view trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

bool is_label_char(char c) {
  const bool is_alphanumeric =
      (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  return is_alphanumeric || c == '.' || c == '_' || c == '-' || c == '/';
}

bool is_label_text(std::string_view text) {
  return text.size() <= kMaxLabelLength && std::all_of(text.begin(), text.end(), is_label_char);
}

Error refused(std::string_view text, std::string_view why) {
  return {ErrorCode::kInvalidArgument, "'" + std::string(text) +
                                           "' is no label selector: " + std::string(why) +
                                           "; one looks like zone=a, zone!=a, 'zone in (a, b)', "
                                           "'zone !in (a, b)' or zone"};
}

/// The values of "(a, b)".
Result<std::vector<std::string>> parse_values(std::string_view whole, std::string_view list) {
  list = trim(list);
  if (!list.starts_with('(') || !list.ends_with(')'))
    return refused(whole, "its values are not in parentheses");
  list = list.substr(1, list.size() - 2);
  std::vector<std::string> values;
  while (true) {
    const size_t comma = list.find(',');
    const std::string_view value = trim(list.substr(0, comma));
    if (value.empty()) return refused(whole, "a value is empty");
    if (!is_label_text(value)) return refused(whole, "a value has more than letters, digits, ._-/");
    values.emplace_back(value);
    if (comma == std::string_view::npos) break;
    list.remove_prefix(comma + 1);
  }
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  return values;
}

/// What stands behind the key: "=a", "!=a", "in (a,b)", "!in (a,b)" or nothing.
struct Condition {
  LabelTerm::Holds holds = LabelTerm::Holds::kExists;
  std::string_view values;
  enum class Form : bool { kOne, kList };
  Form form = Form::kOne;
};

Condition read_condition(std::string_view rest) {
  using Holds = LabelTerm::Holds;
  using Form = Condition::Form;
  bool is_negated = false;
  bool has_equals = false;
  if (rest.starts_with("!=")) {
    is_negated = true;
    has_equals = true;
    rest.remove_prefix(2);
  } else if (rest.starts_with('=')) {
    has_equals = true;
    rest.remove_prefix(1);
  }
  rest = trim(rest);
  if (!is_negated && rest.starts_with('!')) {
    is_negated = true;
    rest = trim(rest.substr(1));
  }
  const Holds holds = is_negated ? Holds::kNotIn : Holds::kIn;
  const bool is_list = rest.starts_with("in") && trim(rest.substr(2)).starts_with('(');
  if (is_list) return {holds, rest.substr(2), Form::kList};
  if (has_equals || is_negated) return {holds, rest, Form::kOne};
  return {};
}

}  // namespace

bool LabelTerm::matches(const Labels& labels) const {
  const auto label = labels.find(key);
  if (label == labels.end()) return holds == Holds::kNotIn;
  if (holds == Holds::kExists) return true;
  const bool is_one = std::find(values.begin(), values.end(), label->second) != values.end();
  return is_one == (holds == Holds::kIn);
}

std::string LabelTerm::to_text() const {
  if (holds == Holds::kExists) return key;
  const bool is_in = holds == Holds::kIn;
  if (values.size() == 1) return key + (is_in ? "=" : "!=") + values.front();
  std::string text = key + (is_in ? " in (" : " !in (");
  for (size_t i = 0; i < values.size(); ++i) text += (i == 0 ? "" : ", ") + values[i];
  return text + ")";
}

bool matches_all(const std::vector<LabelTerm>& terms, const Labels& labels) {
  return std::all_of(terms.begin(), terms.end(),
                     [&](const LabelTerm& term) { return term.matches(labels); });
}

std::string to_text(const std::vector<LabelTerm>& terms) {
  std::string text;
  for (const LabelTerm& term : terms) text += (text.empty() ? "" : " and ") + term.to_text();
  return text;
}

Result<LabelTerm> parse_label_term(std::string_view text) {
  const std::string_view whole = trim(text);
  size_t end = 0;
  while (end < whole.size() && is_label_char(whole[end])) ++end;
  LabelTerm term;
  term.key = std::string(whole.substr(0, end));
  if (term.key.empty()) return refused(text, "it begins with no label");
  const std::string_view rest = trim(whole.substr(end));
  if (rest.empty()) return term;
  const Condition condition = read_condition(rest);
  term.holds = condition.holds;
  if (condition.holds == LabelTerm::Holds::kExists)
    return refused(text, "what follows the label is no condition");
  if (condition.form == Condition::Form::kOne) {
    const std::string_view value = trim(condition.values);
    if (!is_label_text(value))
      return refused(text, "its value has more than letters, digits, ._-/");
    term.values = {std::string(value)};
    return term;
  }
  auto values = parse_values(text, condition.values);
  if (!values) return values.error();
  term.values = std::move(*values);
  return term;
}

Result<std::pair<std::string, std::string>> parse_label(std::string_view text) {
  const size_t equals = text.find('=');
  const std::string_view key = trim(text.substr(0, equals));
  if (equals == std::string_view::npos || key.empty())
    return Error{ErrorCode::kInvalidArgument,
                 "'" + std::string(text) + "' is no label; one looks like zone=a"};
  const std::string_view value = trim(text.substr(equals + 1));
  if (!is_label_text(key) || !is_label_text(value))
    return Error{ErrorCode::kInvalidArgument,
                 "the label '" + std::string(text) +
                     "': names and values have letters, digits and ._-/, at most 253 of them"};
  if (key.starts_with("rayd.io/"))
    return Error{ErrorCode::kInvalidArgument,
                 "the label '" + std::string(text) + "': names of rayd.io/ are its own"};
  return std::pair{std::string(key), std::string(value)};
}

}  // namespace rayd
