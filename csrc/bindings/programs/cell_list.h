// The cells that one recording has found, each with a description for messages.
#pragma once

#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "bindings/programs/cells.h"

namespace steep::bindings {

// A count for each of some objects, which are all added first. A hash table with open addressing,
// because every field of every cell is looked up in it.
class Counts {
 public:
  explicit Counts(size_t objects);
  void add(PyObject* object) { slots_[find(object)].object = object; }
  void note(PyObject* object);  // counts one more, if it was added
  Py_ssize_t operator[](PyObject* object) const { return slots_[find(object)].count; }

 private:
  struct Slot {
    PyObject* object = nullptr;
    Py_ssize_t count = 0;
  };
  size_t find(PyObject* object) const;  // where it is, or may be put
  std::vector<Slot> slots_;             // a power of two, half of them empty
};

// At most one cell for each holder, kind and key. The cells hold objects nowhere else, so that
// reference counts tell whether anyone else holds them.
class CellList {
 public:
  // How messages name it: by the description alone, or by description.name.
  enum class Form : uint8_t { whole, dotted };
  struct DescribedCell {
    Cell cell;
    Owned description, name;  // name: may be none
    Form form;
    uint32_t number;  // unique in this list
  };

  CellList() : objects_(PyDict_New()) {}

  // Adds a cell unless it is there already. A null `value` means that nothing is there; a null
  // `key` or `name` stands for None.
  void add(Cell::Kind kind, PyObject* holder, PyObject* key, PyObject* value, PyObject* description,
           PyObject* name, Form form = Form::whole);
  void replace(size_t index, PyObject* value);
  // Drops the cells of holders with these addresses; if `kind` is not negative, only those of that
  // kind.
  void drop(const std::unordered_set<const void*>& holders, int kind);
  size_t size() const { return kept_.size(); }
  const DescribedCell& operator[](size_t index) const { return kept_[index]; }
  Cell copy(size_t index) const;  // made anew, so that it takes a tensor's present state
  // Whether the cell still holds. May run Python code.
  bool holds(size_t index) const;
  // Whether a cell with the same kind, holder and key was ever added.
  bool has_met(const Cell& cell) const;
  // Counts how often the cells hold each of some objects. Runs no Python code.
  void count(Counts& counts) const;

  PyObject* objects() const {
    return objects_.get();
  }  // a dict by id of all objects that were looked into
  int traverse(visitproc visit, void* arg) const;
  void clear();

 private:
  struct CellId {
    Cell::Kind kind;
    const void* holder;
    const void* key;  // interned where it is a string, so that equal strings are one
    bool operator==(const CellId& other) const {
      return kind == other.kind && holder == other.holder && key == other.key;
    }
  };
  // A set of them. Open addressing again, because every name that is read is looked up.
  class CellIds {
   public:
    bool has(const CellId& id) const { return !slots_.empty() && slots_[find(id)].holder; }
    void add(const CellId& id);  // one that is not there

   private:
    size_t find(const CellId& id) const;  // where it is, or may be put
    std::vector<CellId> slots_;           // a power of two, half of them empty: without a holder
    size_t used_ = 0;
  };
  // The key as CellId has it; strings are interned and held.
  PyObject* known_key(PyObject* key);

  Owned objects_;
  std::vector<DescribedCell> kept_;
  CellIds known_;
  std::unordered_map<PyObject*, Owned> strings_;  // the interned strings, held
  uint32_t next_ = 0;
};

// The CellList in a Python object; null if that is not one.
CellList* cell_list_in(PyObject* object);

void add_cell_list(PyObject* module);

}  // namespace steep::bindings
