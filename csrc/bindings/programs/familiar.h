// What a recording has looked into already: a call that begins with nothing else is passed over.
#pragma once

#include <unordered_map>
#include <vector>

#include "bindings/programs/cell_list.h"

namespace steep::bindings {

// Tells, without running Python code, whether looking into the variables that a call begins with
// would find nothing new. Where it cannot tell, it answers that something may be new.
class Familiar {
 public:
  // The tables of a traversal, by id (see python/steep/compiler/_traversal.py).
  struct Tables {
    Owned cells;    // a CellList, which holds all that was looked into
    Owned given;    // dict: what the call's key knows by identity; it is looked into each time
    Owned tensors;  // dict: tensors that were met and that the recording did not make
    Owned holders;  // dict: for objects that have weak references, a set of what holds them
    Owned plain;    // set: types whose instances have nothing to look into
    Owned waiting;  // list: what is still to be looked into, as next() takes it
    Owned sets;     // dict: by the names in a code object, a tuple of three: see Sets
  };
  // What is known for the names in one code object.
  struct Sets {
    Owned seen;     // set: objects that were looked into under these names
    Owned tensors;  // set: types of tensors for which the same is true
    // dict by id: classes whose instances have nothing but attributes, each with the names to look
    // for, those that are seldom there, and whether the dict of attributes always stays the same
    // object; and kinds of dicts that have nothing but their items, each with None.
    Owned instances;
  };

  static Sets sets_in(PyObject* tuple);  // from a tuple of the three
  explicit Familiar(Tables tables) : tables_(std::move(tables)) {}

  // Notes that `frame` has been looked into. `variables` are the names it begins with (those with a
  // dot are not looked at), `globals` the names of its global variables; `passes` says whether the
  // code may pass C functions on to be called elsewhere. `names` are all names in the code.
  void remember(PyObject* frame, Owned variables, PyObject* globals, Owned names, bool passes);
  // Whether nothing new is left in what the frame begins with. Looks into what is new itself, as far
  // as it can; the rest is then waiting.
  bool knows(PyObject* frame, PyObject* code);
  // Keeps what there is to keep of a tensor; false if this cannot do it all. `path` names it in
  // messages; without one, a tensor that could have attributes is left to the caller.
  bool meet(PyObject* tensor, PyObject* path) const;
  // Keeps a cell for each of `names` in a dict, whether it is there or not, and for each of `rare`
  // that is there. Returns a list of the values that are to be looked into, each with its path.
  PyObject* look_for(PyObject* values, PyObject* names, PyObject* rare, PyObject* path,
                     const Sets& sets) const;
  // Works off a list of (object, path, holder, names) from its end: passes over objects with
  // nothing new in them, noting only what holds them, and looks into tuples and instances of known
  // classes. Takes the first object it cannot deal with off the list and returns it; null when the
  // list is empty.
  Owned next() const;
  // Forgets everything.
  void clear() { codes_.clear(); }
  int traverse(visitproc visit, void* arg) const;

 private:
  struct Global {
    Owned name;
    const void* value;        // only to be compared; it may be gone
    PyObject* holder;         // which of the two dicts below has it, or null
    bool has_weak_reference;  // whether it had one
  };
  struct Code {
    Owned code, variables;
    Owned globals, builtins;    // dicts, if the code has global variables
    std::vector<Global> named;  // global variables
    Owned names;
    Sets sets;
    bool passes;
  };

  bool knows_globals(const Code& code, PyObject* frame) const;
  bool knows_variable(const Code& code, PyObject* name, PyObject* value) const;
  // Looks into a variable that is not known; false if something in it is left waiting.
  bool get_to_know(const Code& code, PyObject* name, PyObject* value) const;
  bool knows(const Code& code, PyObject* item, PyObject* path, int depth) const;
  bool knows_parts(const Code& code, PyObject* tuple, int depth) const;
  bool has_seen(const Sets& sets, PyObject* item, PyObject* id) const;
  void take_in(const Sets& sets, PyObject* item, PyObject* id) const;
  // Looks into `one`, an item of the list, and adds what it holds to the list; false if it cannot.
  bool look_into(PyObject* one, const Sets& sets, PyObject* waiting) const;
  bool look_into_instance(PyObject* one, const Sets& sets, PyObject* waiting) const;
  bool look_into_dict(PyObject* one, const Sets& sets, PyObject* waiting) const;
  void look_into_tuple(PyObject* one, const Sets& sets, PyObject* waiting) const;
  // Notes that `holder` leads to an object by a strong reference; -1 stands for a weak one.
  void reach(PyObject* item, PyObject* holder) const;
  // Calls `found` with each value that is to be looked into, and its path.
  template <class Found>
  void look_for_each(PyObject* values, PyObject* names, PyObject* rare, PyObject* path,
                     const Sets& sets, const Found& found) const;
  // Keeps a cell of what is under one name; returns the value if it is to be looked into.
  Owned look_for_one(PyObject* values, PyObject* name, PyObject* path, const Sets& sets) const;
  CellList& cells() const { return *cell_list_in(tables_.cells.get()); }

  Tables tables_;
  std::unordered_map<PyObject*, Code> codes_;
};

// The Familiar in a Python object; null if that is not one.
Familiar* familiar_in(PyObject* object);

void add_familiar(PyObject* module);

}  // namespace steep::bindings
