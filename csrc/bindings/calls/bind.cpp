#include "bindings/calls/bind.h"

#include "bindings/programs/symbolic.h"

namespace steep::bindings {

namespace {

bool refuse(Mismatch& mismatch, Mismatch::Kind kind, int parameter, PyObject* got = nullptr) {
  mismatch = {kind, parameter, got};
  return false;
}

bool same_name(PyObject* key, PyObject* name) {
  return name && (key == name || PyUnicode_Compare(key, name) == 0);
}

int find_keyword(const Signature& signature, PyObject* key) {
  const int count = static_cast<int>(signature.parameters.size());
  for (int i = 0; i < count; ++i)  // names are nearly always interned
    if (signature.parameters[i].key == key) return i;
  for (int i = 0; i < count; ++i)
    if (same_name(key, signature.parameters[i].key) ||
        same_name(key, signature.parameters[i].alias))
      return i;
  return -1;
}

bool take_option(const Signature& signature, PyObject* key, PyObject* value) {
  for (const Option& option : signature.options) {
    if (!same_name(key, option.key)) continue;
    check_option(utf8(option.key), option, value);
    return true;
  }
  return false;
}

// Which object each parameter gets. A variadic one gets all remaining positional arguments, `rest`
// of them.
class Placement {
 public:
  bool place(const Signature& signature, const CallArguments& call, Mismatch& mismatch);
  bool fill(const Signature& signature, ops::AnyValue* values, Mismatch& mismatch) const;

 private:
  bool place_keywords(const Signature& signature, const CallArguments& call, Mismatch& mismatch);
  bool fill_rest(const Parameter& parameter, ops::AnyValue& value, PyObject*& culprit) const;

  PyObject* given_[kMostParameters] = {};
  PyObject* const* rest_ = nullptr;
  Py_ssize_t rest_count_ = 0;
};

bool Placement::place(const Signature& signature, const CallArguments& call, Mismatch& mismatch) {
  const int last = signature.positional - 1;
  const bool variadic = last >= 0 && signature.parameters[last].variadic;
  for (Py_ssize_t i = 0; i < call.positional; ++i) {
    if (variadic && i == last) {
      rest_ = call.args + i;
      rest_count_ = call.positional - i;
      given_[last] = call.args[i];
      break;
    }
    if (i > last) return refuse(mismatch, Mismatch::Kind::too_many, 0);
    given_[i] = call.args[i];
  }
  return !call.keywords || place_keywords(signature, call, mismatch);
}

bool Placement::place_keywords(const Signature& signature, const CallArguments& call,
                               Mismatch& mismatch) {
  for (Py_ssize_t i = 0; i < call.keyword_count(); ++i) {
    PyObject* key = PyTuple_GET_ITEM(call.keywords, i);
    const int at = find_keyword(signature, key);
    if (at < 0 && take_option(signature, key, call.args[call.positional + i])) continue;
    if (at < 0) return refuse(mismatch, Mismatch::Kind::unknown_keyword, 0, key);
    if (given_[at]) return refuse(mismatch, Mismatch::Kind::given_twice, at);
    given_[at] = call.args[call.positional + i];
  }
  return true;
}

bool Placement::fill_rest(const Parameter& parameter, ops::AnyValue& value,
                          PyObject*& culprit) const {
  const bool ints = parameter.wanted & accepts::dims;
  value = ints ? ops::AnyValue::of(Dims()) : ops::AnyValue::of(Tensors());
  for (Py_ssize_t i = 0; i < rest_count_; ++i) {
    ops::AnyValue item;
    culprit = rest_[i];
    if (!convert(ints ? accepts::integer : accepts::tensor, rest_[i], item)) return false;
    if (ints) {
      value.dims.push_back(item.number.to_int());
    } else {
      value.tensors->push_back(item.tensor);
    }
  }
  return true;
}

bool Placement::fill(const Signature& signature, ops::AnyValue* values, Mismatch& mismatch) const {
  const int count = static_cast<int>(signature.parameters.size());
  for (int i = 0; i < count; ++i) {
    const Parameter& parameter = signature.parameters[i];
    PyObject* object = given_[i];
    const bool tensors = parameter.variadic && parameter.wanted & accepts::tensors;
    const bool one_item = tensors && rest_count_ == 1;
    if (parameter.variadic && (rest_count_ > 1 || one_item || (tensors && !object))) {
      PyObject* culprit = nullptr;
      if (fill_rest(parameter, values[i], culprit)) continue;
      if (!one_item) return refuse(mismatch, Mismatch::Kind::wrong_type, i, culprit);
    }
    if (!object) {
      if (!parameter.has_default) return refuse(mismatch, Mismatch::Kind::missing, i);
      copy_default(parameter.value, values[i]);
    } else if (!convert(parameter.wanted, object, values[i])) {
      return refuse(mismatch, Mismatch::Kind::wrong_type, i, object);
    } else if (parameter.wanted & (accepts::number | accepts::floating) && is_symbolic(object)) {
      // Where an int is asked for, it is not the stand-in that is taken.
      name_taken(object, signature.op, parameter.name.c_str());
    }
  }
  return true;
}

std::string got(PyObject* object) {
  if (!PyList_Check(object) && !PyTuple_Check(object)) return type_name(object);
  std::string text = join(type_name(object), " of (");
  const Py_ssize_t count = PySequence_Fast_GET_SIZE(object);
  for (Py_ssize_t i = 0; i < count && i < 4; ++i)
    text += join(i ? ", " : "", type_name(PySequence_Fast_GET_ITEM(object, i)));
  return text + (count > 4 ? ", ...)" : ")");
}

std::string explain(const Entry& entry, const Signature& signature, const CallArguments& call,
                    const Mismatch& why) {
  const int self = entry.method ? 1 : 0;
  const auto named = [&] { return join("'", signature.parameters[why.parameter].name, "'"); };
  switch (why.kind) {
    case Mismatch::Kind::too_many:
      return join("takes ", signature.positional - self, " positional argument(s), but ",
                  call.positional - self, " were given");
    case Mismatch::Kind::missing:
      return join("missing required argument ", named());
    case Mismatch::Kind::unknown_keyword:
      return join("got an unexpected keyword argument '", utf8(why.got), "'");
    case Mismatch::Kind::given_twice:
      return join("got multiple values for argument ", named());
    case Mismatch::Kind::wrong_type: {
      const std::string position =
          why.parameter < call.positional ? join(" (position ", why.parameter + 1 - self, ")") : "";
      const Parameter& parameter = signature.parameters[why.parameter];
      return join("argument ", named(), position, " must be ", parameter.annotation, ", not ",
                  got(why.got));
    }
    case Mismatch::Kind::none:
      break;
  }
  return "";
}

}  // namespace

bool bind(const Signature& signature, const CallArguments& call, ops::AnyValue* values,
          Mismatch& mismatch) {
  Placement placement;
  return placement.place(signature, call, mismatch) && placement.fill(signature, values, mismatch);
}

void raise_mismatch(const Entry& entry, const CallArguments& call) {
  const auto why = [&](const Overload& overload) {
    AnyValues values(overload.signature.parameters.size());
    Mismatch mismatch;
    bind(overload.signature, call, values.data(), mismatch);
    return explain(entry, overload.signature, call, mismatch);
  };
  const Overload& first = entry.overloads.front();
  if (entry.overloads.size() == 1)
    raise(PyExc_TypeError,
          join(entry.name, "(): ", why(first), "; signature: ", entry.name, first.shown));
  std::string text = join(entry.name, "(): no signature takes these arguments:");
  for (const Overload& overload : entry.overloads)
    text += join("\n  ", entry.name, overload.shown, ": ", why(overload));
  raise(PyExc_TypeError, text);
}

}  // namespace steep::bindings
