// _core.Trace and _core.Program: what Python needs to make, compare and describe programs. None of
// it is hot.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <unordered_set>

#include "bindings/host/runtime.h"
#include "bindings/programs/program_table.h"
#include "bindings/tensor/tensor_type.h"
#include "ops/holds.h"
#include "ops/ops.h"
#include "program/replay/replay.h"
#include "tape/replayed.h"

namespace py = pybind11;

namespace steep::bindings {

namespace {

using program::Program;
using program::Trace;
using tape::Replayed;

const Tensor& required(const py::handle& object) {
  if (!is_tensor(object.ptr()))
    raise(PyExc_TypeError, join("compile: expected a Tensor, got ", type_name(object.ptr())));
  return tensor_of(object.ptr());
}

Tensors tensors_of(const py::list& list) {
  Tensors out;
  for (const py::handle item : list) out.push_back(required(item));
  return out;
}

// Refuses results with a graph that share memory with each other, or with an argument or a
// parameter: their memory would be part of two graphs, while each replay makes new results.
void check_apart(program::Recorder& recorder, const Tensors& results, const Tensors& inputs) {
  for (int i = 0; i < results.size(); ++i) {
    if (!tape::grad_fn(results[i])) continue;
    const Storage* const memory = results[i]->storage.get();
    bool shared = !recorder.has_made(*memory);
    for (const Tensor& input : inputs) shared |= input->storage.get() == memory;
    if (shared)
      recorder.refuse(
          "it returns a view of an argument or a parameter, to be differentiated outside; return a "
          "clone()");
    for (int j = 0; j < results.size(); ++j)
      if (j != i && results[j]->storage.get() == memory && tape::grad_fn(results[j]))
        recorder.refuse(
            "two of its results, to be differentiated outside, share memory; return a clone() of "
            "one");
  }
}

// What a backward pass outside will need for results that have a graph; None if none has.
std::shared_ptr<Replayed> make_backward(const py::object& recorded, const py::list& inputs,
                                        const py::list& outputs) {
  program::Recorder& recorder = recorder_of("make_backward", recorded.ptr());
  const Tensors results = tensors_of(outputs), given = tensors_of(inputs);
  const bool wanted = std::any_of(results.begin(), results.end(), [](const Tensor& x) {
    const Ref<tape::Node> node = tape::grad_fn(x);
    return node && !node->released;
  });
  if (!wanted) return nullptr;
  check_apart(recorder, results, given);
  auto backward = std::make_shared<Replayed>(results, given, recorder);
  const std::string& refusal = backward->pattern().refusal();
  if (refusal.empty()) return backward;
  recorder.refuse(refusal);
  return nullptr;
}

// Why a backward pass through the results cannot be replayed, or ''.
std::string complete(Replayed& self, const Trace& trace, const py::list& inputs) {
  const Tensors given = tensors_of(inputs);
  for (const program::TracedCall& traced : trace.calls())
    for (int i = 0; i < traced.values.size(); ++i) {
      const int v = traced.values[i];
      if (v < 0 || !traced.call.writes(i) || trace.values()[v].source < 0 ||
          trace.values()[v].kind != program::Value::Kind::input)
        continue;
      const Tensor& input = given[trace.values()[v].source];
      if (tape::requires_grad(input))
        return "it writes to an argument that requires a gradient; write to a clone()";
    }
  return self.complete(trace, given);
}

// The trace of what a recorder holds, with the gradients as they are now. `backward`: from
// make_backward, or None; `shown`: see Trace; `held`: tensors that have the memory of results.
std::shared_ptr<Trace> make_trace(const py::object& recorded, const py::list& inputs,
                                  const py::list& outputs,
                                  const std::shared_ptr<Replayed>& backward,
                                  const std::vector<int>& shown, const py::list& held) {
  program::Recorder& recorder = recorder_of("make_trace", recorded.ptr());
  const Tensors results = tensors_of(outputs);
  recorder.gradients().forget_dead_leaves();
  std::unordered_set<const TensorImpl*> returned;
  for (const Tensor& result : results) returned.insert(result.impl());
  Tensors bases = tensors_of(held);
  for (const Tensor& result : results) {
    const tape::History* history = tape::history(result);
    if (!history || !history->base.defined()) continue;
    bases.push_back(history->base);
    const bool made = recorder.has_made(*history->base->storage);
    if (made && history->base->python && !returned.count(history->base.impl()))
      recorder.refuse(
          "a result is a view of a tensor that is also kept elsewhere; return a clone()");
  }
  const Tensors gradients = recorder.gradients().now(tape::leaf_gradients());
  return std::make_shared<Trace>(recorder, tensors_of(inputs), results, bases, gradients,
                                 backward ? backward->pattern().saved() : Tensors(), shown);
}

// `reads`: which numbers operations have taken, and before which launch.
int fill_trace(Trace& self, const Trace& other, const std::vector<double>& numbers,
               const std::vector<double>& others,
               const std::vector<std::pair<int, size_t>>& reads) {
  if (numbers.size() != others.size())
    raise(PyExc_ValueError, "fill: expected as many numbers of one recording as of the other");
  std::vector<Trace::NumberRead> taken;
  for (const auto& [number, launch_index] : reads) {
    if (number < 0 || static_cast<size_t>(number) >= numbers.size())
      raise(PyExc_ValueError, join("fill: expected reads of the numbers, got ", number));
    taken.push_back({number, launch_index});
  }
  return self.fill(other, numbers, others, taken);
}

// All tensors that are values of cells, or in them: the function can reach these without its
// arguments.
Tensors tensors_in(const py::list& cells) {
  Tensors found;
  const auto add = [&found](PyObject* object) {
    if (is_tensor(object)) found.push_back(tensor_of(object));
  };
  for (const py::handle cell : cells) {
    if (!PyTuple_Check(cell.ptr()) || PyTuple_GET_SIZE(cell.ptr()) != 4) continue;
    PyObject* const value = PyTuple_GET_ITEM(cell.ptr(), 3);
    add(value);
    for (Py_ssize_t i = 0; PyTuple_Check(value) && i < PyTuple_GET_SIZE(value); ++i)
      add(PyTuple_GET_ITEM(value, i));
  }
  return found;
}

// Hands an object over to pybind11.
py::object given_to_caller(Owned object) {
  return py::reinterpret_steal<py::object>(object.release());
}

// (leaf, .grad) of the leaves whose .grad a run replaces or adds to.
Owned gradients_of(const Program& program, const py::list& inputs) {
  Owned out(PyList_New(0));
  const Tensors given = tensors_of(inputs);
  const program::GradientProtocol& gradients = program.gradients();
  if (gradients.most_inputs() > given.size())
    raise(PyExc_ValueError, join("gradients: expected the inputs of a call of this program, got ",
                                 given.size(), " tensors"));
  for (int i = 0; i < gradients.size(); ++i) {
    const Tensor& leaf = gradients.leaf(i, given);
    const Owned first(wrap(leaf)), second(wrap(tape::leaf_gradients().find(leaf)));
    const Owned pair(PyTuple_Pack(2, first.get(), second.get()));
    checked(PyList_Append(out.get(), pair.get()));
  }
  return out;
}

Owned written_state(const Program& program) {
  Owned out(PyList_New(0));
  for (const Tensor& tensor : program.written_state()) {
    const Owned item(wrap(tensor));
    checked(PyList_Append(out.get(), item.get()));
  }
  return out;
}

Owned generators_of(const Program& program) {
  Owned out(PyList_New(0));
  for (const auto& generator : program.plan().generators) {
    const Owned item(generator_of_python(generator));
    checked(PyList_Append(out.get(), item.get()));
  }
  return out;
}

// The number in a tensor that is a setting. A replay reads it before it runs, so a recording is
// refused if the function itself has written it.
double setting(const py::object& object) {
  const Tensor& x = required(object);
  const program::Recorder* const recorder = program::Recorder::active();
  if (recorder && (recorder->has_made(*x->storage) || recorder->has_written(*x->storage)))
    program::refuse_recording(
        "it reads an optimizer's setting from a tensor that the function itself writes; write it "
        "after the step, or outside the function");
  return ops::only_element(x).to_double();
}

// Makes __new__ raise TypeError: pybind11's would return an empty object.
void make_abstract(const py::handle& type) {
  auto* const own = reinterpret_cast<PyTypeObject*>(type.ptr());
  own->tp_new = [](PyTypeObject* self, PyObject*, PyObject*) -> PyObject* {
    PyErr_Format(PyExc_TypeError, "cannot create '%s' instances: steep makes them", self->tp_name);
    return nullptr;
  };
  // pybind11 does not check whether this has failed, and would write through a null pointer.
  own->tp_alloc = [](PyTypeObject* self, Py_ssize_t size) {
    return checked(PyType_GenericAlloc(self, size));
  };
  PyType_Modified(own);
}

// Lambdas that take references throughout: a pointer to a member function would be called on null
// for None.

void add_trace(py::module_& m) {
  py::class_<Trace, std::shared_ptr<Trace>> trace(m, "Trace", py::is_final(),
                                                  "A recording that can be compared.");
  make_abstract(trace);
  trace
      .def_property_readonly(
          "refusal", [](const Trace& self) { return self.refusal(); },
          "Why it cannot be replayed, or ''.")
      .def_property_readonly(
          "lost", [](const Trace& self) { return self.lost(); },
          "Whether there was no memory to keep all of it.")
      .def_property_readonly(
          "pattern", [](const Trace& self) { return self.pattern(); },
          "Which gradients were there before.")
      .def(
          "difference",
          [](const Trace& self, const Trace& other) { return self.difference(other); },
          py::arg("other"), "How it differs from another trace, or ''.")
      .def("fill", fill_trace, py::arg("other"), py::arg("numbers"), py::arg("others"),
           py::arg("reads"),
           "Finds the operands that are numbers given to each replay; the first of the reads "
           "without an operand, or -1.")
      .def(
          "other_number",
          [](const Trace& self, const Trace& other) { return self.other_number(other); },
          py::arg("other"),
          "The launch at which another trace has another number; -1 where there is none.")
      .def_property_readonly(
          "filled", [](const Trace& self) { return self.filled(); },
          "The numbers given to each replay, in the order of the program's number inputs.");
}

void add_program(py::module_& m) {
  py::class_<Program, std::shared_ptr<Program>> program(m, "Program", py::is_final(),
                                                        "A trace, planned and ready to run.");
  make_abstract(program);
  program
      .def(
          "has_state_of",
          [](const Program& self, const Trace& trace) { return self.has_state_of(trace); },
          py::arg("trace"),
          "Whether an argument known to be state as well was the same in a recording.")
      .def(
          "unpin", [](Program& self, const Trace& trace) { self.unpin(trace); }, py::arg("trace"),
          "Says that a recording on other arguments did the same.")
      .def_property_readonly(
          "may_refuse", [](const Program& self) { return self.may_refuse_after_stores(); },
          "Whether it may reject its input where the function has stored something before.")
      .def(
          "takes_numbers",
          [](const Program& self, const std::vector<double>& numbers) {
            return self.takes_numbers(numbers);
          },
          py::arg("numbers"),
          "Whether operations would do the same with these numbers as when recorded.")
      .def_property_readonly(
          "runs", [](const Program& self) { return self.runs(); }, "How often it has run.")
      .def(
          "gradients",
          [](const Program& self, const py::list& inputs) {
            return kept_from_unwinding([&] { return given_to_caller(gradients_of(self, inputs)); });
          },
          py::arg("inputs"), "(leaf, .grad) of the leaves whose .grad a run replaces or adds to.")
      .def(
          "written_state",
          [](const Program& self) {
            return kept_from_unwinding([&] { return given_to_caller(written_state(self)); });
          },
          "What it writes that was there before, as uint8 tensors on the same memory.")
      .def(
          "generators",
          [](const Program& self) {
            return kept_from_unwinding([&] { return given_to_caller(generators_of(self)); });
          },
          "The generators it draws from, besides the process's.")
      .def(
          "listing", [](const Program& self) { return self.listing(); },
          "What it does, line by line.");
}

void add_replayed(py::module_& m) {
  py::class_<Replayed, std::shared_ptr<Replayed>> replayed(
      m, "Replayed", py::is_final(), "Backward passes through the results of replayed calls.");
  make_abstract(replayed);
  replayed
      .def(
          "complete",
          [](Replayed& self, const Trace& trace, const py::list& inputs) {
            return complete(self, trace, inputs);
          },
          py::arg("trace"), py::arg("inputs"),
          "Records a pass through the graph of the recorded call; why it cannot be replayed, or "
          "''.")
      .def(
          "difference",
          [](const Replayed& self, const Replayed& other) { return self.difference(other); },
          py::arg("other"), "How its graph differs from another call's, or ''.")
      .def(
          "plan", [](Replayed& self, const Replayed& other) { self.plan(other); }, py::arg("other"),
          "Makes the program of the pass, with which another call agrees.")
      .def(
          "programs", [](const Replayed& self) { return self.programs(); },
          "Those made so far, the first of them for gradients of all results.");
}

void add_makers(py::module_& m) {
  m.def(
      "make_backward", make_backward, py::arg("recorder"), py::arg("inputs"), py::arg("outputs"),
      "Backward passes through the results of a recorded call, or None where they have no graph.");
  m.def("make_trace", make_trace, py::arg("recorder"), py::arg("inputs"), py::arg("outputs"),
        py::arg("backward"), py::arg("shown"), py::arg("held"),
        "The trace of a recording that has ended.");
  m.def(
      "make_program",
      [](const Trace& trace, const Trace& other, const py::list& cells) {
        return std::make_shared<Program>(trace, other, tensors_in(cells));
      },
      py::arg("trace"), py::arg("other"), py::arg("cells"),
      "The program of a trace, of one that agrees with it, and of what the function has read.");
}

void add_questions(py::module_& m) {
  m.def("setting", setting, py::arg("tensor"),
        "The number in a tensor, which a replay reads before it begins.");
  m.def(
      "refuse_recording", [](const std::string& reason) { program::refuse_recording(reason); },
      py::arg("reason"), "Says to a recording, if there is one, that it cannot be replayed.");
  m.def("may_vary_to", program::may_vary_to, py::arg("number"),
        "Whether a program recorded with other numbers does with this one as operations would.");
  m.def(
      "graph_is_used_up",
      [](const py::object& tensor) {
        const Ref<tape::Node> node = tape::grad_fn(required(tensor));
        return node && node->released;
      },
      py::arg("tensor"), "Whether a backward pass has freed what made the tensor.");
  m.def(
      "check_holds",
      [](const py::object& holds, const py::object& values, const std::string& text) {
        ops::check_holds(required(holds), required(values), text);
      },
      py::arg("holds"), py::arg("values"), py::arg("text"),
      "Raises a ValueError with the text and the first of the values that a condition does not "
      "hold for. A replay looks again.");
  m.def(
      "is_recording", [] { return program::Recorder::active() != nullptr; },
      "Whether this thread records.");
}

}  // namespace

void add_programs(PyObject* module) {
  add_program_table(module);
  add_compiled_call(module);
  auto m = py::reinterpret_borrow<py::module_>(module);
  add_trace(m);
  add_program(m);
  add_replayed(m);
  add_makers(m);
  add_questions(m);
}

}  // namespace steep::bindings
