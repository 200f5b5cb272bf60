#include "tensor/error.h"

namespace steep {

Error Unnamed::of(const char* operation) const {
  return Error(kind, join(operation, "(): ", what()));
}

std::string to_string(const Dims& shape) {
  std::ostringstream text;
  text << '[';
  for (int i = 0; i < shape.size(); ++i) text << (i ? ", " : "") << shape[i];
  text << ']';
  return text.str();
}

void fail(ErrorKind kind, const char* op, const std::string& expected, const std::string& got,
          const std::string& fix) {
  std::string text = join(op, ": expected ", expected, ", got ", got);
  if (!fix.empty()) text += "; " + fix;
  throw Error(kind, text);
}

}  // namespace steep
