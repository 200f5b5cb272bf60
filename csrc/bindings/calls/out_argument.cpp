#include "bindings/calls/out_argument.h"

#include "bindings/autograd/autograd.h"
#include "bindings/tensor/tensor_type.h"
#include "ops/elementwise/inplace.h"
#include "ops/host.h"
#include "ops/ops.h"
#include "program/record/recorder.h"
#include "tape/history.h"

namespace steep::bindings {

namespace {

PyObject* out_key() {
  static PyObject* key = PyUnicode_InternFromString("out");
  return key;
}

// A call without its out=.
class Stripped {
 public:
  Stripped(const CallArguments& call, Py_ssize_t at)
      : args_(call.args, call.args + call.positional + call.keyword_count()),
        names_(PyTuple_New(call.keyword_count() - 1)) {
    args_.erase(args_.begin() + call.positional + at);
    for (Py_ssize_t i = 0, to = 0; i < call.keyword_count(); ++i)
      if (i != at)
        PyTuple_SET_ITEM(names_.get(), to++, new_reference(PyTuple_GET_ITEM(call.keywords, i)));
    this->call = {args_.data(), call.positional, names_.get()};
  }
  CallArguments call{};

 private:
  std::vector<PyObject*> args_;
  Owned names_;
};

Tensors read_outs(const Entry& entry, PyObject* object) {
  Tensors outs;
  if (is_tensor(object)) outs.push_back(tensor_of(object));
  const bool several = PyTuple_Check(object) || PyList_Check(object);
  for (Py_ssize_t i = 0; several && i < PySequence_Fast_GET_SIZE(object); ++i) {
    PyObject* item = PySequence_Fast_GET_ITEM(object, i);
    if (is_tensor(item)) outs.push_back(tensor_of(item));
  }
  if (outs.empty() || (several && outs.size() != PySequence_Fast_GET_SIZE(object)))
    raise(PyExc_TypeError,
          join(entry.name, "(): argument 'out' must be Tensor or a tuple of them, ", "not ",
               type_name(object)));
  return outs;
}

// If no dtype is given, it is that of out; a given one must match it.
void settle_dtype(const Entry& entry, const Signature& signature, ops::AnyValue* values,
                  const Tensor& out) {
  for (size_t i = 0; i < signature.parameters.size(); ++i) {
    const Parameter& parameter = signature.parameters[i];
    if (!(parameter.wanted & accepts::dtype)) continue;
    if (values[i].kind == ops::AnyValue::Kind::none) {
      values[i] = ops::AnyValue::of(out.dtype());
    } else if (values[i].dtype != out.dtype()) {
      throw Error(ErrorKind::runtime,
                  join(entry.name, ": dtype ", name(values[i].dtype),
                       " does not match dtype of out parameter (", name(out.dtype()), ")"));
    }
  }
}

bool any_wanted(const ops::AnyValue* values, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if (values[i].kind == ops::AnyValue::Kind::tensor && tape::wanted(values[i].tensor))
      return true;
    if (values[i].kind != ops::AnyValue::Kind::tensors) continue;
    for (const Tensor& each : *values[i].tensors)
      if (tape::wanted(each)) return true;
  }
  return false;
}

// Whether `out`, once it has that many elements, has bytes in common with an operand, neither with
// gaps: by address, for several tensors may be made on the memory of one array.
bool overlap(const Tensor& operand, const Tensor& out, int64_t elements) {
  if (operand->storage == out->storage && operand.numel() == 0) return elements > 0;
  if (!operand.is_contiguous() || !out.is_contiguous()) return false;
  const char *const begin = operand->data(), *const written = out->data();
  return begin < written + elements * element_size(out.dtype()) &&
         written < begin + operand.numel() * element_size(operand.dtype());
}

void check_apart(const Entry& entry, const ops::AnyValue* values, size_t count, const Tensor& out,
                 int64_t elements) {
  const auto check = [&](const Tensor& operand) {
    if (operand.defined() && overlap(operand, out, elements))
      throw Error(ErrorKind::runtime,
                  join(entry.name,
                       ": unsupported operation: some elements of the input tensor and the "
                       "written-to tensor refer to a single memory location; expected an out= with "
                       "memory of its own, or clone() the input first"));
  };
  for (size_t i = 0; i < count; ++i) {
    if (values[i].kind == ops::AnyValue::Kind::tensor) check(values[i].tensor);
    if (values[i].kind != ops::AnyValue::Kind::tensors) continue;
    for (const Tensor& each : *values[i].tensors) check(each);
  }
}

void check_outs(const Entry& entry, ops::Exposure flags, const Tensors& outs,
                const Tensors& results, bool recorded) {
  if (outs.size() != results.size())
    raise(PyExc_TypeError, join(entry.name, "(): expected ", results.size(),
                                " tensor(s) as out, got ", outs.size()));
  for (int i = 0; i < outs.size(); ++i) {
    if (tape::wanted(outs[i]) || (recorded && tape::requires_grad(results[i]))) {
      throw Error(ErrorKind::runtime,
                  join(entry.name,
                       "(): functions with out=... arguments don't support automatic "
                       "differentiation, but one of the arguments requires grad; leave out= away, "
                       "or use no_grad()"));
    }
    const bool alike = outs.size() > 1 || flags == ops::kOutAlike;
    if (alike && results[i].dtype() != outs[i].dtype()) {
      throw Error(ErrorKind::runtime,
                  join(entry.name, ": Expected out tensor to have dtype ", name(results[i].dtype()),
                       ", but got ", name(outs[i].dtype()), " instead"));
    }
    if (!ops::can_cast(results[i].dtype(), outs[i].dtype())) {
      throw Error(ErrorKind::runtime,
                  join(entry.name, ": result type ", name(results[i].dtype()),
                       " can't be cast to the desired output type ", name(outs[i].dtype())));
    }
    tape::check_writable(entry.name.c_str(), outs[i]);
  }
}

// Gives `out` memory of the result's shape.
void resize(const Tensor& out, const Dims& shape) {
  if (out.numel() > 0) {
    ops::host.warn(join("An output with one or more elements was resized since it had shape ",
                        to_string(out.shape()), ", which does not match the required output shape ",
                        to_string(shape),
                        ". This behavior is deprecated, and in a future PyTorch release outputs "
                        "will not be resized unless they have zero elements."));
  }
  program::refuse_recording(
      "an out= tensor changes its shape; give it the shape of the result before the call");
  take_memory(out, empty(shape, out.dtype()));
}

ops::Exposure out_flags(const Overload& overload) {
  return static_cast<ops::Exposure>(overload.op->exposure & ops::kOutAlike);
}

PyObject* write(const Entry& entry, const Overload& overload, const Tensors& outs,
                ops::AnyValue& result, bool recorded) {
  Tensors results;
  if (result.kind == ops::AnyValue::Kind::tensor) results.push_back(result.tensor);
  if (result.kind == ops::AnyValue::Kind::tensors) results = *result.tensors;
  check_outs(entry, out_flags(overload), outs, results, recorded);
  for (int i = 0; i < outs.size(); ++i)
    if (outs[i].shape() != results[i].shape()) resize(outs[i], results[i].shape());
  const tape::GradMode off(false);
  for (int i = 0; i < outs.size(); ++i) ops::assign(entry.name.c_str(), outs[i], results[i]);
  for (int i = 0; i < outs.size(); ++i)
    if (tape::requires_grad(results[i])) tape::set_requires_grad(outs[i], true);  // as requested
  if (outs.size() == 1) return wrap(outs[0]);
  ops::AnyValue pair = ops::AnyValue::of(outs);
  return wrap_result(pair, overload.named);
}

}  // namespace

std::string with_out(const std::string& signature) {
  const size_t close = signature.rfind(") -> ");
  const bool keywords = signature.find("*") != std::string::npos;
  const bool pair = signature.compare(close, std::string::npos, ") -> tuple[Tensor, Tensor]") == 0;
  return signature.substr(0, close) + (keywords ? ", out: " : ", *, out: ") +
         (pair ? "tuple[Tensor, Tensor]" : "Tensor") + " | None = None" + signature.substr(close);
}

Py_ssize_t find_out(const CallArguments& call) {
  for (Py_ssize_t i = 0; i < call.keyword_count(); ++i) {
    PyObject* key = PyTuple_GET_ITEM(call.keywords, i);
    if (key == out_key() || PyUnicode_Compare(key, out_key()) == 0) return i;
  }
  return -1;
}

PyObject* invoke_into(const Entry& entry, const CallArguments& given) {
  const Py_ssize_t at = find_out(given);
  PyObject* object = given.args[given.positional + at];
  const Stripped stripped(given, at);
  const CallArguments& call = stripped.call;
  if (object == Py_None) return invoke(entry, call.args, call.positional, call.keywords);
  const Tensors outs = read_outs(entry, object);
  for (const Overload& overload : entry.overloads) {
    const size_t count = overload.signature.parameters.size();
    AnyValues values(count);
    Mismatch mismatch;
    if (!bind(overload.signature, call, values.data(), mismatch)) continue;
    settle_dtype(entry, overload.signature, values.data(), outs[0]);
    const bool recorded = any_wanted(values.data(), count);
    ops::AnyValue result;
    overload.op->call(*overload.op, values.data(), result);
    if (out_flags(overload) & ~ops::kOut)
      check_apart(entry, values.data(), count, outs[0], result.tensor.numel());
    return write(entry, overload, outs, result, recorded);
  }
  raise_mismatch(entry, call);
}

}  // namespace steep::bindings
