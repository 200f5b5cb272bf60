// The functions that act on the default generator: on this thread within draw_from, what that was
// given.
#include <algorithm>

#include "bindings/calls/arguments.h"
#include "bindings/host/runtime.h"
#include "bindings/tensor/tensor_type.h"

namespace steep::bindings {

namespace {

PyObject* manual_seed(PyObject* module, PyObject* const* args, Py_ssize_t count,
                      PyObject* keywords) {
  return guarded([&] {
    static constexpr ArgumentNames kNames = {"manual_seed", 1, 1, {"seed"}};
    const Arguments arguments(kNames, args, count, keywords);
    seed_from(current_generator(), arguments[0]);
    if (&current_generator() != &default_generator())
      return generator_of_python(current_generator().shared_from_this());
    return PyObject_GetAttrString(module, "default_generator");
  });
}

PyObject* seed(PyObject*, PyObject*) {
  return guarded([] { return seed_anew(current_generator()); });
}

PyObject* initial_seed(PyObject*, PyObject*) {
  return PyLong_FromUnsignedLongLong(current_generator().initial_seed());
}

PyObject* get_rng_state(PyObject*, PyObject*) {
  return guarded([] { return state_of(current_generator()); });
}

PyObject* set_rng_state(PyObject*, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  return guarded([&]() -> PyObject* {
    static constexpr ArgumentNames kNames = {"set_rng_state", 1, 1, {"new_state"}};
    const Arguments arguments(kNames, args, count, keywords);
    set_state("set_rng_state", current_generator(), arguments[0]);
    Py_RETURN_NONE;
  });
}

// is_rng_state(state): whether the default generator has drawn nothing since get_rng_state(). Unlike
// comparing two states, this does not count as reading a value while a call is recorded: it tells
// what code has run, not what was drawn.
PyObject* is_rng_state(PyObject*, PyObject* state) {
  return guarded([&]() -> PyObject* {
    if (!is_tensor(state))
      raise(PyExc_TypeError,
            join("is_rng_state: expected a Tensor of get_rng_state(), got ", type_name(state)));
    const Tensor& known = tensor_of(state);
    const std::vector<uint8_t> now = current_generator().get_state();
    return PyBool_FromLong(known.dtype() == DType::uint8 && known.is_contiguous() &&
                           known.numel() == static_cast<int64_t>(now.size()) &&
                           std::equal(now.begin(), now.end(), known.data<uint8_t>()));
  });
}

// draw_from(generator, function, *args): what is called has this thread's draws taken from there.
PyObject* draw_from(PyObject*, PyObject* const* args, Py_ssize_t count) {
  return guarded([&]() -> PyObject* {
    Generator* const generator = count < 2 ? nullptr : generator_of(args[0]);
    if (!generator)
      raise(PyExc_TypeError,
            "draw_from: expected (generator, function, *args), the first of them "
            "a steep.Generator");
    const Owned held = Owned::borrow(args[0]);
    const DrawFrom scope(*generator);
    return checked(PyObject_Vectorcall(args[1], args + 2, static_cast<size_t>(count - 2), nullptr));
  });
}

PyMethodDef functions[] = {
    {"draw_from", as_method(draw_from), METH_FASTCALL,
     "draw_from(generator, function, *args): calls the function; what it draws by default comes "
     "from that generator, on this thread, and not from the default one."},
    {"manual_seed", as_method(manual_seed), METH_FASTCALL | METH_KEYWORDS,
     "manual_seed(seed): starts the default generator's stream of that seed, the same as "
     "PyTorch's. Returns the generator."},
    {"seed", seed, METH_NOARGS, "Seeds the default generator from the operating system."},
    {"initial_seed", initial_seed, METH_NOARGS, "The default generator's seed."},
    {"get_rng_state", get_rng_state, METH_NOARGS, "The default generator's state, a uint8 Tensor."},
    {"is_rng_state", is_rng_state, METH_O,
     "Whether the default generator has drawn nothing since it was in this state."},
    {"set_rng_state", as_method(set_rng_state), METH_FASTCALL | METH_KEYWORDS,
     "set_rng_state(new_state): sets the default generator's state to one of get_rng_state(), "
     "PyTorch's included."},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace

void add_random(PyObject* module) {
  add_generator_type(module);
  checked(PyModule_AddFunctions(module, functions));
}

}  // namespace steep::bindings
