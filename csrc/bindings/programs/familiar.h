// What a recording has looked into already: code that begins with nothing else is passed over.
#pragma once

#include <unordered_map>
#include <vector>

#include "bindings/programs/cell_list.h"

namespace steep::bindings {

// Knows without Python code when a look into what code begins with would find nothing new. Where it
// cannot tell, something may be new.
class Familiar {
 public:
  // The tables of a traversal, by id (see python/steep/compiler/_traversal.py).
  struct Tables {
    Owned cells;    // a CellList, which holds whatever was looked into
    Owned given;    // dict: what the call is known by, which is looked into anew each time
    Owned tensors;  // dict: tensors that were met and not made by the recording, as it keeps them
    Owned holders;  // dict: sets of what holds objects that weak references lead to
    Owned plain;    // set: types whose instances have nothing in them
  };
  // Of the names in one code object.
  struct Sets {
    Owned seen;     // set: objects that were looked into under these names
    Owned tensors;  // set: types of tensors of which the same holds
    // dict by id: classes whose instances have nothing but attributes, with the names to be looked for
    // and the rare ones, and whether the dict of their attributes always stays the same.
    Owned instances;
  };

  static Sets sets_in(PyObject* tuple);  // of a tuple of the three
  explicit Familiar(Tables tables) : tables_(std::move(tables)) {}

  // `frame` has been looked into. `variables` are the names it begins with, of which those with a
  // dot are not looked at, and `globals` those of its global variables; `passes` is whether the code
  // may have functions of C called by others.
  void remember(PyObject* frame, Owned variables, PyObject* globals, Sets sets, bool passes);
  // Whether a look into what the frame begins with would find nothing new.
  bool knows(PyObject* frame, PyObject* code);
  // Whether nothing more is to be kept of a tensor than is kept here. `path` is how a user would call
  // it; without one nothing is kept of attributes.
  bool meet(PyObject* tensor, PyObject* path) const;
  // Keeps cells of what is in a dict under names, or is not, and of rare names that are there.
  // Returns a list of what is there and is to be looked into, each with how a user would call it.
  PyObject* look_for(PyObject* values, PyObject* names, PyObject* rare, PyObject* path,
                     const Sets& sets) const;
  // Takes from the end of a list of (object, path, holder, names) those which a look into would find
  // nothing new in, but for what holds them, and looks into tuples and instances of known classes.
  // `sets` has a tuple of the three Sets by the names. Returns the first other one, off the list as
  // well; null where there is none.
  Owned next(PyObject* waiting, PyObject* sets) const;
  // Knows nothing any more.
  void clear() { codes_.clear(); }
  int traverse(visitproc visit, void* arg) const;

 private:
  struct Global {
    Owned name;
    const void* value;        // to be compared, no more
    PyObject* holder;         // of it: one of the two dicts below, or null
    bool has_weak_reference;  // whether it had one
  };
  struct Code {
    Owned code, variables;
    Owned globals, builtins;  // dicts, where it has names of global variables
    std::vector<Global> names;
    Sets sets;
    bool passes;
  };

  bool knows_globals(const Code& code, PyObject* frame) const;
  bool knows_variable(const Code& code, PyObject* name, PyObject* value) const;
  bool knows(const Code& code, PyObject* item, PyObject* path, int depth) const;
  bool knows_parts(const Code& code, PyObject* tuple, int depth) const;
  bool has_seen(const Sets& sets, PyObject* item, PyObject* id) const;
  void take_in(const Sets& sets, PyObject* item, PyObject* id) const;
  // Whether it was looked into, which adds what it holds to the list. `one` is of the list.
  bool look_into(PyObject* one, const Sets& sets, PyObject* waiting) const;
  bool look_into_instance(PyObject* one, const Sets& sets, PyObject* waiting) const;
  void look_into_tuple(PyObject* one, const Sets& sets, PyObject* waiting) const;
  // Something else than a weak reference leads to an object, if `holder` is more than None or -1.
  void reach(PyObject* item, PyObject* holder) const;
  // `found` is called with what is to be looked into, and how a user would call it.
  template <class Found>
  void look_for_each(PyObject* values, PyObject* names, PyObject* rare, PyObject* path,
                     const Sets& sets, const Found& found) const;
  // Keeps a cell of what is under one name; where that is to be looked into, it is held and returned.
  Owned look_for_one(PyObject* values, PyObject* name, PyObject* path, const Sets& sets) const;
  CellList& cells() const { return *cell_list_in(tables_.cells.get()); }

  Tables tables_;
  std::unordered_map<PyObject*, Code> codes_;
};

// The one in an object of Python's; null where it is none.
Familiar* familiar_in(PyObject* object);

void add_familiar(PyObject* module);

}  // namespace steep::bindings
