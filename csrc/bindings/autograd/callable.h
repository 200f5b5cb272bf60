// Python callables as hooks of the tape, and the handles that take them off again.
#pragma once

#include <memory>

#include "bindings/python.h"
#include "tape/node.h"

namespace steep::bindings {

// The number of callables and dictionaries that graphs hold: while there are none, Python's
// collector need not search graphs.
void count_callables(int more);
int callables_in_graphs();

// Holds a callable; copies share it.
class HeldCallable {
 public:
  HeldCallable(PyObject* callable, uint64_t id);
  HeldCallable(const HeldCallable& other);
  HeldCallable& operator=(const HeldCallable&) = delete;
  ~HeldCallable();

  // Tells a recording that it is about to be called.
  void note() const;
  PyObject* get() const { return callable_; }

 private:
  PyObject* callable_;
  uint64_t id_;
};

// A hook of a tensor: how it is called, and its result read.
class TensorHook {
 public:
  using Protocol = Tensor (*)(PyObject* callable, const Tensor& given, const Tensor& arrived);
  TensorHook(PyObject* callable, Protocol protocol, uint64_t id)
      : held_(callable, id), protocol_(protocol) {}
  Tensor operator()(const Tensor& given, const Tensor& arrived) const;
  PyObject* callable() const { return held_.get(); }

 private:
  HeldCallable held_;
  Protocol protocol_;
};

// A hook of a node: called with the gradients of its outputs before its rule runs, or with those of
// its inputs and outputs afterwards.
class NodeCallable {
 public:
  NodeCallable(PyObject* callable, bool after, uint64_t id) : held_(callable, id), after_(after) {}
  void operator()(tape::GradList changed, tape::GradList others) const;
  // Calls it; `others` is null before the rule runs.
  static void call(PyObject* callable, tape::GradList changed, const tape::GradList* others);
  PyObject* callable() const { return held_.get(); }

 private:
  HeldCallable held_;
  bool after_;
};

// The Python callable of a hook; None if it is not one of Python's.
PyObject* callable_of(const tape::Hook& hook);
PyObject* callable_of(const tape::NodeHook& hook);

// A new number for a hook, and the number that the next one will have.
uint64_t take_hook_number();
uint64_t next_hook_number();

// New references to handles with remove(). They refer weakly to the list, so that a handle keeps no
// graph alive.
PyObject* make_handle(const std::shared_ptr<tape::Hooks>& hooks, uint64_t id);
PyObject* make_handle(const std::shared_ptr<tape::NodeHooks>& hooks, uint64_t id);
void add_handle_type(PyObject* module);

// The list, made if there is none.
template <class List>
const std::shared_ptr<List>& list_in(std::shared_ptr<List>& place) {
  if (!place) place = std::make_shared<List>();
  return place;
}

}  // namespace steep::bindings
