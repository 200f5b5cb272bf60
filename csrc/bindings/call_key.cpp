#include "bindings/call_key.h"

#include "bindings/dtype_type.h"
#include "bindings/tensor_type.h"
#include "tape/history.h"

namespace steep::bindings {

namespace {

// One level more of nested containers, of which there are not endlessly many.
class Deeper {
 public:
  Deeper() {
    if (Py_EnterRecursiveCall(" while reading the arguments of a compiled function"))
      throw PythonError();
  }
  ~Deeper() { Py_LeaveRecursiveCall(); }
  Deeper(const Deeper&) = delete;
  Deeper& operator=(const Deeper&) = delete;
};

// The pairs of a dict, each held while it is looked at: asking an object what it is may run code,
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

class Reader {
 public:
  Reader(CallKey& key, PyObject* by_identity) : key_(key), by_identity_(by_identity) {}

  void read(PyObject* object) {
    if (is_tensor(object)) return tensor(tensor_of(object));
    const Deeper deeper;
    read_plain(object);
  }

  void at(Py_ssize_t position) { position_ = position; }
  void at(PyObject* name) { name_ = name; }

 private:
  void read_plain(PyObject* object) {
    if (object == Py_None) return tag('n');
    if (PyBool_Check(object)) return tag(object == Py_True ? '1' : '0');
    if (PyFloat_Check(object)) return number('f', PyFloat_AS_DOUBLE(object));
    if (PyLong_Check(object)) return integer(object);
    if (PyUnicode_CheckExact(object)) return text(object);
    if (PyTuple_CheckExact(object)) return sequence('t', object);
    if (PyList_CheckExact(object)) return sequence('l', object);
    if (PyDict_CheckExact(object)) return dictionary(object);
    if (PyTuple_Check(object)) {  // a named one: its type matters
      number('c', Py_TYPE(object));
      return sequence('t', object);
    }
    const int known = PyObject_IsInstance(object, by_identity_);
    checked(known);
    if (!known) refuse(object);
    number('o', object);
    if (key_.known) checked(PyList_Append(key_.known, object));
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

  void tensor(const Tensor& x) {
    tag('T');
    const int flags = static_cast<int>(x.dtype()) << 2 | tape::requires_grad(x) << 1 |
                      static_cast<int>(tape::is_leaf(x));
    raw(static_cast<uint8_t>(flags));
    raw(static_cast<uint8_t>(x.dim()));
    const size_t bytes = sizeof(int64_t) * static_cast<size_t>(x.dim());
    key_.bytes.append(reinterpret_cast<const char*>(x.shape().data()), bytes);
    key_.bytes.append(reinterpret_cast<const char*>(x.strides().data()), bytes);
    for (int i = 0; i < key_.inputs.size(); ++i) {
      if (key_.inputs[i]->storage != x->storage) continue;
      number(key_.inputs[i].same(x) ? 'e' : 'a', i);  // an earlier one, or memory of one
      raw(x->offset - key_.inputs[i]->offset);
      break;
    }
    key_.inputs.push_back(x);
  }

  void integer(PyObject* object) {
    int overflow = 0;
    const int64_t value = PyLong_AsLongLongAndOverflow(object, &overflow);
    if (!overflow) return number('i', value);
    const Owned digits(PyNumber_ToBase(object, 16));  // Python limits the decimal ones
    tag('I');
    text(digits.get());
  }

  void text(PyObject* object) {
    const std::string characters = utf8(object);
    number('s', characters.size());
    key_.bytes += characters;
  }

  void sequence(char what, PyObject* object) {
    const Items items("compile", object);
    number(what, items.size());
    for (Py_ssize_t i = 0; i < items.size(); ++i) read(items[i].get());
  }

  void dictionary(PyObject* object) {
    number('d', PyDict_GET_SIZE(object));
    for_each(object, [this](PyObject* name, PyObject* value) {
      read(name);
      read(value);
    });
  }

  [[noreturn]] void refuse(PyObject* object) {
    raise(
        PyExc_TypeError,
        join("compile: expected argument ", name_ ? join("'", utf8(name_), "'") : join(position_),
             " to hold tensors, numbers, strings, None, Modules, optimisers, or tuples, lists and "
             "dicts of them, got ",
             type_name(object),
             "; turn arrays into tensors (steep.from_numpy) and numbers of other libraries into "
             "Python's, and leave other "
             "objects to the function's closure"));
  }

  CallKey& key_;
  PyObject* by_identity_;
  Py_ssize_t position_ = 0;  // for an error's text: where it reads
  PyObject* name_ = nullptr;
};

}  // namespace

void read_call(PyObject* args, PyObject* kwargs, PyObject* by_identity, CallKey& key) {
  const bool named = kwargs && kwargs != Py_None;
  if (!PyTuple_Check(args) || (named && !PyDict_Check(kwargs)))
    raise(PyExc_TypeError, "compile: expected the arguments of a call, a tuple and a dict");
  key.bytes.push_back(static_cast<char>(tape::grad_enabled()));
  key.bytes.push_back(static_cast<char>(default_dtype()));
  const Py_ssize_t positional = PyTuple_GET_SIZE(args);
  key.bytes.append(reinterpret_cast<const char*>(&positional), sizeof positional);
  Reader reader(key, by_identity);
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(args); ++i) {
    reader.at(i);
    reader.read(PyTuple_GET_ITEM(args, i));
  }
  if (!named) return;
  for_each(kwargs, [&reader](PyObject* name, PyObject* value) {
    reader.at(name);
    reader.read(name);
    reader.read(value);
  });
}

}  // namespace steep::bindings
