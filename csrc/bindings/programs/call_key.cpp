#include "bindings/programs/call_key.h"

#include <algorithm>
#include <cstring>
#include <unordered_map>
#include <vector>

#include "bindings/calls/convert.h"
#include "bindings/programs/classes.h"
#include "bindings/programs/deeper.h"
#include "bindings/programs/first_with.h"
#include "bindings/tensor/from_python.h"
#include "bindings/tensor/tensor_type.h"
#include "bindings/types/dtype_type.h"
#include "tape/history.h"

namespace steep::bindings {

namespace {

// Visits the pairs of a dict and holds each meanwhile: inspecting an object may run Python code,
// which may change the dict.
template <class Visit>
void for_each(PyObject* dict, Visit&& visit) {
  const Py_ssize_t size = PyDict_GET_SIZE(dict);
  PyObject *name, *value;
  Py_ssize_t at = 0;
  while (PyDict_Next(dict, &at, &name, &value)) {
    const Owned held_name = Owned::borrow(name), held_value = Owned::borrow(value);
    visit(name, value);
    if (PyDict_GET_SIZE(dict) != size)
      raise(PyExc_RuntimeError,
            "compile: expected a dict that keeps its size while it is read, got one that changed; "
            "pass a copy of it, as in dict(x)");
  }
}

// Reserved for a key from the start: enough for a call with two or three tensors.
constexpr size_t kUsualBytes = 120;

constexpr int64_t kManyParts = int64_t{1} << 16;

class KeyReader {
 public:
  KeyReader(CallKey& key, PyObject* namespaces)
      : key_(key), namespaces_(namespaces), first_on_(key.inputs), first_same_(key.inputs) {}

  void read(PyObject* object) {
    if (is_tensor(object)) {
      tensor(tensor_of(object));
      if (Py_TYPE(object)->tp_dictoffset != 0) labels(object);
      return;
    }
    const Deeper deeper(" while reading the arguments of a compiled function");
    if (++parts_ > kManyParts && PyObject_IS_GC(object) && is_read_again(object)) return;
    read_plain(object);
  }

 private:
  // Beyond kManyParts, a container that was read before is only referred to: twenty levels that
  // each hold the next one twice would otherwise be a million parts.
  bool is_read_again(PyObject* object) {
    const auto [known, is_new] = met_.try_emplace(object, met_.size());
    if (is_new) held_.push_back(Owned::borrow(object));
    if (!is_new) number('m', known->second);
    return !is_new;
  }

  void read_plain(PyObject* object) {
    if (object == Py_None) return tag('n');
    if (PyBool_Check(object)) return tag(object == Py_True ? '1' : '0');
    if (PyFloat_CheckExact(object))
      return leave_open('F', object) ? void() : number('f', PyFloat_AS_DOUBLE(object));
    if (PyLong_CheckExact(object)) return leave_open('L', object) ? void() : integer(object);
    if (PyUnicode_CheckExact(object)) return text(object);
    if (PyTuple_CheckExact(object)) return inside(object, [&] { sequence('t', object); });
    if (PyList_CheckExact(object)) return inside(object, [&] { sequence('l', object); });
    if (PyDict_CheckExact(object)) return inside(object, [&] { dictionary(object); });
    if (PySlice_Check(object)) return slice(reinterpret_cast<PySliceObject*>(object));
    if (read_subclass(object)) return;
    if (PyBytes_CheckExact(object)) return bytes(object);
    if (PyComplex_CheckExact(object)) return complex(PyComplex_AsCComplex(object));
    if (is_kind_of(object, "numpy.generic") && scalar(object)) return;
    if (is_made_of_attributes(object, namespaces_))
      return inside(object, [&] { attributes(object); });
    if (depth_ == 0 && closed_ == 0 && array(object)) return;
    number('o', object);
    keep(object);
  }

  // Whether a number counts by its type alone.
  bool leave_open(char what, PyObject* object) {
    if (closed_ > 0 || depth_ > key_.deepest) return false;
    key_.has_numbers = true;
    if (!key_.numbers) return key_.note_closed(depth_ == 0, what), false;
    checked(PyList_Append(key_.numbers, object));
    tag(what);
    return true;
  }

  // With so many numbers, none in a container is left open: the call is then read again
  // (read_open_call).
  bool has_too_many() const { return PyList_GET_SIZE(key_.numbers) > kMostNumbers; }

  // Reads a container in which numbers may be left open.
  template <class Read>
  void inside(PyObject* object, Read read_parts) {
    const bool looks = key_.numbers && closed_ == 0 && depth_ < key_.deepest && !has_too_many();
    if (looks) {
      const auto known = std::find_if(open_.begin(), open_.end(),
                                      [&](const Owned& x) { return x.get() == object; });
      if (known != open_.end()) return number('A', known - open_.begin());
    }
    const Py_ssize_t before = looks ? PyList_GET_SIZE(key_.numbers) : 0;
    ++depth_;
    read_parts();
    --depth_;
    if (looks && PyList_GET_SIZE(key_.numbers) > before) open_.push_back(Owned::borrow(object));
  }

  // Reads what counts by its value, including the numbers in it.
  template <class Read>
  void closed(Read read_parts) {
    ++closed_;
    read_parts();
    --closed_;
  }

  // For an instance of a subclass, the type and the further attributes count as well. False for
  // what counts by its identity.
  bool read_subclass(PyObject* object) {
    if (PyTuple_Check(object)) {  // a subclass of tuple or int cannot have slots
      if (has_unseen_fields(object)) return false;
      typed(object);
      const auto items = [&] { sequence('t', object); };
      is_named_tuple(object) ? inside(object, items) : closed(items);
    } else if (PyDict_Check(object)) {
      if (has_slots(object)) return false;
      typed(object);
      const auto items = [&] { dictionary(object); };
      is_plain_dict(object) ? inside(object, items) : closed(items);
      closed([&] {
        if (PyODict_Check(object)) ordered(object);
        if (is_kind_of(object, "collections.defaultdict")) factory(object);
      });
    } else if (PyFloat_Check(object)) {
      if (has_slots(object)) return false;
      typed(object);
      number('f', PyFloat_AS_DOUBLE(object));
    } else if (PyLong_Check(object)) {
      typed(object);
      integer(object);
    } else {
      return false;
    }
    closed([&] { own_attributes(object); });
    return true;
  }

  void keep(PyObject* object) {
    key_.has_objects = true;
    if (key_.known) checked(PyList_Append(key_.known, object));
  }
  void typed(PyObject* object) {
    number('c', Py_TYPE(object));
    // Types defined in C are never freed.
    if (PyType_HasFeature(Py_TYPE(object), Py_TPFLAGS_HEAPTYPE))
      keep(reinterpret_cast<PyObject*>(Py_TYPE(object)));
  }
  void slice(PySliceObject* object) {
    tag('S');
    closed([&] {
      for (PyObject* end : {object->start, object->stop, object->step}) read(end);
    });
  }
  void open(PyObject* object) {
    if (key_.opened) checked(PyList_Append(key_.opened, object));
  }
  // For an argument itself. False for anything but an array whose memory a tensor can share.
  bool array(PyObject* object) {
    if (std::strcmp(type_name(object), "numpy.ndarray") != 0) return false;
    Tensor x;
    for (const auto& [known, tensor] : arrays_)
      if (known.get() == object) x = tensor;
    if (!x.defined()) {
      x = tensor_of_ndarray(object);
      if (!x.defined()) return false;
      arrays_.emplace_back(Owned::borrow(object), x);
    }
    if (key_.arrays) {
      const Owned wrapped(wrap(x));
      const Owned pair(PyTuple_Pack(2, object, wrapped.get()));
      checked(PyList_Append(key_.arrays, pair.get()));
    }
    tag('N');
    tensor(x);
    return true;
  }
  // A NumPy scalar: a number, a text or a record. False for one that holds objects, which counts by
  // its identity. The dtype is part of the key where the type does not say all: a unit of time, or
  // fields.
  bool scalar(PyObject* object) {
    if (is_plain_scalar(object)) {
      typed(object);
    } else {
      const Owned dtype(PyObject_GetAttrString(object, "dtype"));
      if (holds_objects(dtype.get())) return false;
      typed(object);
      const Owned meaning(PyObject_Str(dtype.get()));
      text(meaning.get());
    }
    const Owned all(PyObject_CallMethod(object, "tobytes", nullptr));
    bytes(all.get());
    closed([&] { own_attributes(object); });
    return true;
  }
  void bytes(PyObject* object) {
    char* data;
    Py_ssize_t size;
    checked(PyBytes_AsStringAndSize(object, &data, &size));
    number('b', size);
    key_.bytes.append(data, static_cast<size_t>(size));
  }
  void complex(Py_complex value) {
    number('z', value.real);
    raw(value.imag);
  }
  // An OrderedDict keeps an order of its own, apart from the order of the dict.
  void ordered(PyObject* object) {
    const Owned names(PySequence_List(object));
    const Items items("compile", names.get());
    for (Py_ssize_t i = 0; i < items.size(); ++i) read(items[i].get());
  }
  void factory(PyObject* object) {
    static PyObject* const name = checked(PyUnicode_InternFromString("default_factory"));
    const Owned made(PyObject_GenericGetAttr(object, name));
    read(made.get());
  }
  void attributes(PyObject* object) {
    const Owned values(PyObject_GenericGetDict(object, nullptr));
    typed(object);
    open(object);
    dictionary(values.get());
  }
  // The attributes of an object that counts by its value. Instances of most types cannot have any.
  void own_attributes(PyObject* object) {
    if (Py_TYPE(object)->tp_dictoffset == 0) return;
    PyObject** const values = _PyObject_GetDictPtr(object);
    if (!values || !*values || PyDict_GET_SIZE(*values) == 0) return tag('-');
    const Owned held = Owned::borrow(*values);
    open(object);
    dictionary(held.get());
  }

  void tag(char what) { key_.bytes.push_back(what); }
  template <class T>
  void raw(const T& value) {
    key_.bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  template <class T>
  void number(char what, T value) {
    tag(what);
    raw(value);
  }

  // For an instance of a subclass of Tensor: its type, and the names of its attributes. Code that
  // reads one keeps its function eager; code that finds there is none, such as hasattr, does not.
  void labels(PyObject* object) {
    typed(object);
    PyObject** const values = _PyObject_GetDictPtr(object);
    if (!values || !*values || PyDict_GET_SIZE(*values) == 0) return tag('-');
    const Owned names(PyDict_Keys(*values));
    const Items items("compile", names.get());
    number('d', items.size());
    closed([&] {
      for (Py_ssize_t i = 0; i < items.size(); ++i) read(items[i].get());
    });
  }

  void tensor(const Tensor& x) {
    tag('T');
    const int flags = code_of(x.dtype()) << 3 | has_hooks(x) << 2 | tape::requires_grad(x) << 1 |
                      static_cast<int>(tape::is_leaf(x));
    raw(static_cast<uint8_t>(flags));
    raw(static_cast<uint8_t>(x.dim()));
    const size_t bytes = sizeof(int64_t) * static_cast<size_t>(x.dim());
    key_.bytes.append(reinterpret_cast<const char*>(x.shape().data()), bytes);
    key_.bytes.append(reinterpret_cast<const char*>(x.strides().data()), bytes);
    if (const int i = first_on_.find(x); i >= 0) {
      const bool same = key_.inputs[i].same(x);
      number(same ? 'e' : 'a', i);  // the same tensor as an earlier one, or on its memory
      raw(x->offset - key_.inputs[i]->offset);
      if (!same) raw(first_same_.find(x));
    }
    key_.inputs.push_back(x);
  }

  void integer(PyObject* object) {
    int overflow = 0;
    const int64_t value = PyLong_AsLongLongAndOverflow(object, &overflow);
    if (!overflow) return number('i', value);
    const Owned digits(PyNumber_ToBase(object, 16));  // Python limits the decimal ones
    tag('I');
    key_.has_other_numbers = true;  // it has no fixed size
    text(digits.get());
  }

  void text(PyObject* object) {
    Py_ssize_t size;
    if (const char* const characters = PyUnicode_AsUTF8AndSize(object, &size)) {
      number('s', size);
      key_.bytes.append(characters, static_cast<size_t>(size));
      return;
    }
    if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) throw PythonError();
    PyErr_Clear();  // it contains an unpaired surrogate
    const Owned encoded(PyUnicode_AsEncodedString(object, "utf-8", "surrogatepass"));
    tag('h');
    bytes(encoded.get());
  }

  void sequence(char what, PyObject* object) {
    open(object);
    const Items items("compile", object);
    number(what, items.size());
    for (Py_ssize_t i = 0; i < items.size(); ++i) read(items[i].get());
  }

  void dictionary(PyObject* object) {
    open(object);
    number('d', PyDict_GET_SIZE(object));
    for_each(object, [this](PyObject* name, PyObject* value) {
      closed([&] { read(name); });
      // Writing a number back under a key that is neither a string nor an int would run the code of
      // the key.
      const bool is_plain = PyUnicode_CheckExact(name) || PyLong_CheckExact(name);
      is_plain ? read(value) : closed([&] { read(value); });
    });
  }

  CallKey& key_;
  PyObject* namespaces_;
  FirstWith<storage_of> first_on_;
  FirstWith<self_of> first_same_;  // of those that are not the first on their memory
  int64_t parts_ = 0;
  std::unordered_map<PyObject*, size_t> met_;     // after the first kManyParts
  std::vector<Owned> held_;                       // all in that
  int depth_ = 0;                                 // how many containers are being read
  int closed_ = 0;                                // of these, how many whose numbers count by value
  std::vector<Owned> open_;                       // containers with numbers left open
  std::vector<std::pair<Owned, Tensor>> arrays_;  // those met so far, with what they count as
};

}  // namespace

void read_call(PyObject* args, PyObject* kwargs, PyObject* namespaces, CallKey& key) {
  const bool named = kwargs && kwargs != Py_None;
  if (!PyTuple_Check(args) || (named && !PyDict_Check(kwargs)))
    raise(PyExc_TypeError, "compile: expected the arguments of a call, a tuple and a dict");
  key.bytes.reserve(kUsualBytes);
  key.bytes.push_back(static_cast<char>(tape::grad_enabled()));
  key.bytes.push_back(static_cast<char>(code_of(default_dtype())));
  const Py_ssize_t positional = PyTuple_GET_SIZE(args);
  key.bytes.append(reinterpret_cast<const char*>(&positional), sizeof positional);
  KeyReader reader(key, namespaces);
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(args); ++i) reader.read(PyTuple_GET_ITEM(args, i));
  if (!named) return;
  for_each(kwargs, [&reader](PyObject* name, PyObject* value) {
    reader.read(name);
    reader.read(value);
  });
}

namespace {
// Reads a call with numbers left open in containers nested up to `deepest`.
Owned read_numbers(PyObject* args, PyObject* kwargs, PyObject* namespaces, int deepest,
                   CallKey& key) {
  Owned numbers(PyList_New(0));
  CallKey open;
  open.known = key.known;
  open.opened = key.opened;
  open.arrays = key.arrays;
  open.numbers = numbers.get();
  open.deepest = deepest;
  read_call(args, kwargs, namespaces, open);
  key = std::move(open);
  key.numbers = nullptr;  // which are the caller's
  return numbers;
}
}  // namespace

PyObject* read_open_call(PyObject* args, PyObject* kwargs, PyObject* namespaces, CallKey& key) {
  Owned numbers = read_numbers(args, kwargs, namespaces, key.deepest, key);
  if (PyList_GET_SIZE(numbers.get()) <= kMostNumbers) return numbers.release();
  for (PyObject* list : {key.known, key.opened, key.arrays})
    if (list) checked(PyList_SetSlice(list, 0, PyList_GET_SIZE(list), nullptr));
  return read_numbers(args, kwargs, namespaces, 0, key).release();
}

bool read_more(PyObject* parts, PyObject* namespaces, CallKey& key) {
  try {
    KeyReader(key, namespaces).read(parts);
    return true;
  } catch (const PythonError&) {
    if (!PyErr_ExceptionMatches(PyExc_RecursionError)) throw;
    PyErr_Clear();
    return false;
  }
}

}  // namespace steep::bindings
