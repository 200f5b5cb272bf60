// detect_anomaly: finds where NaN and infinities are born. While it is on, every launch's operands
// are looked at before and after it, and every result that is recorded, and every gradient that a
// node computes. What is found is told to a Python function, which raises.

#include <cmath>
#include <memory>
#include <optional>

#include "bindings/autograd/autograd.h"
#include "bindings/programs/user_line.h"
#include "bindings/tensor/tensor_type.h"
#include "program/launch_watch.h"
#include "program/site.h"
#include "tape/saved_hooks.h"

namespace steep::bindings {

namespace {

using program::not_finite;
using program::NotFinite;

// A launch that made NaN or infinities of operands without any.
struct Birth {
  const char* kernel;
  program::Site site;
  std::string line;
  bool from_infinity;  // whether operands had infinities
};

PyObject* text_or_none(const char* text) {
  return text && *text ? PyUnicode_FromString(text) : new_reference(Py_None);
}

// (kernel, layer, phase, line, whether operands had infinities), or None.
PyObject* as_tuple(const std::optional<Birth>& birth) {
  if (!birth) return new_reference(Py_None);
  return Py_BuildValue("(sNsNi)", birth->kernel, checked(text_or_none(birth->site.layer)),
                       program::name(birth->site.phase), checked(text_or_none(birth->line.c_str())),
                       int{birth->from_infinity});
}

class Anomaly final : public tape::Watch, public program::LaunchWatch {
 public:
  Anomaly(PyObject* teller, bool nan, bool infinity)
      : teller_(Owned::borrow(teller)), nan_(nan), infinity_(infinity) {}

  void before(const program::Call& call) override {
    operands_ = {};
    if (!looks()) return;
    for (int i = 0; i < call.operand_count; ++i) {
      const program::Operand& operand = call.operands[i];
      if (operand.is_number()) {
        const double value = operand.number().is_floating() ? operand.number().to_double() : 0;
        operands_ |= {std::isnan(value), std::isinf(value)};
      } else if (operand.tensor() && program::reads(*call.kernel, i)) {
        operands_ |= not_finite(*operand.tensor());
      }
    }
  }

  void after(const program::Call& call) override {
    if (!looks()) return;
    NotFinite made;
    for (int i = 0; i < call.operand_count; ++i)
      if (call.operands[i].tensor() && program::writes(*call.kernel, i))
        made |= not_finite(*call.operands[i].tensor());
    const auto birth = [&] {
      return Birth{call.kernel->name, program::current_site(), line_of_user(), operands_.infinity};
    };
    if (made.nan) nan_since_ = !operands_.nan;
    if (made.nan && !operands_.nan) latest_nan_ = birth();
    if (made.infinity && !operands_.infinity && !operands_.nan)
      latest_infinity_ = birth(), infinity_since_ = true;
  }

  void recorded(const Tensor& out, tape::History& h) override {
    if (!h.grad_fn || h.grad_fn->number < last_) return;
    last_ = h.grad_fn->number;
    std::string& line = h.grad_fn->extras().birthplace;
    if (line.empty()) line = line_of_user();
    if (!looks()) return;
    const NotFinite found = not_finite(*out.impl());
    if (found.nan && nan_) tell("forward", "nan", *h.grad_fn, h.output, nan_since_);
    if (found.infinity && infinity_ && infinity_since_)
      tell("forward", "inf", *h.grad_fn, h.output, true);
    nan_since_ = infinity_since_ = false;
  }

  void ran(tape::Node& node, tape::GradList grads, tape::GradList made) override {
    if (!looks()) return;
    const NotFinite arrived = any(grads);
    for (int i = 0; i < made.count; ++i) {
      if (!made.grads[i].defined()) continue;
      const NotFinite found = not_finite(*made.grads[i].impl());
      if (found.nan && nan_) tell("backward", "nan", node, i, !arrived.nan);
      if (found.infinity && infinity_ && !arrived.infinity) tell("backward", "inf", node, i, true);
    }
    nan_since_ = infinity_since_ = false;
  }

  bool forbids_replays() const override { return true; }

  void failed(const tape::Node& node) noexcept override {
    try {
      const WithGil gil;
      const WithoutError kept;
      const tape::WatchSpeaks speaks;
      const Owned none(PyObject_CallFunction(
          teller_.get(), "sszNN", "error", node_label(node.name).c_str(), node.layer,
          checked(text_or_none(birthplace(node))), checked(text_or_none(line_of_user().c_str()))));
    } catch (...) {  // the error that the pass fails with is the one to see
    }
  }

 private:
  bool looks() const { return nan_ || infinity_; }

  static NotFinite any(tape::GradList list) {
    NotFinite found;
    for (int i = 0; i < list.count; ++i)
      if (list.grads[i].defined()) found |= not_finite(*list.grads[i].impl());
    return found;
  }
  static const char* birthplace(const tape::Node& node) {
    const tape::NodeExtras* const extras = node.find_extras();
    return extras ? extras->birthplace.c_str() : nullptr;
  }

  // Raises.
  void tell(const char* phase, const char* what, const tape::Node& node, int place, bool is_born) {
    const WithGil gil;
    const std::optional<Birth> nan = std::exchange(latest_nan_, {});
    const std::optional<Birth> infinity = std::exchange(latest_infinity_, {});
    nan_since_ = infinity_since_ = false;
    const tape::WatchSpeaks speaks;
    const Owned none(PyObject_CallFunction(
        teller_.get(), "sszNNsiNNN", phase, node_label(node.name).c_str(), node.layer,
        checked(text_or_none(birthplace(node))), checked(text_or_none(line_of_user().c_str())),
        what, place, PyBool_FromLong(is_born), checked(as_tuple(nan)),
        checked(as_tuple(infinity))));
  }

  const Owned teller_;
  const bool nan_, infinity_;
  uint64_t last_ = tape::Node::take_numbers(1);
  NotFinite operands_;  // of the launch that runs
  std::optional<Birth> latest_nan_, latest_infinity_;
  // Since the last result was recorded: whether the last launch that wrote a NaN had none among its
  // operands, and whether any made an infinity.
  bool nan_since_ = false, infinity_since_ = false;
};

thread_local Anomaly* t_anomaly = nullptr;  // a plain pointer, so that a thread's end runs nothing

PyObject* watch_anomalies(PyObject*, PyObject* arguments) {
  return guarded([&]() -> PyObject* {
    PyObject* teller;
    int nan, infinity;
    if (!PyArg_ParseTuple(arguments, "Opp", &teller, &nan, &infinity)) return nullptr;
    tape::refuse_while_watch_speaks("detect_anomaly");
    delete std::exchange(t_anomaly, nullptr);
    if (teller != Py_None) t_anomaly = new Anomaly(teller, nan, infinity);
    Py_RETURN_NONE;
  });
}

PyObject* watched_by(PyObject*, PyObject*) {
  const char* const what = t_anomaly                           ? "anomaly"
                           : tape::packing_watch()             ? "saved tensors"
                           : program::eager_demands.load() > 0 ? "module hooks"
                                                               : "";
  return PyUnicode_FromString(what);
}

PyObject* demand_eager(PyObject*, PyObject* more) {
  return guarded([&]() -> PyObject* {
    const long count = PyLong_AsLong(more);
    if (count == -1 && PyErr_Occurred()) return nullptr;
    program::eager_demands.fetch_add(static_cast<int>(count));
    Py_RETURN_NONE;
  });
}

PyMethodDef functions[] = {
    {"watch_anomalies", watch_anomalies, METH_VARARGS,
     "From here on, tells a function where NaN and infinities are born on this thread; None ends "
     "it."},
    {"watched_by", watched_by, METH_NOARGS,
     "What a replay would hide on this thread: 'anomaly', 'saved tensors', 'module hooks', or ''."},
    {"demand_eager", demand_eager, METH_O,
     "Compiled functions run eagerly while the sum of these numbers is above 0 and sites are "
     "followed."},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace

void add_anomaly(PyObject* module) { checked(PyModule_AddFunctions(module, functions)); }

}  // namespace steep::bindings
