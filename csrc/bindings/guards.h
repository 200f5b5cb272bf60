// What a program was recorded under: the cells that the function has read, and what each held.
#pragma once

#include <cstdint>
#include <vector>

#include "bindings/python.h"

namespace steep::bindings {

// Whether two objects are one, or equal numbers, strings or tuples of such: what a function that
// reads the one would make of the other as well. Runs no code of a user's.
bool same_value(PyObject* a, PyObject* b);

// One cell. Which fields mean what is said beside each kind.
struct Cell {
  enum class Kind : uint8_t {
    variable,  // holder: a cell of a closure; value: its contents
    item,      // holder: a dict; key; value
    dict,      // holder: a dict; value: a tuple of its keys and values in turn
    sequence,  // holder: a list or a deque; value: a tuple of its items
    set,       // holder: a set; value: a tuple of its items, in its own order
    type,      // holder: a type; key: a name; value: what the type or one of its bases has there
    slot,      // holder: an object; key: a descriptor of __slots__; value
    function,  // holder: a function; value: a tuple of its code, defaults and keyword defaults
    array,     // holder: a buffer; key: a tuple of its format and sizes; value: its bytes
    tensor,    // holder: a tensor; value: what state_of() says of it
    instance,  // holder: an object; value: its class, and the dict of its attributes or None
  };
  static constexpr int kKinds = 11;

  Kind kind;
  Owned holder;
  Owned key;
  Owned value;         // none: nothing is there
  uint64_t state = 0;  // of a tensor: its value as a number

  bool holds() const;
};

// A list of cells, which is looked through before each replay. Dicts and types that say by a number
// of their own that nothing has changed since the last look are passed over.
class Guards {
 public:
  // Of a list of tuples (kind, holder, key, value); `absent` stands for nothing.
  explicit Guards(PyObject* list);

  // Both may run code where a dict has keys of a user's own class.
  bool hold();
  // The place in the list of the first cell that holds something else now; -1 where there is none.
  Py_ssize_t first_broken() const;
  int traverse(visitproc visit, void* arg) const;

 private:
  // Cells of one holder, next to each other; the holder has a number that any change of it changes.
  template <class Version>
  struct Group {
    const Version* now;
    Version then;  // when all of them were found to hold
    size_t begin, end;
  };

  // Whether the cells of each group hold; of a holder that has not changed nothing else is looked at.
  template <class Version>
  bool hold(std::vector<Group<Version>>& groups) const;
  void add_group(size_t begin, size_t end);

  std::vector<Cell> cells_;
  std::vector<Py_ssize_t> places_;  // in the list, by cell
  std::vector<Group<uint64_t>> dicts_;
  std::vector<Group<unsigned>> types_;
  // Cells of holders without such a number: tensors, instances, and the rest.
  std::vector<size_t> tensors_, instances_, others_;
};

// What stands for "nothing is there" among the values of cells.
PyObject* absent();

void add_guards(PyObject* module);

}  // namespace steep::bindings
