// _core.ProgramTable: the programs of one compiled function.
//
// A compiled function first asks its table, with the arguments of the call. The table returns the
// result of a replay, or NotImplemented if it has no program that is certain to fit. All that is
// not hot (eager runs, recording, comparing, reporting) is done in Python: steep/compiler.
#include "bindings/programs/program_table.h"

#include <pybind11/pybind11.h>

#include <algorithm>

#include "bindings/programs/program_replay.h"
#include "bindings/tensor/tensor_type.h"

namespace py = pybind11;

namespace steep::bindings {

namespace {

using program::Program;

struct TableObject {
  PyObject_HEAD
  Table* table;
};

PyTypeObject* table_type = nullptr;

Table& table_of(PyObject* self) { return *reinterpret_cast<TableObject*>(self)->table; }

PyObject* table_replay(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    if (count != 2) raise(PyExc_TypeError, "replay: expected (args, kwargs)");
    NotReplayed otherwise;
    return replay_call(table_of(self), args[0], args[1], otherwise);
  });
}

Owned list_of(const Tensors& tensors) {
  Owned list(PyList_New(0));
  for (const Tensor& x : tensors) {
    const Owned item(wrap(x));
    checked(PyList_Append(list.get(), item.get()));
  }
  return list;
}

// Reads a call. Returns the numbers that its key leaves open; an empty list unless `is_open`.
Owned read_key(PyObject* self, PyObject* const* args, bool is_open, CallKey& key) {
  PyObject* const namespaces = table_of(self).namespaces.get();
  if (is_open) return Owned(read_open_call(args[0], args[1], namespaces, key));
  read_call(args[0], args[1], namespaces, key);
  return Owned(PyList_New(0));
}

// (bytes, inputs, objects, containers, numbers, deepest, arrays): the key of a call; the tensors in
// it; the objects that it knows by identity; the containers that it knows by what they hold; the
// numbers that it leaves open, if `is_open`; how deeply nested these may be; and the arrays, each
// with the tensor that it counts as.
PyObject* table_key(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    if (count < 2 || count > 4)
      raise(PyExc_TypeError, "key: expected (args, kwargs, is_open, stored)");
    CallKey key;
    const Owned known(PyList_New(0)), opened(PyList_New(0)), arrays(PyList_New(0));
    key.known = known.get();
    key.opened = opened.get();
    key.arrays = arrays.get();
    const Owned numbers = read_key(self, args, count > 2 && args[2] == Py_True, key);
    if (count == 4 && !read_more(args[3], table_of(self).namespaces.get(), key))
      raise(PyExc_RecursionError, "key: expected places that do not hold themselves");
    const Owned bytes(
        PyBytes_FromStringAndSize(key.bytes.data(), static_cast<Py_ssize_t>(key.bytes.size())));
    const Owned inputs = list_of(key.inputs);
    const Owned deepest(PyLong_FromLong(key.deepest));
    return PyTuple_Pack(7, bytes.get(), inputs.get(), known.get(), opened.get(), numbers.get(),
                        deepest.get(), arrays.get());
  });
}

std::string key_of(PyObject* bytes) {
  char* data;
  Py_ssize_t size;
  checked(PyBytes_AsStringAndSize(bytes, &data, &size));
  return {data, static_cast<size_t>(size)};
}

// insert(key, program, result, cells, before, kept, backward, numbers, stored=None)
PyObject* table_insert(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    if (count < 8 || count > 9) raise(PyExc_TypeError, "insert: expected eight or nine arguments");
    std::vector<Precondition> before;
    if (args[1] == Py_None) raise(PyExc_TypeError, "insert: expected a Program, got None");
    const Items calls("insert", args[4]);
    for (Py_ssize_t i = 0; i < calls.size(); ++i) before.emplace_back(calls[i].get());
    auto entry = std::make_shared<ProgramEntry>(
        ProgramEntry{py::cast<std::shared_ptr<Program>>(py::handle(args[1])),
                     ResultTree(args[2]),
                     {},
                     std::move(before),
                     Owned::borrow(args[5]),
                     py::cast<std::shared_ptr<tape::Replayed>>(py::handle(args[6])),
                     nullptr,
                     nullptr});
    if (args[7] == Py_None && entry->result.is_given_numbers())
      raise(PyExc_TypeError, "insert: expected numbers for a result that is given some, got None");
    if (args[7] != Py_None) {
      entry->numbers = std::make_unique<const NumberSource>(args[7]);
      table_of(self).has_open = true;
    }
    if (count > 8 && args[8] != Py_None)
      entry->stored = std::make_unique<const StoredPlaces>(args[8]);
    entry->add(args[3]);
    entry->program->share(table_of(self).pool);
    if (entry->backward) entry->backward->share(table_of(self).pool);
    const std::string key = key_of(args[0]);
    auto list = std::make_shared<ProgramEntries>(*entries_of(table_of(self), key));
    list->push_back(std::move(entry));
    table_of(self).entries[key] = std::move(list);
    Py_RETURN_NONE;
  });
}

// confirm(key, program, cells): the program also fits while these cells hold.
PyObject* table_confirm(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    if (count != 3) raise(PyExc_TypeError, "confirm: expected (key, program, cells)");
    const auto wanted = py::cast<std::shared_ptr<Program>>(py::handle(args[1]));
    const EntriesInUse list(entries_of(table_of(self), key_of(args[0])));
    for (const std::shared_ptr<ProgramEntry>& entry : list)
      if (entry->program == wanted) entry->add(args[2]);
    Py_RETURN_NONE;
  });
}

// The program that a call would replay, or None; with `is_open`, one that leaves numbers open.
PyObject* table_find(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    if (count != 2 && count != 3) raise(PyExc_TypeError, "find: expected (args, kwargs, is_open)");
    CallKey key;
    const Owned numbers = read_key(self, args, count == 3 && args[2] == Py_True, key);
    const std::shared_ptr<Program> program = find_program(table_of(self), key);
    if (!program) Py_RETURN_NONE;
    return py::cast(program).release().ptr();
  });
}

PyObject* table_remove(PyObject* self, PyObject* key) {
  return guarded([&]() -> PyObject* {
    table_of(self).waits.remove(key_of(key));
    const auto found = table_of(self).entries.find(key_of(key));
    if (found == table_of(self).entries.end()) Py_RETURN_NONE;
    const auto going = std::move(found->second);  // its end may run code
    table_of(self).entries.erase(found);
    Py_RETURN_NONE;
  });
}

// Whether a first call of this kind was met recently; for None, of any kind.
PyObject* table_has_met(PyObject* self, PyObject* key) {
  return guarded([&]() -> PyObject* {
    const LastMet& met = table_of(self).met;
    return PyBool_FromLong(key == Py_None ? met.any() : met.has(LastMet::hash_of(key_of(key))));
  });
}

// The same with numbers left open.
PyObject* table_has_met_open(PyObject* self, PyObject* key) {
  return guarded([&]() -> PyObject* {
    return PyBool_FromLong(table_of(self).met_open.has(LastMet::hash_of(key_of(key))));
  });
}

// drop(key, program): drops this program alone.
PyObject* table_drop(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    if (count != 2) raise(PyExc_TypeError, "drop: expected (key, program)");
    const auto wanted = py::cast<std::shared_ptr<Program>>(py::handle(args[1]));
    const std::string key = key_of(args[0]);
    const auto before = entries_of(table_of(self), key);  // goes last: its end may run code
    auto left = std::make_shared<ProgramEntries>();
    for (const std::shared_ptr<ProgramEntry>& entry : *before)
      if (entry->program != wanted) left->push_back(entry);
    table_of(self).entries[key] = std::move(left);
    Py_RETURN_NONE;
  });
}

PyObject* get_newcomers(PyObject* self, void*) {
  return PyLong_FromLongLong(table_of(self).newcomers);
}

int set_newcomers(PyObject* self, PyObject* value, void*) {
  int overflow = 0;
  const int64_t count = value ? PyLong_AsLongLongAndOverflow(value, &overflow) : 0;
  if (PyErr_Occurred()) return -1;
  table_of(self).count_newcomers(overflow > 0 ? Table::kMostNewcomers : count);
  return 0;
}

// wait(key, calls): the next so many calls of a kind are run as they are.
PyObject* table_wait(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    if (count != 2) raise(PyExc_TypeError, "wait: expected (key, calls)");
    const int64_t calls = PyLong_AsLongLong(args[1]);
    if (PyErr_Occurred()) throw PythonError();
    table_of(self).waits.set(key_of(args[0]), calls);
    table_of(self).has_open = true;
    Py_RETURN_NONE;
  });
}

// How many of them were, since that was asked last.
PyObject* table_waited(PyObject* self, PyObject* key) {
  return guarded(
      [&]() -> PyObject* { return PyLong_FromLongLong(table_of(self).waits.taken(key_of(key))); });
}

// When a program of the key was last replayed, counted in calls; 0 for never.
PyObject* table_last_used(PyObject* self, PyObject* key) {
  return guarded([&]() -> PyObject* {
    int64_t latest = 0;
    const auto list = entries_of(table_of(self), key_of(key));
    for (const std::shared_ptr<ProgramEntry>& entry : *list)
      latest = std::max(latest, entry->last_used);
    return PyLong_FromLongLong(latest);
  });
}

PyObject* table_new(PyTypeObject* type, PyObject* args, PyObject* keywords) {
  return guarded([&]() -> PyObject* {
    if ((keywords && PyDict_Size(keywords) > 0) || PyTuple_Size(args) != 2 ||
        !PyTuple_Check(PyTuple_GetItem(args, 0)))
      raise(PyExc_TypeError, "ProgramTable: expected a tuple of types, and how many kinds of call");
    const Py_ssize_t kinds = PyLong_AsSsize_t(PyTuple_GetItem(args, 1));
    if (PyErr_Occurred()) throw PythonError();
    if (kinds < 1)
      raise(PyExc_ValueError, join("ProgramTable: expected at least 1 kind, got ", kinds));
    auto table = std::make_unique<Table>(static_cast<size_t>(kinds));
    table->namespaces = Owned::borrow(PyTuple_GetItem(args, 0));
    PyObject* const self = checked(type->tp_alloc(type, 0));
    reinterpret_cast<TableObject*>(self)->table = table.release();
    return self;
  });
}

void table_dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  delete reinterpret_cast<TableObject*>(self)->table;
  type->tp_free(self);
  Py_DECREF(type);
}

int table_traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  const Table* table = reinterpret_cast<TableObject*>(self)->table;
  if (!table) return 0;
  for (const auto& [key, entries] : table->entries)
    for (const std::shared_ptr<ProgramEntry>& entry : *entries) {
      if (entry->users > 0) continue;
      for (const auto& guards : entry->guards)
        if (const int stop = guards->traverse(visit, arg)) return stop;
      for (const Precondition& condition : entry->before)
        if (const int stop = condition.traverse(visit, arg)) return stop;
      Py_VISIT(entry->kept.get());
      if (const int stop = entry->result.traverse(visit, arg)) return stop;
      if (entry->numbers)
        if (const int stop = entry->numbers->traverse(visit, arg)) return stop;
      if (entry->stored)
        if (const int stop = entry->stored->traverse(visit, arg)) return stop;
    }
  return 0;
}

int table_clear(PyObject* self) {
  Table* table = reinterpret_cast<TableObject*>(self)->table;
  const auto going = std::move(table->entries);
  table->entries.clear();
  return 0;
}

PyMethodDef methods[] = {
    {"replay", as_method(table_replay), METH_FASTCALL,
     "Runs the program of a call; NotImplemented where there is none that fits."},
    {"key", as_method(table_key), METH_FASTCALL, "The key of a call, and the tensors in it."},
    {"insert", as_method(table_insert), METH_FASTCALL, "Adds a program for a key."},
    {"confirm", as_method(table_confirm), METH_FASTCALL,
     "Notes that a program fits while these cells hold."},
    {"find", as_method(table_find), METH_FASTCALL,
     "The program that a call would replay, or None."},
    {"drop", as_method(table_drop), METH_FASTCALL, "Drops one program of a key."},
    {"has_met", table_has_met, METH_O,
     "Whether a first call of this key was met recently; for None, of any key."},
    {"has_met_open", table_has_met_open, METH_O, "The same for a key that leaves numbers open."},
    {"last_used", table_last_used, METH_O,
     "When a program of the key was last replayed, counted in calls; 0 for never."},
    {"wait", as_method(table_wait), METH_FASTCALL,
     "Lets the next so many calls of a key run as they are."},
    {"waited", table_waited, METH_O, "How many of them there were since this was last asked."},
    {"remove", table_remove, METH_O, "Drops the programs of a key."},
    {nullptr, nullptr, 0, nullptr}};
PyGetSetDef attributes[] = {{"newcomers", get_newcomers, set_newcomers,
                             "Calls of new kinds since the last replay.", nullptr},
                            {nullptr, nullptr, nullptr, nullptr, nullptr}};
PyType_Slot slots[] = {{Py_tp_new, slot(table_new)},
                       {Py_tp_dealloc, slot(table_dealloc)},
                       {Py_tp_traverse, slot(table_traverse)},
                       {Py_tp_clear, slot(table_clear)},
                       {Py_tp_methods, methods},
                       {Py_tp_getset, attributes},
                       {Py_tp_doc, const_cast<char*>("The programs of one compiled function.")},
                       {0, nullptr}};
PyType_Spec spec = {"steep._core.ProgramTable", sizeof(TableObject), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, slots};

}  // namespace

void add_program_table(PyObject* module) {
  table_type = make_type(spec);
  checked(PyModule_AddObjectRef(module, "ProgramTable", reinterpret_cast<PyObject*>(table_type)));
}

bool is_program_table(PyObject* object) { return Py_TYPE(object) == table_type; }
Table& programs_of(PyObject* table) { return table_of(table); }

}  // namespace steep::bindings
