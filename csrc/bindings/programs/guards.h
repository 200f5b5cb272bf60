// The conditions under which a program was recorded: the cells that the function has read, with
// their values.
#pragma once

#include <cstdint>
#include <vector>

#include "bindings/programs/cells.h"

namespace steep::bindings {

// A list of cells that is checked before each replay. Dicts and types with a version tag are passed
// over while it is unchanged.
class Guards {
 public:
  // From a CellList, or from a list of tuples (kind, holder, key, value).
  explicit Guards(PyObject* list);

  // May run user code, where the keys of a dict are of a class of the user's.
  bool hold();
  int traverse(visitproc visit, void* arg) const;

 private:
  // The cells of one holder, which are next to each other, and the version tag of that holder.
  template <class Version>
  struct HolderCells {
    const Version* now;
    Version then;  // the version at which all of them were last found to hold
    size_t begin, end;
  };

  // Whether the cells of all these holders hold; those of an unchanged holder are not looked at.
  template <class Version>
  bool hold(std::vector<HolderCells<Version>>& groups) const;
  void add_group(size_t begin, size_t end);

  std::vector<Cell> cells_;
  std::vector<HolderCells<uint64_t>> dicts_;
  std::vector<HolderCells<unsigned>> types_;
  // Cells of holders without a version tag: tensors, instances, and the rest.
  std::vector<size_t> tensors_, instances_, others_;
};

void add_guards(PyObject* module);

}  // namespace steep::bindings
