#include "bindings/host/profile.h"

#include <pybind11/pybind11.h>

#include "program/profile.h"

namespace py = pybind11;

namespace steep::bindings {

namespace {

using program::Phase;
using program::Profile;
using program::ProfileEvent;

py::object text_or_none(const char* text) {
  if (!text) return py::none();
  return py::str(text);
}

Owned row(const ProfileEvent& event) {
  const auto wide = [](int64_t value) { return static_cast<long long>(value); };
  const Owned shape(PyTuple_New(event.shape.size()));
  for (int i = 0; i < event.shape.size(); ++i)
    PyTuple_SET_ITEM(shape.get(), i, checked(PyLong_FromLongLong(event.shape[i])));
  return Owned(Py_BuildValue("sszssOLLiLLK", event.name, name(event.kind), event.layer,
                             name(event.phase), event.dtype, shape.get(), wide(event.start),
                             wide(event.end - event.start), event.threads, wide(event.bytes),
                             wide(event.flops), static_cast<unsigned long long>(event.thread)));
}

py::object stop() {
  return kept_from_unwinding([] {
    int64_t duration = 0;
    const Owned rows(PyList_New(0));
    for (const ProfileEvent& event : Profile::stop(&duration))
      checked(PyList_Append(rows.get(), row(event).get()));
    return py::reinterpret_steal<py::object>(
        checked(Py_BuildValue("LO", static_cast<long long>(duration), rows.get())));
  });
}

void end_range(const std::string& kind, const std::string& name, int64_t start) {
  using Kind = ProfileEvent::Kind;
  for (const Kind known : {Kind::layer, Kind::phase, Kind::range})
    if (kind == program::name(known))
      return Profile::end_range(known, program::lasting(name), start);
  fail(ErrorKind::value, "profile_range_end", "'layer', 'phase' or 'range'", kind);
}

// Both return what was there before, which the caller puts back.
py::object set_layer(const py::object& layer) {
  const char*& current = program::thread_site().layer;
  const char* before = current;
  current = layer.is_none() ? nullptr : program::lasting(layer.cast<std::string>());
  return text_or_none(before);
}
const char* set_phase(const std::string& phase) {
  Phase& current = program::thread_site().phase;
  const Phase before = current;
  for (const Phase known : {Phase::forward, Phase::backward, Phase::optimizer}) {
    if (phase != program::name(known)) continue;
    current = known;
    return program::name(before);
  }
  fail(ErrorKind::value, "set_phase", "'forward', 'backward' or 'optimizer'", phase);
}

}  // namespace

void add_profile(PyObject* module) {
  auto m = py::reinterpret_borrow<py::module_>(module);
  m.def("profile_start", &Profile::start,
        "Begins the process's profile; returns the number of this thread.");
  m.def("profile_stop", stop, "Ends it: its nanoseconds, and a tuple for each event.");
  m.def("profile_abandon", &Profile::abandon, "Goes on without a profile, in a forked child.");
  m.def("profile_range_start", &Profile::start_of_range,
        "The time, for profile_range_end; 0 where no profile runs.");
  m.def("profile_range_end", end_range, py::arg("kind"), py::arg("name"), py::arg("start"),
        "Adds what began at `start` and ends now.");
  m.def("follow_sites", &program::follow_sites, "Layers and phases are noted from now on.");
  m.def("unfollow_sites", &program::unfollow_sites, "Takes back one follow_sites().");
  m.def("set_layer", set_layer, py::arg("layer").none(true),
        "Sets the layer of this thread's launches; returns the one before.");
  m.def("set_phase", set_phase, py::arg("phase"),
        "Sets the phase of this thread's launches; returns the one before.");
}

}  // namespace steep::bindings
