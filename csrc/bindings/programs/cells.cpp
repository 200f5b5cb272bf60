#include "bindings/programs/cells.h"

#include <cstring>
#include <vector>

#include "bindings/autograd/hooks.h"
#include "bindings/programs/call_key.h"
#include "bindings/programs/deeper.h"
#include "bindings/programs/symbolic.h"
#include "bindings/tensor/tensor_type.h"
#include "program/record/recorder.h"
#include "tape/history.h"

namespace steep::bindings {

namespace {

bool same_float(double a, double b) { return std::memcmp(&a, &b, sizeof a) == 0; }

bool same_items(PyObject* const* a, PyObject* const* b, Py_ssize_t count) {
  for (Py_ssize_t i = 0; i < count; ++i)
    if (!same_value(a[i], b[i])) return false;
  return true;
}

bool same_tuple(PyObject* a, PyObject* b) {
  const Py_ssize_t size = PyTuple_GET_SIZE(a);
  if (size != PyTuple_GET_SIZE(b)) return false;
  try {
    const Deeper deeper(" while comparing tuples");
    return same_items(&PyTuple_GET_ITEM(a, 0), &PyTuple_GET_ITEM(b, 0), size);
  } catch (const PythonError&) {
    if (!PyErr_ExceptionMatches(PyExc_RecursionError)) throw;
    PyErr_Clear();  // too deeply nested to be compared
    return false;
  }
}

bool equal(PyObject* a, PyObject* b) {
  const int answer = PyObject_RichCompareBool(a, b, Py_EQ);
  if (answer < 0) throw PythonError();
  return answer == 1;
}

// `now` is null, and `value` empty, where nothing is there.
bool same_or_absent(PyObject* now, const Owned& value) {
  return now ? value && same_value(now, value.get()) : !value || value.get() == anything();
}

bool item_holds(const Cell& cell) {
  PyObject* const now = PyDict_GetItemWithError(cell.holder.get(), cell.key.get());
  if (!now && PyErr_Occurred()) throw PythonError();
  return same_or_absent(now, cell.value);
}

bool dict_holds(PyObject* dict, PyObject* pairs) {
  if (2 * PyDict_GET_SIZE(dict) != PyTuple_GET_SIZE(pairs)) return false;
  PyObject *key, *value;
  Py_ssize_t at = 0, i = 0;
  for (; PyDict_Next(dict, &at, &key, &value); i += 2)
    if (!same_value(key, PyTuple_GET_ITEM(pairs, i)) ||
        !same_value(value, PyTuple_GET_ITEM(pairs, i + 1)))
      return false;
  return true;
}

bool sequence_holds(PyObject* sequence, PyObject* items) {
  const Py_ssize_t size = PyTuple_GET_SIZE(items);
  if (PyList_Check(sequence)) {
    if (PyList_GET_SIZE(sequence) != size) return false;
    for (Py_ssize_t i = 0; i < size; ++i)
      if (!same_value(PyList_GET_ITEM(sequence, i), PyTuple_GET_ITEM(items, i))) return false;
    return true;
  }
  const Py_ssize_t length = PyObject_Size(sequence);
  if (length < 0) throw PythonError();
  if (length != size) return false;
  const Owned now(PySequence_Tuple(sequence));
  return same_tuple(now.get(), items);
}

bool slot_holds(const Cell& cell) {
  PyObject* const descriptor = cell.key.get();
  const descrgetfunc get = Py_TYPE(descriptor)->tp_descr_get;
  PyObject* const holder = cell.holder.get();
  PyObject* const now = get(descriptor, holder, reinterpret_cast<PyObject*>(Py_TYPE(holder)));
  if (!now) {
    if (!PyErr_ExceptionMatches(PyExc_AttributeError)) throw PythonError();
    PyErr_Clear();  // an empty slot
    return !cell.value;
  }
  const Owned held(now);
  return same_or_absent(held.get(), cell.value);
}

bool function_holds(PyObject* function, PyObject* value) {
  PyObject* const now[3] = {PyFunction_GET_CODE(function), PyFunction_GET_DEFAULTS(function),
                            PyFunction_GET_KW_DEFAULTS(function)};
  for (int i = 0; i < 3; ++i)
    if (!same_value(now[i] ? now[i] : Py_None, PyTuple_GET_ITEM(value, i))) return false;
  return true;
}

// In the order of iteration, on which code may depend. The set's own iterator is used, not one that
// a subclass defines.
bool set_holds(PyObject* set, PyObject* items) {
  const Py_ssize_t size = PyTuple_GET_SIZE(items);
  if (PySet_GET_SIZE(set) != size) return false;
  const Owned all(PySet_Type.tp_iter(set));
  for (Py_ssize_t i = 0; i < size; ++i) {
    const Owned item(PyIter_Next(all.get()));
    if (!same_value(item.get(), PyTuple_GET_ITEM(items, i))) return false;
  }
  return true;
}

// Whether the buffer has this format and shape: `form` is (format, sizes...).
bool has_form(const Py_buffer& buffer, PyObject* form) {
  const Py_ssize_t rank = PyTuple_GET_SIZE(form) - 1;
  if (buffer.ndim != rank) return false;
  for (Py_ssize_t i = 0; i < rank; ++i)
    if (PyLong_AsSsize_t(PyTuple_GET_ITEM(form, i + 1)) != buffer.shape[i]) return false;
  return PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(form, 0),
                                          buffer.format ? buffer.format : "B") == 0;
}

bool is_form(PyObject* key) {
  if (!PyTuple_CheckExact(key) || PyTuple_GET_SIZE(key) == 0) return false;
  for (Py_ssize_t i = 1; i < PyTuple_GET_SIZE(key); ++i)
    if (!PyLong_CheckExact(PyTuple_GET_ITEM(key, i))) return false;
  return PyUnicode_CheckExact(PyTuple_GET_ITEM(key, 0));
}

bool array_holds(PyObject* array, PyObject* form, PyObject* bytes) {
  PyObject* const memory = PyMemoryView_FromObject(array);
  if (!memory) {
    PyErr_Clear();  // it no longer exports its memory
    return false;
  }
  const Owned view(memory);
  const Py_buffer* const buffer = PyMemoryView_GET_BUFFER(view.get());
  if (buffer->len != PyBytes_GET_SIZE(bytes) || !has_form(*buffer, form)) return false;
  if (PyBuffer_IsContiguous(buffer, 'C'))
    return std::memcmp(buffer->buf, PyBytes_AS_STRING(bytes), static_cast<size_t>(buffer->len)) ==
           0;
  const Owned now(PyBytes_FromObject(view.get()));
  return equal(now.get(), bytes);
}

constexpr uint64_t kComputed = 2;

// Which memory it has, whether it requires a gradient, was computed, and has hooks.
uint64_t flags_of(const Tensor& x) {
  const tape::History* const h = tape::history(x);
  const uint64_t flags = !h ? 0
                            : uint64_t{tape::requires_grad(x)} << 2 | (h->grad_fn ? kComputed : 0) |
                                  uint64_t{has_hooks(x)};
  return x->storage->id() << 3 | flags;
}

// The number of the node that made it; 0 for a leaf. A view counts by the node of its base, because
// its own is made anew after each change of the memory.
uint64_t node_of(const Tensor& x) {
  const tape::History* h = tape::history(x);
  if (h && tape::is_view(*h)) h = tape::history(h->base);
  return h && h->grad_fn ? h->grad_fn->number : 0;
}

void check(bool good, const char* expected, PyObject* got) {
  if (!good) raise(PyExc_TypeError, join("guards: expected ", expected, ", got ", type_name(got)));
}

void check_cell(const Cell& cell) {
  using Kind = Cell::Kind;
  PyObject* const holder = cell.holder.get();
  switch (cell.kind) {
    case Kind::variable:
      return check(PyCell_Check(holder), "a cell", holder);
    case Kind::item:
      return check(PyDict_Check(holder), "a dict", holder);
    case Kind::dict:
      check(PyDict_Check(holder), "a dict", holder);
      return check(PyTuple_CheckExact(cell.value.get()), "a tuple", cell.value.get());
    case Kind::sequence:
      return check(PyTuple_CheckExact(cell.value.get()), "a tuple", cell.value.get());
    case Kind::set:
      check(PyAnySet_Check(holder), "a set", holder);
      return check(PyTuple_CheckExact(cell.value.get()), "a tuple", cell.value.get());
    case Kind::type:
      check(PyType_Check(holder), "a type", holder);
      return check(PyUnicode_CheckExact(cell.key.get()), "a name", cell.key.get());
    case Kind::slot:
      return check(Py_TYPE(cell.key.get())->tp_descr_get, "a descriptor", cell.key.get());
    case Kind::function:
      check(PyFunction_Check(holder), "a function", holder);
      return check(PyTuple_CheckExact(cell.value.get()) && PyTuple_GET_SIZE(cell.value.get()) == 3,
                   "a tuple of three", cell.value.get());
    case Kind::array:
      check(PyObject_CheckBuffer(holder), "a buffer", holder);
      check(is_form(cell.key.get()), "a format and sizes", cell.key.get());
      return check(PyBytes_CheckExact(cell.value.get()), "bytes", cell.value.get());
    case Kind::tensor:
      check(is_tensor(holder), "a Tensor", holder);
      return check(PyBytes_CheckExact(cell.value.get()), "bytes", cell.value.get());
    case Kind::instance:
      return check(PyTuple_CheckExact(cell.value.get()) && PyTuple_GET_SIZE(cell.value.get()) == 2,
                   "a class and a dict", cell.value.get());
    case Kind::hooks:
      check(is_tensor(holder), "a Tensor", holder);
      return check(PyTuple_CheckExact(cell.value.get()), "a tuple", cell.value.get());
  }
}

}  // namespace

bool same_value(PyObject* a, PyObject* b) {
  if (a == b) return true;
  const PyTypeObject* const type = Py_TYPE(a);
  if (b == any_number()) return type == &PyFloat_Type || type == &PyLong_Type;
  if (b == anything()) return true;
  if (type != Py_TYPE(b)) return false;
  if (type == &PyFloat_Type) return same_float(PyFloat_AS_DOUBLE(a), PyFloat_AS_DOUBLE(b));
  if (type == &PyLong_Type || type == &PyUnicode_Type || type == &PyBytes_Type) return equal(a, b);
  if (type == &PyTuple_Type) return same_tuple(a, b);
  if (type == &PyMethod_Type)
    return PyMethod_GET_SELF(a) == PyMethod_GET_SELF(b) &&
           PyMethod_GET_FUNCTION(a) == PyMethod_GET_FUNCTION(b);
  if (type != &PyComplex_Type) return false;
  const Py_complex x = PyComplex_AsCComplex(a), y = PyComplex_AsCComplex(b);
  return same_float(x.real, y.real) && same_float(x.imag, y.imag);
}

bool Cell::holds() const {
  switch (kind) {
    case Kind::variable:
      return same_or_absent(PyCell_GET(holder.get()), value);
    case Kind::item:
      return item_holds(*this);
    case Kind::dict:
      return dict_holds(holder.get(), value.get());
    case Kind::sequence:
      return sequence_holds(holder.get(), value.get());
    case Kind::set:
      return set_holds(holder.get(), value.get());
    case Kind::type:
      return same_or_absent(found_in_type(holder.get(), key.get()), value);
    case Kind::slot:
      return slot_holds(*this);
    case Kind::function:
      return function_holds(holder.get(), value.get());
    case Kind::array:
      return array_holds(holder.get(), key.get(), value.get());
    case Kind::tensor:
      return tensor_holds(*this);
    case Kind::instance:
      return instance_holds(*this);
    case Kind::hooks:
      return has_hooks_of(tensor_of(holder.get()), value.get());
  }
  return false;
}

namespace {
using StateParts = SmallVector<int64_t, 16>;

StateParts parts_of_state(const Tensor& x) {
  StateParts parts{static_cast<int64_t>(flags_of(x)), static_cast<int64_t>(node_of(x)),
                   code_of(x.dtype()), x->offset};
  for (const int64_t size : x.shape()) parts.push_back(size);
  for (const int64_t stride : x.strides()) parts.push_back(stride);
  return parts;
}

Py_ssize_t bytes_of(const StateParts& parts) {
  return parts.size() * static_cast<Py_ssize_t>(sizeof(int64_t));
}
}  // namespace

PyObject* state_of(const Tensor& x) {
  const StateParts parts = parts_of_state(x);
  return checked(
      PyBytes_FromStringAndSize(reinterpret_cast<const char*>(parts.data()), bytes_of(parts)));
}

bool is_in_state(const Tensor& x, PyObject* state) {
  const StateParts parts = parts_of_state(x);
  return PyBytes_GET_SIZE(state) == bytes_of(parts) &&
         std::memcmp(PyBytes_AS_STRING(state), parts.data(),
                     static_cast<size_t>(bytes_of(parts))) == 0;
}

bool is_made(const Tensor& x) {
  const program::Recorder* const recorder = program::Recorder::active();
  return recorder && recorder->has_made(*x->storage);
}

PyObject* found_in_type(PyObject* type, PyObject* name) {
  return _PyType_Lookup(reinterpret_cast<PyTypeObject*>(type), name);
}

bool tensor_holds(const Cell& cell) {
  const Tensor& x = tensor_of(cell.holder.get());
  if (flags_of(x) != cell.state) return false;
  if ((cell.state & kComputed) && node_of(x) != cell.node) return false;
  if (x->swaps == cell.swaps) return true;
  if (!is_in_state(x, cell.value.get())) return false;
  cell.swaps = x->swaps;
  return true;
}

bool instance_holds(const Cell& cell) {
  PyObject* const holder = cell.holder.get();
  if (reinterpret_cast<PyObject*>(Py_TYPE(holder)) != PyTuple_GET_ITEM(cell.value.get(), 0))
    return false;
  PyObject* const attributes = PyTuple_GET_ITEM(cell.value.get(), 1);
  if (attributes == Py_None) return true;
  const Owned now(PyObject_GenericGetDict(holder, nullptr));
  return now.get() == attributes;
}

Cell make_cell(Cell::Kind kind, PyObject* holder, PyObject* key, PyObject* value) {
  using Kind = Cell::Kind;
  const bool may_lack =
      kind == Kind::item || kind == Kind::type || kind == Kind::slot || kind == Kind::variable;
  check(may_lack || value, "a value", holder);
  Cell cell{kind, Owned::borrow(holder), Owned::borrow(key),
            value ? Owned::borrow(value) : Owned()};
  check_cell(cell);
  if (kind == Kind::tensor) {
    const Tensor& x = tensor_of(holder);
    const bool holds = is_in_state(x, value);
    cell.state = holds ? flags_of(x) : ~uint64_t{0};  // a state that no tensor has
    cell.node = node_of(x);
    cell.swaps = x->swaps;
  }
  return cell;
}

Cell::Kind kind_of_cell(PyObject* number) {
  const long kind = PyLong_AsLong(number);
  if (PyErr_Occurred()) throw PythonError();
  check(kind >= 0 && kind < Cell::kKinds, "a kind of cell", number);
  return static_cast<Cell::Kind>(kind);
}

Cell cell_of(PyObject* item) {
  check(PyTuple_CheckExact(item) && PyTuple_GET_SIZE(item) == 4, "a tuple of four", item);
  PyObject* const value = PyTuple_GET_ITEM(item, 3);
  return make_cell(kind_of_cell(PyTuple_GET_ITEM(item, 0)), PyTuple_GET_ITEM(item, 1),
                   PyTuple_GET_ITEM(item, 2), value == absent() ? nullptr : value);
}

PyObject* absent() {
  static PyObject* const object =
      checked(PyObject_CallNoArgs(reinterpret_cast<PyObject*>(&PyBaseObject_Type)));
  return object;
}

PyObject* anything() {
  static PyObject* const object =
      checked(PyObject_CallNoArgs(reinterpret_cast<PyObject*>(&PyBaseObject_Type)));
  return object;
}

}  // namespace steep::bindings
