// The registry's signatures in the form that calls need, made once at load: which parameters each
// entry takes, in which order, by which names.
#pragma once

#include <string>
#include <vector>

#include "bindings/calls/convert.h"
#include "bindings/calls/signature_text.h"
#include "ops/registry.h"

namespace steep::bindings {

struct Parameter {
  std::string name;
  PyObject* key = nullptr;    // the name, interned
  PyObject* alias = nullptr;  // another keyword that means the same (axis, keepdims), or null
  std::string annotation;     // as written
  Accepts wanted = 0;
  bool keyword_only = false;
  bool variadic = false;  // *size: the remaining positional arguments, or one sequence
  bool has_default = false;
  ops::AnyValue value;  // the default
};

// Arguments that are only checked: device, layout and pin_memory, each with a single possible
// value.
struct Option {
  enum class Kind : uint8_t { device, layout, pin_memory };
  Kind kind;
  PyObject* key;  // the name, interned
};

struct Signature {
  const char* op = "";
  std::vector<Parameter> parameters;
  std::vector<Option> options;  // keywords
  std::string returns;
  int positional = 0;  // how many may be positional; a variadic one counts once
};

constexpr int kMostParameters = 16;

// Throws for a value that steep does not have.
void check_option(const char* op, const Option& option, PyObject* value);

// Throws a RuntimeError that says what is wrong with an entry.
Signature parse_signature(const ops::Op& op);

// Copies a default into an empty Value.
inline void copy_default(const ops::AnyValue& from, ops::AnyValue& to) {
  to.kind = from.kind;
  to.number = from.number;
  to.dtype = from.dtype;
  if (from.kind == ops::AnyValue::Kind::dims) to.dims = from.dims;
  if (from.kind == ops::AnyValue::Kind::text) to.take(*from.text);
}

}  // namespace steep::bindings
