// What a compiled function returns, with places for the tensors: built anew at every replay.
#pragma once

#include <utility>
#include <vector>

#include "bindings/python.h"

namespace steep::bindings {

class ResultTree {
 public:
  // Of the description that steep's Python side makes: an int is the number of an output; ("value",
  // object) a plain value; ("item", n, type) the element of output n as a float or an int; ("array",
  // n) an array on the memory of output n; ("given", n) number n of those given to build(); (type,
  // items) a tuple or list; ("dict", keys, items) a dict; ("named", type, items) a named tuple;
  // ("made", type, (maker, arguments), keys, items) a dict of another class, or an object with
  // attributes: the maker's, which then gets its items.
  explicit ResultTree(PyObject* description);

  int traverse(visitproc visit, void* arg) const;

  // Whether there is one of the numbers given to build() in it.
  bool is_given_numbers() const;

  // Numbers of a result, which get their values later, and the outputs they are of. A dict two of
  // whose keys have become equal drops one.
  using Numbers = std::vector<std::pair<Owned, int>>;

  // A new reference, with `tensor(i)` giving a new reference to output i; `given`: a tuple.
  template <class Output>
  PyObject* build(const Output& tensor, PyObject* given, Numbers& numbers) const {
    return build_with(
        {[](const void* context, int i) { return (*static_cast<const Output*>(context))(i); },
         &tensor, given},
        numbers);
  }

 private:
  struct Source {
    PyObject* (*tensor)(const void* context, int i);
    const void* context;
    PyObject* given;
  };
  enum class Kind { tensor, value, item, array, given, tuple, list, dict, named, made };
  PyObject* build_with(const Source& source, Numbers& numbers) const;
  PyObject* make_with(const Source& source, Numbers& numbers) const;

  Kind kind_;
  int output_ = 0;
  bool whole_ = false;  // whether an item is an int
  Owned value_;         // the plain value, the keys, the named tuple's type, or what makes it
  Owned keys_;          // of what is made
  std::vector<ResultTree> items_;
};

}  // namespace steep::bindings
