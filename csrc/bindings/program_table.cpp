// _core.ProgramTable, which finds the program of a call and runs it.
//
// A compiled function asks its table first, with the very arguments it was called with. The table
// answers with the result of a replay, or with NotImplemented where it has no program that is sure
// to fit; all that is not hot (eager runs, recording, comparing, reporting) is Python's:
// steep/compiler.
#include "bindings/program_table.h"

#include <pybind11/pybind11.h>

#include <algorithm>
#include <string>
#include <unordered_map>
#include <vector>

#include "bindings/autograd.h"
#include "bindings/call_key.h"
#include "bindings/outside_names.h"
#include "bindings/result_tree.h"
#include "bindings/tensor_type.h"
#include "program/replay.h"
#include "tape/history.h"
#include "tape/turn.h"

namespace py = pybind11;

namespace steep::bindings {

namespace {

using program::Program;

Tensor& gradient_slot(const Tensor& leaf) { return tape::ensure_history(leaf).grad; }

bool fits_window(const Tensor& x, const Tensor& recorded) {
  if (!x.defined() || !recorded.defined()) return x.defined() == recorded.defined();
  return x.dtype() == recorded.dtype() && x.shape() == recorded.shape() &&
         x.strides() == recorded.strides();
}

// What .grad is now of the leaves where that matters.
Tensors gradients_before(const Program& program, const Tensors& inputs) {
  Tensors out;
  for (const program::TracedGradient& gradient : program.plan().gradients) {
    const Tensor& leaf = gradient.input >= 0 ? inputs[gradient.input] : gradient.leaf;
    const tape::History* history = tape::history(leaf);
    out.push_back(gradient.guarded && history ? history->grad : Tensor());
  }
  return out;
}

// A program with all that decides whether it fits a call, and what else a call does.
struct Entry {
  std::shared_ptr<Program> program;
  ResultTree result;
  OutsideNames names;         // replaced as a whole: someone may be reading them
  std::vector<Owned> before;  // called before a replay: optimisers write their hyperparameters
  Owned kept;                 // objects that the key knows by their address
  int64_t structure;
  int64_t last_used = 0;

  // `before`: what .grad is now, of the leaves where that matters.
  bool fits(const CallKey& key, const Tensors& before) const {
    if (structure != structure_now()) return false;
    const auto read = names;
    for (const OutsideName& name : *read)
      if (!name.holds()) return false;
    if (structure != structure_now()) return false;
    const auto& gradients = program->plan().gradients;
    for (size_t i = 0; i < gradients.size(); ++i)
      if (gradients[i].guarded &&
          !fits_window(before[static_cast<int64_t>(i)], gradients[i].before))
        return false;
    return program->accepts(key.inputs, before);
  }
};

using Entries = std::vector<std::shared_ptr<Entry>>;

struct Table {
  // Whoever runs an entry holds it, and whoever looks for one the list of them: meanwhile other
  // threads, and what runs while names are compared, may add and remove. Lists are never changed.
  std::unordered_map<std::string, std::shared_ptr<const Entries>> entries;
  int64_t calls = 0;
  Owned by_identity;
};

struct TableObject {
  PyObject_HEAD
  Table* table;
};

Table& table_of(PyObject* self) { return *reinterpret_cast<TableObject*>(self)->table; }

// Gives the program back, and lets go of the arguments, however the run ends.
class Running {
 public:
  explicit Running(Program& program) : program_(program) {}
  ~Running() {
    program_.forget_inputs();
    program_.give_back();
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

 private:
  Program& program_;
};

// Puts them into .grad; what was there goes to `old`, for its end may run code.
void leave_gradients(const Program& program, const Tensors& inputs, Tensors& old) {
  const auto& gradients = program.plan().gradients;
  for (size_t i = 0; i < gradients.size(); ++i) {
    if (!gradients[i].changed) continue;
    const Tensor& leaf = gradients[i].input >= 0 ? inputs[gradients[i].input] : gradients[i].leaf;
    Tensor& slot = gradient_slot(leaf);
    const Tensor& now = program.gradient(static_cast<int>(i));
    if (slot.same(now)) continue;
    old[static_cast<int64_t>(i)] = std::exchange(slot, now);
  }
}

// Which leaves still have the .grad that the last run has left.
SmallVector<uint8_t, 8> gradients_in_place(const Program& program, const Tensors& inputs) {
  SmallVector<uint8_t, 8> out;
  const auto& gradients = program.plan().gradients;
  for (size_t i = 0; i < gradients.size(); ++i) {
    const Tensor& leaf = gradients[i].input >= 0 ? inputs[gradients[i].input] : gradients[i].leaf;
    const tape::History* history = tape::history(leaf);
    const Tensor& mine = program.gradient(static_cast<int>(i));
    out.push_back(mine.defined() && history && history->grad.same(mine));
  }
  return out;
}

// After a refusal: what the function would have cleared by then is cleared.
void clear_gradients(const Program& program, const Tensors& inputs, Tensors& old) {
  const auto& gradients = program.plan().gradients;
  for (size_t i = 0; i < gradients.size(); ++i) {
    if (!gradients[i].changed || gradients[i].guarded) continue;
    const Tensor& leaf = gradients[i].input >= 0 ? inputs[gradients[i].input] : gradients[i].leaf;
    old[static_cast<int64_t>(i)] = std::exchange(gradient_slot(leaf), Tensor());
  }
}

// The leaves get what is needed to hold a gradient. Theirs are the turns that a run needs: of all
// whose .grad it replaces, adds to or reads.
tape::Turns::Words make_room_for_gradients(const Program& program, const Tensors& inputs) {
  tape::Turns::Words words;
  for (const program::TracedGradient& gradient : program.plan().gradients) {
    if (!gradient.changed && !gradient.guarded) continue;
    const Tensor& leaf = gradient.input >= 0 ? inputs[gradient.input] : gradient.leaf;
    words.push_back(&tape::ensure_history(leaf).adding);
  }
  return words;
}

bool are_the_same(const Tensors& some, const Tensors& others) {
  for (int i = 0; i < some.size(); ++i)
    if (!some[i].same(others[i])) return false;
  return true;
}

Owned build_result(const ResultTree& tree, Program& program) {
  SmallVector<Tensor, 4> results;
  results.resize(static_cast<int>(program.plan().outputs.size()));
  return Owned(tree.build([&](int i) {
    if (!results[i].defined()) results[i] = program.output(i);
    return wrap(results[i]);
  }));
}

// NotImplemented where things have changed in a way that no replay follows, and null, without an
// exception, where another thread had to be waited for: the call is to be looked up again. All that
// needs memory comes before the run, objects for the results included: where it is lacking, nothing
// has happened.
PyObject* run_entry(Entry& entry, const CallKey& key) {
  Program& program = *entry.program;
  const Running running(program);
  for (const Owned& call : entry.before) {
    const Owned ignored(PyObject_CallNoArgs(call.get()));
  }
  if (entry.structure != structure_now()) return new_reference(Py_NotImplemented);
  const Tensors before = gradients_before(program, key.inputs);
  program.keep_gradients(gradients_in_place(program, key.inputs));
  program.prepare(key.inputs, before);
  const tape::Turns::Words words = make_room_for_gradients(program, key.inputs);
  Tensors old;  // outlives the turns
  old.resize(static_cast<int>(program.plan().gradients.size()));
  Owned result = build_result(entry.result, program);
  // Making objects may have run code.
  if (entry.structure != structure_now()) return new_reference(Py_NotImplemented);
  const tape::Turns turns(words);
  if (turns.refused()) {
    turns.wait();
    return nullptr;
  }
  if (!are_the_same(before, gradients_before(program, key.inputs)))
    return new_reference(Py_NotImplemented);
  try {
    program.run();
  } catch (...) {
    clear_gradients(program, key.inputs, old);
    throw;
  }
  leave_gradients(program, key.inputs, old);
  return result.release();
}

std::shared_ptr<const Entries> entries_of(const Table& table, const std::string& key) {
  static const auto& none = *new std::shared_ptr<const Entries>(std::make_shared<Entries>());
  const auto found = table.entries.find(key);
  return found == table.entries.end() ? none : found->second;
}

// The program that fits a call; null where none does.
std::shared_ptr<Entry> find_entry(Table& table, const CallKey& key) {
  const auto list = entries_of(table, key.bytes);  // held: comparing names may run code
  for (const std::shared_ptr<Entry>& entry : *list)
    if (entry->fits(key, gradients_before(*entry->program, key.inputs))) return entry;
  return nullptr;
}

PyObject* table_replay(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    if (count != 2) raise(PyExc_TypeError, "replay: expected (args, kwargs)");
    if (program::Recorder::active()) return new_reference(Py_NotImplemented);
    Table& table = table_of(self);
    CallKey key;
    read_call(args[0], args[1], table.by_identity.get(), key);
    for (;;) {
      const std::shared_ptr<Entry> entry = find_entry(table, key);
      if (!entry || !entry->program->take()) return new_reference(Py_NotImplemented);
      entry->last_used = ++table.calls;
      if (PyObject* const result = run_entry(*entry, key)) return result;
    }
  });
}

// (bytes, inputs, objects): the key of a call, the tensors in it, and what it knows by who they
// are.
PyObject* table_key(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    if (count != 2) raise(PyExc_TypeError, "key: expected (args, kwargs)");
    CallKey key;
    const Owned known(PyList_New(0));
    key.known = known.get();
    read_call(args[0], args[1], table_of(self).by_identity.get(), key);
    const Owned bytes(
        PyBytes_FromStringAndSize(key.bytes.data(), static_cast<Py_ssize_t>(key.bytes.size())));
    Owned inputs(PyList_New(0));
    for (const Tensor& input : key.inputs) {
      const Owned item(wrap(input));
      checked(PyList_Append(inputs.get(), item.get()));
    }
    return PyTuple_Pack(3, bytes.get(), inputs.get(), known.get());
  });
}

std::string key_of(PyObject* bytes) {
  char* data;
  Py_ssize_t size;
  checked(PyBytes_AsStringAndSize(bytes, &data, &size));
  return {data, static_cast<size_t>(size)};
}

// insert(key, program, result, names, before, kept)
PyObject* table_insert(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    if (count != 6) raise(PyExc_TypeError, "insert: expected six arguments");
    std::vector<Owned> before;
    check_list("before", args[4]);
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(args[4]); ++i)
      before.push_back(Owned::borrow(PyList_GET_ITEM(args[4], i)));
    auto entry = std::make_shared<Entry>(
        Entry{py::cast<std::shared_ptr<Program>>(py::handle(args[1])), ResultTree(args[2]),
              names_of(args[3]), std::move(before), Owned::borrow(args[5]), structure_now()});
    const std::string key = key_of(args[0]);
    auto list = std::make_shared<Entries>(*entries_of(table_of(self), key));
    list->push_back(std::move(entry));
    table_of(self).entries[key] = std::move(list);
    Py_RETURN_NONE;
  });
}

// confirm(key, program, names): it still does what the function does, whatever has changed since.
PyObject* table_confirm(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    if (count != 3) raise(PyExc_TypeError, "confirm: expected (key, program, names)");
    const auto wanted = py::cast<std::shared_ptr<Program>>(py::handle(args[1]));
    auto names = names_of(args[2]);
    const auto list = entries_of(table_of(self), key_of(args[0]));
    for (const std::shared_ptr<Entry>& entry : *list)
      if (entry->program == wanted) {
        entry->structure = structure_now();
        std::swap(entry->names, names);  // the old ones go last: their end may run code
        break;
      }
    Py_RETURN_NONE;
  });
}

// The program that a call would replay, or None.
PyObject* table_find(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    if (count != 2) raise(PyExc_TypeError, "find: expected (args, kwargs)");
    CallKey key;
    read_call(args[0], args[1], table_of(self).by_identity.get(), key);
    const std::shared_ptr<Entry> entry = find_entry(table_of(self), key);
    if (!entry) Py_RETURN_NONE;
    return py::cast(entry->program).release().ptr();
  });
}

PyObject* table_remove(PyObject* self, PyObject* key) {
  return guarded([&]() -> PyObject* {
    const auto found = table_of(self).entries.find(key_of(key));
    if (found == table_of(self).entries.end()) Py_RETURN_NONE;
    const auto going = std::move(found->second);  // its end may run code
    table_of(self).entries.erase(found);
    Py_RETURN_NONE;
  });
}

// drop(key, program): this program alone.
PyObject* table_drop(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    if (count != 2) raise(PyExc_TypeError, "drop: expected (key, program)");
    const auto wanted = py::cast<std::shared_ptr<Program>>(py::handle(args[1]));
    const std::string key = key_of(args[0]);
    const auto before = entries_of(table_of(self), key);  // goes last: its end may run code
    auto left = std::make_shared<Entries>();
    for (const std::shared_ptr<Entry>& entry : *before)
      if (entry->program != wanted) left->push_back(entry);
    table_of(self).entries[key] = std::move(left);
    Py_RETURN_NONE;
  });
}

// When a program of the key was last replayed, counted in calls; 0 for never.
PyObject* table_last_used(PyObject* self, PyObject* key) {
  return guarded([&]() -> PyObject* {
    int64_t latest = 0;
    const auto list = entries_of(table_of(self), key_of(key));
    for (const std::shared_ptr<Entry>& entry : *list) latest = std::max(latest, entry->last_used);
    return PyLong_FromLongLong(latest);
  });
}

PyObject* table_new(PyTypeObject* type, PyObject* args, PyObject* keywords) {
  return guarded([&]() -> PyObject* {
    if ((keywords && PyDict_Size(keywords) > 0) || PyTuple_Size(args) != 1 ||
        !PyTuple_Check(PyTuple_GetItem(args, 0)))
      raise(PyExc_TypeError, "ProgramTable: expected a tuple of types");
    PyObject* const self = checked(type->tp_alloc(type, 0));
    auto* table = new Table;
    table->by_identity = Owned::borrow(PyTuple_GetItem(args, 0));
    reinterpret_cast<TableObject*>(self)->table = table;
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
    for (const std::shared_ptr<Entry>& entry : *entries) {
      if (entries.use_count() > 1 || entry.use_count() > 1) continue;  // a thread reads or runs it
      for (const OutsideName& name : *entry->names) {
        Py_VISIT(name.holder.get());
        Py_VISIT(name.expected.get());
      }
      for (const Owned& call : entry->before) Py_VISIT(call.get());
      Py_VISIT(entry->kept.get());
    }
  return 0;
}

int table_clear(PyObject* self) {
  Table* table = reinterpret_cast<TableObject*>(self)->table;
  const auto going = std::move(table->entries);
  table->entries.clear();
  return 0;
}

template <class Function>
PyCFunction as_fast(Function* function) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}

PyMethodDef methods[] = {
    {"replay", as_fast(table_replay), METH_FASTCALL,
     "Runs the program of a call; NotImplemented where there is none that fits."},
    {"key", as_fast(table_key), METH_FASTCALL, "The key of a call, and the tensors in it."},
    {"insert", as_fast(table_insert), METH_FASTCALL, "Adds a program for a key."},
    {"confirm", as_fast(table_confirm), METH_FASTCALL,
     "Says that a program fits as things are now."},
    {"find", as_fast(table_find), METH_FASTCALL, "The program that a call would replay, or None."},
    {"drop", as_fast(table_drop), METH_FASTCALL, "Drops one program of a key."},
    {"last_used", table_last_used, METH_O,
     "When a program of the key was last replayed, counted in calls; 0 for never."},
    {"remove", table_remove, METH_O, "Drops the programs of a key."},
    {nullptr, nullptr, 0, nullptr}};
PyType_Slot slots[] = {{Py_tp_new, slot(table_new)},
                       {Py_tp_dealloc, slot(table_dealloc)},
                       {Py_tp_traverse, slot(table_traverse)},
                       {Py_tp_clear, slot(table_clear)},
                       {Py_tp_methods, methods},
                       {Py_tp_doc, const_cast<char*>("The programs of one compiled function.")},
                       {0, nullptr}};
PyType_Spec spec = {"steep._core.ProgramTable", sizeof(TableObject), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, slots};

}  // namespace

void add_program_table(PyObject* module) {
  PyTypeObject* type = make_type(spec);
  checked(PyModule_AddObjectRef(module, "ProgramTable", reinterpret_cast<PyObject*>(type)));
}

}  // namespace steep::bindings
