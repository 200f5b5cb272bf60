#include "bindings/host/runtime.h"

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <atomic>

#include "bindings/autograd/autograd.h"
#include "bindings/calls/convert.h"
#include "program/launch.h"
#include "program/replay/pace.h"
#include "runtime/allocator.h"
#include "runtime/cpu.h"
#include "runtime/threads.h"

namespace py = pybind11;

namespace steep::bindings {

namespace {

py::dict memory_stats() {
  const runtime::MemoryStats stats = runtime::memory_stats();
  py::dict out;
  out["allocated_bytes"] = stats.allocated_bytes;
  out["reserved_bytes"] = stats.reserved_bytes;
  out["peak_allocated_bytes"] = stats.peak_allocated_bytes;
  out["allocations"] = stats.allocations;
  out["system_allocations"] = stats.system_allocations;
  return out;
}

py::dict counters() {
  const program::Counters& counts = program::counters();
  py::dict out;
  out["launches"] = counts.launches;
  out["parallel_launches"] = counts.parallel_launches;
  out["bytes"] = counts.bytes;
  out["saved_tensors"] = counts.saved_tensors;
  out["saved_bytes"] = counts.saved_bytes;
  out["nodes"] = counts.nodes;
  out["allocations"] = runtime::memory_stats().allocations;
  return out;
}

void set_rank_order(const std::string& order) {
  using runtime::RankOrder;
  if (order != "together" && order != "rising" && order != "falling")
    throw py::value_error("set_rank_order: expected 'together', 'rising' or 'falling', got '" +
                          order + "'");
  runtime::set_rank_order(order == "together" ? RankOrder::together
                          : order == "rising" ? RankOrder::rising
                                              : RankOrder::falling);
}

// For each run of a program, whether it would use its team if runs took so long with it and
// without.
std::vector<bool> pace_choices(const py::list& team_ns, const py::list& alone_ns) {
  program::Pace pace;
  std::vector<bool> choices;
  for (size_t i = 0; i < std::min(team_ns.size(), alone_ns.size()); ++i) {
    int64_t team, alone;
    const py::object both[] = {team_ns[i], alone_ns[i]};
    if (!read_int(both[0].ptr(), team) || !read_int(both[1].ptr(), alone))
      raise(PyExc_TypeError, join("pace_choices: expected ints, got ", type_name(both[0].ptr()),
                                  " and ", type_name(both[1].ptr())));
    choices.push_back(pace.use_team());
    pace.note(choices.back() ? team : alone);
  }
  return choices;
}

// Only a thread that holds the interpreter lock releases it.
void* leave() { return PyGILState_Check() ? leave_interpreter() : nullptr; }
void enter(void* state) {
  if (state) enter_interpreter(static_cast<PyThreadState*>(state));
}

}  // namespace

void add_runtime(PyObject* module) {
  runtime::set_interpreter_lock_hooks({leave, enter});
  auto m = py::reinterpret_borrow<py::module_>(module);
  m.def("get_num_threads", &runtime::num_threads, "The threads an operation may use.");
  m.def("set_num_threads", &runtime::set_num_threads, py::arg("num"),
        "Sets the threads an operation may use.");
  m.def(
      "share_everything", &program::share_everything, py::arg("on"),
      "Whether threads share even the smallest work, which is slow: for tests of how they do it.");
  m.def("set_rank_order", set_rank_order, py::arg("order"),
        "Lets threads run 'together', or one after the other between barriers, 'rising' or "
        "'falling': for tests, in which a missing barrier then always shows.");
  m.def("pace_choices", pace_choices, py::arg("team_ns"), py::arg("alone_ns"),
        "Which runs of a program would use its team, if they took so many nanoseconds with it and "
        "without: for tests.");
  m.def("cpu_level", &runtime::level_name,
        "The instruction set in use, one of available_levels().");
  m.def("available_levels", &runtime::available_levels,
        "The instruction sets that are built in and that this CPU has.");
  m.def("memory_stats", memory_stats, "Bytes in use and held, and allocations so far.");
  m.def("reset_peak_memory_stats", &runtime::reset_peak,
        "Starts the peak of memory_stats() again.");
  m.def("empty_cache", &runtime::empty_cache, "Gives cached memory back to the system.");
  m.def("fail_allocation", &runtime::fail_allocation, py::arg("count"),
        "Lets the allocation of tensor memory after `count` more on this thread fail, once; a "
        "negative count ends this: for tests.");
  m.def("allocations_until_failure", &runtime::allocations_until_failure,
        "How many allocations are left until one fails; negative where none will.");
  m.def("counters", counters,
        "Launches, bytes, saved tensors and graph nodes of this thread so far.");
  add_recorder_type(module);
}

}  // namespace steep::bindings
