// The engine's errors. Bindings turn the kind into Python's exception class.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

#include "tensor/small_vector.h"

namespace steep {

enum class ErrorKind { runtime, value, type, index, not_implemented, overflow };

class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& text) : std::runtime_error(text), kind(kind) {}
  const ErrorKind kind;
};

// An error that cannot name the operation, because it is raised in code that many operations call:
// the operation's entry adds the name.
class Unnamed : public Error {
 public:
  using Error::Error;
  Error of(const char* operation) const;
};

std::string to_string(const Dims& shape);  // "[2, 3]"

template <class... Parts>
std::string join(const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  return text.str();
}

// Raises "op: expected ..., got ...; fix". Texts taken over from PyTorch are thrown.
[[noreturn]] void fail(ErrorKind kind, const char* op, const std::string& expected,
                       const std::string& got, const std::string& fix = "");

}  // namespace steep
