// steep.Generator, and the functions that act on the default one.
#include <pybind11/pybind11.h>

#include <memory>

#include "bindings/runtime.h"
#include "bindings/tensor_type.h"
#include "program/recorder.h"

namespace py = pybind11;

namespace steep::bindings {

namespace {

using runtime::Generator;

// A generator of Python's own, or the process's.
struct GeneratorHandle {
  std::unique_ptr<Generator> own;
  Generator* generator;
};

// torch takes negative seeds, too: as the 64 bits they have.
uint64_t read_seed(const py::handle& seed) {
  const py::object number = py::reinterpret_steal<py::object>(PyNumber_Index(seed.ptr()));
  if (!number) throw py::error_already_set();
  int overflow = 0;
  const int64_t value = PyLong_AsLongLongAndOverflow(number.ptr(), &overflow);
  if (!overflow) return static_cast<uint64_t>(value);
  const uint64_t large = PyLong_AsUnsignedLongLong(number.ptr());
  if (PyErr_Occurred()) {
    PyErr_Clear();
    fail(ErrorKind::runtime, "manual_seed", "a seed within 64 bits",
         py::str(number).cast<std::string>());
  }
  return large;
}

py::object state_of(Generator& generator) {
  const std::vector<uint8_t> bytes = generator.get_state();
  const Tensor state = empty({static_cast<int64_t>(bytes.size())}, DType::uint8);
  std::copy(bytes.begin(), bytes.end(), state.data<uint8_t>());
  return py::reinterpret_steal<py::object>(wrap(state));
}

void set_state(Generator& generator, const py::handle& state) {
  const char* op = "set_rng_state";
  if (!is_tensor(state.ptr())) fail(ErrorKind::type, op, "a uint8 Tensor", type_name(state.ptr()));
  const Tensor& bytes = tensor_of(state.ptr());
  if (bytes.dtype() != DType::uint8 || bytes.dim() != 1 || !bytes.is_contiguous())
    fail(ErrorKind::type, op, "a contiguous uint8 Tensor of one dimension",
         join(name(bytes.dtype()), " of shape ", to_string(bytes.shape())));
  generator.set_state(bytes.data<uint8_t>(), static_cast<size_t>(bytes.numel()));
}

void add_generator(py::module_& m) {
  py::class_<GeneratorHandle> type(
      m, "Generator", R"(A stream of random numbers, the same as that of PyTorch's CPU generator.

Args:
    device: None or 'cpu'.

Example:
    >>> import steep
    >>> generator = steep.Generator().manual_seed(7)
    >>> steep.randint(10, (3,), generator=generator)
    tensor([5, 2, 1]))");
  type.attr("__module__") = "steep";
  type.def(py::init([](const py::object& device) {
             if (!device.is_none() && py::str(device).cast<std::string>() != "cpu")
               fail(ErrorKind::runtime, "Generator", "device 'cpu', the only one there is",
                    py::str(device).cast<std::string>());
             auto own = std::make_unique<Generator>();
             Generator* generator = own.get();
             return GeneratorHandle{std::move(own), generator};
           }),
           py::arg("device") = py::none());
  type.def(
      "manual_seed",
      [](const py::object& self, const py::object& seed) {
        program::note_host_read("manual_seed");
        self.cast<GeneratorHandle&>().generator->manual_seed(read_seed(seed));
        return self;
      },
      py::arg("seed"), "Starts the stream of that seed. Returns the generator.");
  type.def(
      "seed", [](GeneratorHandle& self) { return self.generator->seed(); },
      "Starts a stream that the operating system chooses. Returns its seed.");
  type.def(
      "initial_seed", [](GeneratorHandle& self) { return self.generator->initial_seed(); },
      "The seed of the stream.");
  type.def(
      "get_state", [](GeneratorHandle& self) { return state_of(*self.generator); },
      "The state, as a uint8 Tensor.");
  type.def(
      "set_state",
      [](GeneratorHandle& self, const py::object& state) {
        program::note_host_read("set_state");
        set_state(*self.generator, state);
      },
      py::arg("new_state"), "Goes on from a state of get_state().");
  type.def_property_readonly("device", [](GeneratorHandle&) { return "cpu"; }, "Always 'cpu'.");
}

}  // namespace

Generator* generator_of(PyObject* object) {
  const py::handle handle(object);
  return py::isinstance<GeneratorHandle>(handle) ? handle.cast<GeneratorHandle&>().generator
                                                 : nullptr;
}

void add_random(PyObject* module) {
  auto m = py::reinterpret_borrow<py::module_>(module);
  add_generator(m);
  m.attr("default_generator") = py::cast(GeneratorHandle{nullptr, &runtime::default_generator()});
  const py::object generator = m.attr("default_generator");
  m.def(
      "manual_seed",
      [generator](const py::object& seed) { return generator.attr("manual_seed")(seed); },
      py::arg("seed"),
      "Starts the default generator's stream of that seed, the same as PyTorch's. Returns the "
      "generator.");
  m.def(
      "seed",
      [] {
        program::note_host_read("seed");
        return runtime::default_generator().seed();
      },
      "Seeds the default generator from the operating system.");
  m.def(
      "initial_seed", [] { return runtime::default_generator().initial_seed(); },
      "The default generator's seed.");
  m.def(
      "get_rng_state", [] { return state_of(runtime::default_generator()); },
      "The default generator's state, a uint8 Tensor.");
  m.def(
      "set_rng_state",
      [](const py::object& state) {
        program::note_host_read("set_rng_state");
        set_state(runtime::default_generator(), state);
      },
      py::arg("new_state"),
      "Sets the default generator's state to one of get_rng_state(), PyTorch's included.");
}

}  // namespace steep::bindings
