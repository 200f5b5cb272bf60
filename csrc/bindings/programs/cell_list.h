// The cells that one recording has met, each with how a user would call it.
#pragma once

#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "bindings/programs/cells.h"

namespace steep::bindings {

// Numbers of some objects, all there from the beginning: open addressing, as every field of every
// cell is looked for.
class Counts {
 public:
  explicit Counts(size_t objects);
  void add(PyObject* object) { slots_[find(object)].object = object; }
  void note(PyObject* object);  // one more, if it is among them
  Py_ssize_t operator[](PyObject* object) const { return slots_[find(object)].count; }

 private:
  struct Slot {
    PyObject* object = nullptr;
    Py_ssize_t count = 0;
  };
  size_t find(PyObject* object) const;  // where it is, or may be put
  std::vector<Slot> slots_;             // a power of two, half of them empty
};

// One cell of each place: of a holder, a kind and a key. No object is held in a second place, so
// that reference counts tell who else holds it.
class CellList {
 public:
  // What it looks like to a user: a description, or one of the holder, a dot and the name.
  enum class Form : uint8_t { whole, dotted };
  struct Kept {
    Cell cell;
    Owned description, name;  // name: may be none
    Form form;
    uint32_t number;  // none other has it
  };

  CellList() : objects_(PyDict_New()) {}

  // Keeps a cell if it is a new one. `value` may be null, for nothing; so may `key` and `name`, for
  // None.
  void add(Cell::Kind kind, PyObject* holder, PyObject* key, PyObject* value, PyObject* description,
           PyObject* name, Form form = Form::whole);
  void replace(size_t place, PyObject* value);
  // Drops the cells of holders with these addresses; with `kind`, only those of that kind.
  void drop(const std::unordered_set<const void*>& holders, int kind);
  size_t size() const { return kept_.size(); }
  const Kept& operator[](size_t place) const { return kept_[place]; }
  Cell copy(size_t place) const;  // as it is now: a tensor may be in another state
  // Whether the cell holds now. May run code.
  bool holds(size_t place) const;
  // Whether a cell of the same place was ever kept.
  bool has_met(const Cell& cell) const;
  // How often the cells hold each of some objects. Runs no code.
  void count(Counts& counts) const;

  PyObject* objects() const { return objects_.get(); }  // dict by id: whatever was looked into
  int traverse(visitproc visit, void* arg) const;
  void clear();

 private:
  struct Mark {
    Cell::Kind kind;
    const void* holder;
    const void* key;  // equal strings have one
    bool operator==(const Mark& other) const {
      return kind == other.kind && holder == other.holder && key == other.key;
    }
  };
  // A set of them: open addressing, for one is looked for with every name that is read.
  class Marks {
   public:
    bool has(const Mark& mark) const { return !slots_.empty() && slots_[find(mark)].holder; }
    void add(const Mark& mark);  // one that is not there

   private:
    size_t find(const Mark& mark) const;  // where it is, or may be put
    std::vector<Mark> slots_;             // a power of two, half of them empty: without a holder
    size_t used_ = 0;
  };
  // The key as it is known; held where it is a string.
  PyObject* known_key(PyObject* key);

  Owned objects_;
  std::vector<Kept> kept_;
  Marks known_;
  std::unordered_map<PyObject*, Owned> strings_;  // interned, by themselves
  uint32_t next_ = 0;
};

// The one in an object of Python's; null where it is none.
CellList* cell_list_in(PyObject* object);

void add_cell_list(PyObject* module);

}  // namespace steep::bindings
