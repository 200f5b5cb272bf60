#include "bindings/calls/signature.h"

#include <cstdlib>
#include <limits>

#include "bindings/types/dtype_type.h"
#include "bindings/types/format_type.h"

namespace steep::bindings {

using ops::AnyValue;

namespace {

class Parser {
 public:
  explicit Parser(const ops::Op& op) : op_(op) {}
  Signature parse() const;

 private:
  [[noreturn]] void refuse(const std::string& why) const {
    refuse_signature(op_.name, op_.signature, why);
  }
  static bool read_option(const WrittenParameter& written, Signature& signature);
  Parameter parameter(const WrittenParameter& written) const;
  Accepts annotation(std::string_view text) const;
  void read_default(std::string_view text, Parameter& parameter) const;
  bool read_number(std::string_view view, Accepts wanted, AnyValue& value) const;

  const ops::Op& op_;
};

Signature Parser::parse() const {
  const WrittenSignature written = read_signature(op_.name, op_.signature);
  Signature signature;
  signature.op = op_.name;
  signature.returns = written.returns;
  for (const WrittenParameter& one : written.parameters) {
    if (read_option(one, signature)) continue;
    signature.parameters.push_back(parameter(one));
    if (one.kind != WrittenParameter::Kind::keyword) ++signature.positional;
  }
  if (signature.parameters.size() > kMostParameters)
    refuse("more parameters than the bindings can hold");
  return signature;
}

bool Parser::read_option(const WrittenParameter& written, Signature& signature) {
  constexpr std::pair<const char*, Option::Kind> kKnown[] = {
      {"device", Option::Kind::device},
      {"layout", Option::Kind::layout},
      {"pin_memory", Option::Kind::pin_memory}};
  for (const auto& [known, kind] : kKnown) {
    if (written.name != known) continue;
    signature.options.push_back({kind, checked(PyUnicode_InternFromString(known))});
    return true;
  }
  return false;
}

Parameter Parser::parameter(const WrittenParameter& written) const {
  Parameter out;
  out.keyword_only = written.kind == WrittenParameter::Kind::keyword;
  out.variadic = written.kind == WrittenParameter::Kind::variadic;
  out.name = written.name;
  out.annotation = written.annotation;
  out.wanted = annotation(out.annotation);
  if (out.variadic) {
    if (out.annotation != "int" && out.annotation != "Tensor")
      refuse("only *name: int and *name: Tensor are known");
    out.wanted = out.annotation == "int" ? accepts::dims : accepts::tensors;
  }
  out.key = checked(PyUnicode_InternFromString(out.name.c_str()));
  // Python reserves the word: such a name is given by **{'from': 0}, or as in the stubs.
  if (out.name == "from") out.alias = checked(PyUnicode_InternFromString("from_"));
  if (out.name == "dim") out.alias = checked(PyUnicode_InternFromString("axis"));
  if (out.name == "keepdim") out.alias = checked(PyUnicode_InternFromString("keepdims"));
  // The function's name in PyTorch, and its method's.
  if (out.name == "split_size_or_sections")
    out.alias = checked(PyUnicode_InternFromString("split_size"));
  if (out.name == "indices_or_sections")
    out.alias =
        checked(PyUnicode_InternFromString(out.annotation == "int" ? "sections" : "indices"));
  if (!written.standard.empty()) read_default(written.standard, out);
  return out;
}

Accepts Parser::annotation(std::string_view text) const {
  constexpr std::pair<const char*, Accepts> kKnown[] = {{"None", accepts::none},
                                                        {"Tensor", accepts::tensor},
                                                        {"Number", accepts::number},
                                                        {"int", accepts::integer},
                                                        {"float", accepts::floating},
                                                        {"bool", accepts::boolean},
                                                        {"str", accepts::text},
                                                        {"Dims", accepts::dims},
                                                        {"dtype", accepts::dtype},
                                                        {"Sequence[Tensor]", accepts::tensors},
                                                        {"Generator", accepts::generator},
                                                        {"memory_format", accepts::memory_format}};
  Accepts wanted = 0;
  for (const std::string_view raw : split(text, '|')) {
    const std::string_view part = trimmed(raw);
    Accepts found = 0;
    for (const auto& [spelled, bit] : kKnown)
      if (part == spelled) found = bit;
    if (!found) refuse(join("annotation '", part, "' is not known"));
    wanted |= found;
  }
  return wanted;
}

bool Parser::read_number(std::string_view view, Accepts wanted, AnyValue& value) const {
  const std::string text(view);  // zero-terminated, as strtod() needs it
  if (text == "inf" || text == "-inf") {
    const double infinity = std::numeric_limits<double>::infinity();
    value = AnyValue::of(Number(text[0] == '-' ? -infinity : infinity));
    return true;
  }
  char* end = nullptr;
  const double real = std::strtod(text.c_str(), &end);
  if (end == text.c_str() || *end != '\0') return false;
  const bool whole = text.find_first_of(".en") == std::string::npos;
  const bool as_float = !whole || !(wanted & (accepts::number | accepts::integer | accepts::dims));
  value = AnyValue::of(as_float
                           ? Number(real)
                           : Number(static_cast<int64_t>(std::strtoll(text.c_str(), nullptr, 10))));
  return true;
}

void Parser::read_default(std::string_view text, Parameter& parameter) const {
  parameter.has_default = true;
  AnyValue& value = parameter.value;
  if (text == "None") {
    if (!(parameter.wanted & accepts::none))
      refuse(join("'", parameter.name, "' defaults to None but is not optional"));
  } else if (text == "True" || text == "False") {
    value = AnyValue::of(Number(text == "True"));
  } else if (text[0] == '\'' || text[0] == '"') {
    value.take(std::string(text.substr(1, text.size() - 2)));
  } else if (text[0] == '(') {
    value.kind = AnyValue::Kind::dims;
    for (const std::string_view item : split(text.substr(1, text.size() - 2), ','))
      if (!trimmed(item).empty())
        value.dims.push_back(std::strtoll(std::string(trimmed(item)).c_str(), nullptr, 10));
  } else if (!read_number(text, parameter.wanted, value)) {
    refuse(join("default '", text, "' of '", parameter.name, "' is not understood"));
  }
  if (parameter.wanted & accepts::dims && value.kind == AnyValue::Kind::integer) {
    value.kind = AnyValue::Kind::dims;
    value.dims.push_back(value.number.to_int());
  }
}

}  // namespace

void check_option(const char* op, const Option& option, PyObject* value) {
  switch (option.kind) {
    case Option::Kind::device:
      return check_device(op, value);
    case Option::Kind::layout:
      return check_layout(op, value);
    case Option::Kind::pin_memory:
      if (value == Py_None || value == Py_False) return;
      if (!PyBool_Check(value))
        fail(ErrorKind::type, op, "pin_memory to be a bool", type_name(value));
      fail(ErrorKind::runtime, op, "pin_memory=False", "True",
           "there is no device to copy to: leave pin_memory out");
  }
}

Signature parse_signature(const ops::Op& op) { return Parser(op).parse(); }

}  // namespace steep::bindings
