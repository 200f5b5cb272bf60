// Parses the text of a registry entry's signature, from which calls, stubs, modules and the API
// page are made.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace steep::bindings {

// One parameter as it is written; views of the registry's own text, which is never freed.
struct WrittenParameter {
  enum class Kind : uint8_t { positional, keyword, variadic };
  Kind kind = Kind::positional;
  std::string_view name;
  std::string_view annotation;
  std::string_view standard;  // its default; empty if it has none
};

struct WrittenSignature {
  std::vector<WrittenParameter> parameters;
  std::string_view returns;
};

// Throws a RuntimeError that names the entry if the text is not a signature.
WrittenSignature read_signature(const char* name, const char* text);

// Throws that error.
[[noreturn]] void refuse_signature(const char* name, const char* text, const std::string& why);

std::string_view trimmed(std::string_view text);

// Splits at `separator` outside of brackets and quotes.
std::vector<std::string_view> split(std::string_view text, char separator);

}  // namespace steep::bindings
