// Arguments of the hand-written methods, by position or keyword.
#pragma once

#include <optional>
#include <string>

#include "bindings/python.h"
#include "tensor/dtype.h"

namespace steep::bindings {

constexpr int kMostArguments = 10;

// What a method takes. Names come in order; those after `positional` are keyword-only.
struct ArgumentNames {
  const char* op;
  int required;
  int positional;
  const char* names[kMostArguments];  // up to the first null
};

// The arguments found, null where one was left out.
class Arguments {
 public:
  Arguments(const ArgumentNames& names, PyObject* const* args, Py_ssize_t positional,
            PyObject* keywords);

  PyObject* operator[](int i) const { return found_[i]; }
  bool given(int i) const { return found_[i] && found_[i] != Py_None; }
  // Each refuses an object of another type, naming the argument.
  bool flag(int i, bool otherwise) const;
  std::optional<DType> dtype(int i) const;
  int64_t integer(int i, int64_t otherwise) const;
  void device(int i) const;
  void layout(int i) const;
  void pin_memory(int i) const;  // refuses True
  // The memory format's name; "" where none was given.
  std::string memory_format(int i) const;

 private:
  [[noreturn]] void refuse(int i, const char* expected) const;
  void place_keyword(PyObject* key, PyObject* value, int count);

  const ArgumentNames& names_;
  PyObject* found_[kMostArguments] = {};
};

}  // namespace steep::bindings
