// The structure of what a compiled function returns, with references to outputs in place of
// tensors: each replay builds the result anew.
#pragma once

#include <utility>
#include <vector>

#include "bindings/python.h"

namespace steep::bindings {

class ResultTree {
 public:
  // From the description that steep/compiler makes: an int is the number of an output; ("value",
  // object) a plain value; ("item", n, type) the element of output n as a float or an int;
  // ("argument", n) the tensor that is the call's input n; ("array", n) an array on the memory of
  // output n; ("given", n) number n of those given to
  // build(); ("again", n) the container whose parts were complete as the n-th of those in the whole
  // description; (type, items) a tuple or list; ("dict", keys, items) a dict; ("named", type, items) a
  // named tuple; ("sequence", type, items) one that operations return, such as max(x, dim);
  // ("made", type, (maker, arguments), keys, items) a dict of another class, or an object with
  // attributes: the maker's, which then gets its items.
  explicit ResultTree(PyObject* description);

  int traverse(visitproc visit, void* arg) const;

  // Whether it contains any of the numbers given to build().
  bool is_given_numbers() const;

  // The numbers in a result, which get their values later, each with the output it is read from.
  // They are held here as well, because a dict drops one if two keys have become equal.
  using Numbers = std::vector<std::pair<Owned, int>>;

  // A new reference, with `tensor(i)` giving a new reference to output i, or to input ~i; `given`: a
  // tuple.
  template <class Output>
  PyObject* build(const Output& tensor, PyObject* given, Numbers& numbers) const {
    SmallVector<Owned, 8> containers;
    return build_with(
        {[](const void* context, int i) { return (*static_cast<const Output*>(context))(i); },
         &tensor, given, &containers},
        numbers);
  }

 private:
  struct Source {
    PyObject* (*tensor)(const void* context, int i);
    const void* context;
    PyObject* given;
    SmallVector<Owned, 8>* containers;  // that are complete
  };
  enum class Kind { tensor, value, item, array, given, again, tuple, list, dict, named, made };
  PyObject* build_with(const Source& source, Numbers& numbers) const;
  PyObject* build_container(const Source& source, Numbers& numbers) const;
  PyObject* make_with(const Source& source, Numbers& numbers) const;

  Kind kind_;
  int output_ = 0;
  bool whole_ = false;  // whether a number is an int; whether a type takes its items as one tuple
  // The plain value; the keys of a dict; the type of a named tuple; or (maker, arguments).
  Owned value_;
  Owned keys_;  // for "made"
  std::vector<ResultTree> items_;
};

}  // namespace steep::bindings
