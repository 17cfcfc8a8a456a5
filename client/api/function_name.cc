#include "client/api/function_name.h"

namespace ray::internal {
namespace {

constexpr std::string_view kAnonymous = "(anonymous namespace)";

/// The position of the bracket that opens what `text` closes at `close`; npos if there is none.
size_t opening(std::string_view text, size_t close) {
  size_t depth = 0;
  for (size_t i = close + 1; i-- > 0;) {
    if (text[i] == ')') ++depth;
    if (text[i] == '(' && --depth == 0) return i;
  }
  return std::string_view::npos;
}

/// The position after the last space outside of brackets: where a return type ends.
size_t after_return_type(std::string_view text) {
  int depth = 0;
  size_t start = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '<' || c == '(' || c == '{') ++depth;
    if (c == '>' || c == ')' || c == '}') --depth;
    if (c == ' ' && depth == 0) start = i + 1;
  }
  return start;
}

/// g++ marks functions that return a std::string and take none: "greet[abi:cxx11]".
std::string without_abi_tags(std::string_view name) {
  constexpr std::string_view kTag = "[abi:";
  std::string text(name);
  for (size_t at = text.find(kTag); at != std::string::npos; at = text.find(kTag, at)) {
    const size_t end = text.find(']', at);
    if (end == std::string::npos) break;
    text.erase(at, end + 1 - at);
  }
  return text;
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

}  // namespace

std::string function_name_of(std::string_view symbol) {
  const size_t open = symbol.find('<');
  const size_t close = symbol.rfind('>');
  if (open == std::string_view::npos || close == std::string_view::npos || close <= open)
    return std::string(symbol);
  const bool is_address = symbol.substr(0, open).ends_with("AddressOf");
  std::string_view name = symbol.substr(open + 1, close - open - 1);
  while (name.ends_with(' ')) name.remove_suffix(1);
  if (!is_address) return std::string(name);
  if (name.starts_with('&')) name.remove_prefix(1);
  // "&ns::f", or "&(result ns::f<T>(parameters) const)"
  if (name.starts_with('(') && !name.starts_with(kAnonymous)) {
    name = name.substr(1, name.size() - 2);
    const size_t end = opening(name, name.rfind(')'));
    if (end != std::string_view::npos && end > 0) name = name.substr(0, end);
    name = name.substr(after_return_type(name));
  }
  return without_abi_tags(name);
}

std::string type_text_of(std::string_view demangled) {
  std::string text(demangled);
  replace_all(text,
              "std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >",
              "std::string");
  return text;
}

}  // namespace ray::internal
