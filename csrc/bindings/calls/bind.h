// From a call's arguments to the AnyValues of one overload.
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
class AnyValues {
 public:
  explicit AnyValues(size_t count) : count_(count) {
    for (size_t i = 0; i < count_; ++i) new (data() + i) ops::AnyValue();
  }
  ~AnyValues() {
    for (size_t i = 0; i < count_; ++i) data()[i].~AnyValue();
  }
  AnyValues(const AnyValues&) = delete;
  AnyValues& operator=(const AnyValues&) = delete;
  ops::AnyValue* data() { return reinterpret_cast<ops::AnyValue*>(room_); }

 private:
  size_t count_;
  alignas(ops::AnyValue) unsigned char room_[sizeof(ops::AnyValue) * kMostParameters];
};

// Fills `values`, one for each parameter. If the overload does not fit, false, and `mismatch` says
// why.
bool bind(const Signature& signature, const CallArguments& call, ops::AnyValue* values,
          Mismatch& mismatch);

// Raises the TypeError for a call that no overload takes.
[[noreturn]] void raise_mismatch(const Entry& entry, const CallArguments& call);

}  // namespace steep::bindings
