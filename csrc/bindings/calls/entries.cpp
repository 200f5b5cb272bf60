#include "bindings/calls/entries.h"

#include <algorithm>
#include <deque>

#include "bindings/autograd/autograd.h"
#include "bindings/calls/bind.h"
#include "bindings/calls/deprecated.h"
#include "bindings/calls/intercept.h"
#include "bindings/calls/out_argument.h"
#include "bindings/tensor/tensor_type.h"
#include "bindings/types/dtype_type.h"

namespace steep::bindings {

namespace {

// Entries live as long as the process; a deque keeps their addresses.
std::deque<Entry>& entries() {
  static auto* all = new std::deque<Entry>();
  return *all;
}

struct Operation {
  PyObject_HEAD
  vectorcallfunc vectorcall;
  const Entry* entry;
};

PyTypeObject* function_type = nullptr;
PyTypeObject* method_type = nullptr;

const Entry& entry_of(PyObject* self) { return *reinterpret_cast<Operation*>(self)->entry; }

PyObject* operation_call(PyObject* self, PyObject* const* args, size_t flags, PyObject* keywords) {
  return invoke(entry_of(self), args, PyVectorcall_NARGS(flags), keywords);
}

PyObject* operation_get(PyObject* self, PyObject* object, PyObject*) {
  return object && object != Py_None ? PyMethod_New(self, object) : new_reference(self);
}

PyObject* operation_repr(PyObject* self) {
  const Entry& entry = entry_of(self);
  return PyUnicode_FromFormat(entry.method ? "<method Tensor.%s of steep>" : "<function steep.%s>",
                              entry.name.c_str());
}

PyObject* operation_reduce(PyObject* self, PyObject*) {
  const Entry& entry = entry_of(self);
  if (!entry.method) return PyUnicode_FromString(entry.name.c_str());
  return guarded([&] {
    const Owned builtins(PyImport_ImportModule("builtins"));
    return Py_BuildValue("N(Os)", PyObject_GetAttrString(builtins.get(), "getattr"), tensor_type,
                         entry.name.c_str());
  });
}

PyObject* operation_name(PyObject* self, void*) {
  return PyUnicode_FromString(entry_of(self).name.c_str());
}
PyObject* operation_qualname(PyObject* self, void*) {
  return PyUnicode_FromFormat(entry_of(self).method ? "Tensor.%s" : "%s",
                              entry_of(self).name.c_str());
}
PyObject* operation_module(PyObject*, void*) { return PyUnicode_FromString("steep._core"); }
PyObject* operation_doc(PyObject* self, void*) {
  std::string text;
  for (const Overload& overload : entry_of(self).overloads)
    text += join(overload.op->name, overload.shown, "\n");
  return PyUnicode_FromString((text + "\n" + entry_of(self).overloads.front().op->doc).c_str());
}

PyGetSetDef attributes[] = {{"__name__", operation_name, nullptr, nullptr, nullptr},
                            {"__qualname__", operation_qualname, nullptr, nullptr, nullptr},
                            {"__module__", operation_module, nullptr, nullptr, nullptr},
                            {"__doc__", operation_doc, nullptr, nullptr, nullptr},
                            {nullptr, nullptr, nullptr, nullptr, nullptr}};
PyMethodDef methods[] = {{"__reduce__", operation_reduce, METH_NOARGS, "Pickled by name."},
                         {nullptr, nullptr, 0, nullptr}};
PyMemberDef members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Operation, vectorcall), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr}};

PyTypeObject* make_operation_type(const char* name, bool method) {
  PyType_Slot slots[] = {{Py_tp_call, slot(PyVectorcall_Call)},
                         {Py_tp_repr, slot(operation_repr)},
                         {Py_tp_getset, attributes},
                         {Py_tp_methods, methods},
                         {Py_tp_members, members},
                         {method ? Py_tp_descr_get : 0, method ? slot(operation_get) : nullptr},
                         {0, nullptr}};
  const unsigned long flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL |
                              Py_TPFLAGS_DISALLOW_INSTANTIATION |
                              (method ? Py_TPFLAGS_METHOD_DESCRIPTOR : 0ul);
  PyType_Spec spec = {name, sizeof(Operation), 0, static_cast<unsigned>(flags), slots};
  return make_type(spec);
}

Owned make_operation(const Entry& entry) {
  PyTypeObject* type = entry.method ? method_type : function_type;
  Owned object(type->tp_alloc(type, 0));
  auto* operation = reinterpret_cast<Operation*>(object.get());
  operation->vectorcall = operation_call;
  operation->entry = &entry;
  return object;
}

// As PyTorch prints it: a line for each tensor at least.
PyObject* named_pair_repr(PyObject* self) {
  return guarded([&] {
    PyTypeObject* const type = Py_TYPE(self);
    return PyUnicode_FromFormat("%s(\n%s=%R,\n%s=%R)", type->tp_name, type->tp_members[0].name,
                                PyStructSequence_GetItem(self, 0), type->tp_members[1].name,
                                PyStructSequence_GetItem(self, 1));
  });
}

// The type of the results of max(x, dim) and the like, or of aminmax: a named tuple.
PyTypeObject* make_named_pair(const std::string& name) {
  static auto* names = new std::deque<std::string>();
  names->push_back("steep.return_types." + name);
  static PyStructSequence_Field fields[] = {{"values", "The values."},
                                            {"indices", "Where along the dimension they are."},
                                            {nullptr, nullptr}};
  static PyStructSequence_Field ends[] = {
      {"min", "The least values."}, {"max", "The greatest values."}, {nullptr, nullptr}};
  const bool both_ends = name == "aminmax";
  PyStructSequence_Desc description = {names->back().c_str(),
                                       both_ends ? "Both ends." : "Values, and where they are.",
                                       both_ends ? ends : fields, 2};
  auto* const type = reinterpret_cast<PyTypeObject*>(
      checked(reinterpret_cast<PyObject*>(PyStructSequence_NewType(&description))));
  type->tp_repr = named_pair_repr;
  return type;
}

// The registry is sorted by name, so the entry of a name is one of the last two.
Entry& entry_named(const std::string& name, bool method) {
  std::deque<Entry>& all = entries();
  for (size_t i = all.size(); i-- > 0 && all[i].name == name;)
    if (all[i].method == method) return all[i];
  entries().push_back({name, method, false, false, {}});
  return entries().back();
}

void collect(const ops::Op& op) {
  Signature parsed = parse_signature(op);
  PyTypeObject* named =
      parsed.returns == "tuple[Tensor, Tensor]" ? make_named_pair(op.name) : nullptr;
  const bool composite = is_composite(op.name);
  const bool draws = std::string_view(op.source->family) == "random";
  if (op.exposure & ops::kMethod) {
    Entry& method = entry_named(op.name, true);
    method.draws |= draws;
    method.overloads.push_back({&op, parse_signature(op), named, op.signature, composite});
  }
  if (!(op.exposure & (ops::kFunction | ops::kInternal | ops::kFunctional))) return;
  Entry& function = entry_named(op.name, false);
  function.takes_out |= bool(op.exposure & ops::kOut);
  function.draws |= draws;
  const std::string shown = function.takes_out ? with_out(op.signature) : op.signature;
  function.overloads.push_back({&op, std::move(parsed), named, shown, composite});
}

// x.view(dtype), which is written in Python: the same bytes as numbers of another kind.
PyObject* view_bytes(const Entry& entry, const CallArguments& call) {
  if (entry.name != "view" || call.positional + call.keyword_count() != 2 ||
      !is_dtype(call.args[1]))
    return nullptr;
  const Owned module(PyImport_ImportModule("steep.operations.memory"));
  return checked(PyObject_CallMethod(module.get(), "view_bytes", "OO", call.args[0], call.args[1]));
}

PyObject* invoke_overload(const Entry& entry, const CallArguments& call) {
  if (call.keywords && entry.takes_out && find_out(call) >= 0) return invoke_into(entry, call);
  for (const Overload& overload : entry.overloads) {
    AnyValues values(overload.signature.parameters.size());
    Mismatch mismatch;
    if (!bind(overload.signature, call, values.data(), mismatch)) continue;
    ops::AnyValue result;
    if (overload.composite)
      call_composite(*overload.op, values.data(), result);
    else
      overload.op->call(*overload.op, values.data(), result);
    return wrap_result(result, overload.named);
  }
  const Reordered reordered(entry, call);
  if (reordered) return invoke_overload(entry, reordered.call());
  if (PyObject* const viewed = view_bytes(entry, call)) return viewed;
  raise_mismatch(entry, call);
}

}  // namespace

PyObject* invoke(const Entry& entry, PyObject* const* args, Py_ssize_t positional,
                 PyObject* keywords) {
  return guarded([&]() -> PyObject* {
    try {
      const CallArguments call = {args, positional, keywords};
      if (call_handler && is_intercepted(entry, call)) return intercept(entry, call);
      return invoke_overload(entry, call);
    } catch (const Unnamed& error) {
      throw error.of(entry.name.c_str());
    }
  });
}

void add_entries(PyObject* module) {
  function_type = make_operation_type("steep._core.function", false);
  method_type = make_operation_type("steep._core.method", true);
  for (const ops::Op& op : ops::registry().ops()) collect(op);
  PyObject* own = reinterpret_cast<PyObject*>(tensor_type);
  const Owned written(PyObject_GetAttrString(own, "__dict__"));
  for (const Entry& entry : entries()) {
    // A method written by hand takes precedence: it accepts what a signature cannot express.
    if (entry.method && PyMapping_HasKeyString(written.get(), entry.name.c_str())) continue;
    checked(PyObject_SetAttrString(entry.method ? own : module, entry.name.c_str(),
                                   make_operation(entry).get()));
  }
}

const Entry* find_method(const char* name) {
  for (const Entry& entry : entries())
    if (entry.method && entry.name == name) return &entry;
  return nullptr;
}

}  // namespace steep::bindings
