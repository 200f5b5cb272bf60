// What a program was recorded under: the cells that the function has read, and what each held.
#pragma once

#include <cstdint>
#include <vector>

#include "bindings/programs/cells.h"

namespace steep::bindings {

// A list of cells, which is looked through before each replay. Dicts and types that say by a number
// of their own that nothing has changed since the last look are passed over.
class Guards {
 public:
  // Of a CellList, or a list of tuples (kind, holder, key, value); `absent` stands for nothing.
  explicit Guards(PyObject* list);

  // May run code where a dict has keys of a user's own class.
  bool hold();
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
  std::vector<Group<uint64_t>> dicts_;
  std::vector<Group<unsigned>> types_;
  // Cells of holders without such a number: tensors, instances, and the rest.
  std::vector<size_t> tensors_, instances_, others_;
};

void add_guards(PyObject* module);

}  // namespace steep::bindings
