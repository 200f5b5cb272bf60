#include "bindings/calls/signature_text.h"

#include "tensor/error.h"

namespace steep::bindings {

using Kind = WrittenParameter::Kind;

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  size_t begin = 0;
  int depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\'' || c == '"') quoted = !quoted;
    if (!quoted && (c == '(' || c == '[')) ++depth;
    if (!quoted && (c == ')' || c == ']')) --depth;
    if (c != separator || depth || quoted) continue;
    parts.push_back(text.substr(begin, i - begin));
    begin = i + 1;
  }
  parts.push_back(text.substr(begin));
  return parts;
}

void refuse_signature(const char* name, const char* text, const std::string& why) {
  throw Error(ErrorKind::runtime, join("registry entry ", name, text, ": ", why));
}

WrittenSignature read_signature(const char* name, const char* text) {
  const std::string_view all = text;
  const size_t close = all.rfind(") -> ");
  if (all.empty() || all[0] != '(' || close == std::string_view::npos)
    refuse_signature(name, text, "expected '(...) -> type'");
  WrittenSignature signature;
  signature.returns = all.substr(close + 5);
  Kind next = Kind::positional;
  for (const std::string_view raw : split(all.substr(1, close - 1), ',')) {
    std::string_view part = trimmed(raw);
    if (part == "*") next = Kind::keyword;
    if (part.empty() || part == "*" || part == "/") continue;
    WrittenParameter parameter;
    parameter.kind = part[0] == '*' ? Kind::variadic : next;
    if (parameter.kind == Kind::variadic) {
      part.remove_prefix(1);
      next = Kind::keyword;
    }
    const size_t colon = part.find(':');
    if (colon == std::string_view::npos)
      refuse_signature(name, text, join("parameter '", part, "' has no annotation"));
    parameter.name = trimmed(part.substr(0, colon));
    const std::vector<std::string_view> halves = split(part.substr(colon + 1), '=');
    parameter.annotation = trimmed(halves[0]);
    if (halves.size() == 2) parameter.standard = trimmed(halves[1]);
    signature.parameters.push_back(parameter);
  }
  return signature;
}

}  // namespace steep::bindings
