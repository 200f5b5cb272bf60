// From a call's arguments to the Values of one overload.
#pragma once

#include "bindings/calls/entries.h"

namespace steep::bindings {

struct CallArguments {
  PyObject* const* args;  // the positional ones, then the keywords' values
  Py_ssize_t positional;
  PyObject* keywords;  // a tuple of names, or null
  Py_ssize_t keyword_count() const { return keywords ? PyTuple_GET_SIZE(keywords) : 0; }
};

// Why an overload does not take a call.
struct Mismatch {
  enum class Kind : uint8_t { none, too_many, missing, unknown_keyword, given_twice, wrong_type };
  Kind kind = Kind::none;
  int parameter = 0;
  PyObject* got = nullptr;  // borrowed: the argument of the wrong type, or the keyword
};

// Room for an overload's arguments on the stack; only as many are made as there are parameters.
class Values {
 public:
  explicit Values(size_t count) : count_(count) {
    for (size_t i = 0; i < count_; ++i) new (data() + i) ops::Value();
  }
  ~Values() {
    for (size_t i = 0; i < count_; ++i) data()[i].~Value();
  }
  Values(const Values&) = delete;
  Values& operator=(const Values&) = delete;
  ops::Value* data() { return reinterpret_cast<ops::Value*>(room_); }

 private:
  size_t count_;
  alignas(ops::Value) unsigned char room_[sizeof(ops::Value) * kMostParameters];
};

// Fills `values`, one for each parameter; says why not where the overload does not fit.
bool bind(const Signature& signature, const CallArguments& call, ops::Value* values,
          Mismatch& mismatch);

// Raises the TypeError for a call that no overload takes.
[[noreturn]] void raise_mismatch(const Entry& entry, const CallArguments& call);

}  // namespace steep::bindings
