// How a call is replayed: a program that fits is found, made ready, run, and its results handed out.
#include "bindings/programs/program_replay.h"

#include "bindings/autograd/autograd.h"
#include "bindings/programs/numbers.h"
#include "bindings/tensor/tensor_type.h"
#include "ops/ops.h"
#include "program/record/recorder.h"
#include "tape/history.h"
#include "tape/turn.h"

namespace steep::bindings {

using program::Program;

namespace {

Tensor& gradient_slot(const Tensor& leaf) { return tape::ensure_history(leaf).grad; }

bool fits_window(const Tensor& x, const Tensor& recorded) {
  if (!x.defined() || !recorded.defined()) return x.defined() == recorded.defined();
  return x.dtype() == recorded.dtype() && x.shape() == recorded.shape() &&
         x.strides() == recorded.strides();
}

// What .grad is now of the leaves where that matters.
Tensors gradients_before(const Program& program, const Tensors& inputs) {
  Tensors out;
  for (const program::TracedGradient& gradient : program.plan().gradients) {
    const Tensor& leaf = gradient.input >= 0 ? inputs[gradient.input] : gradient.leaf;
    const tape::History* history = tape::history(leaf);
    out.push_back(gradient.guarded && history ? history->grad : Tensor());
  }
  return out;
}

}  // namespace

void Entry::add(PyObject* cells) {
  guards.insert(guards.begin(), std::make_shared<Guards>(cells));
  if (guards.size() <= kMostGuards) return;
  const std::shared_ptr<Guards> oldest = std::move(guards.back());
  guards.pop_back();  // its end may run code
}

std::shared_ptr<Guards> Entry::guarded() const {
  for (size_t i = 0; i < guards.size(); ++i) {
    std::shared_ptr<Guards> held = guards[i];
    if (held->hold()) return held;
  }
  return nullptr;
}

bool Entry::was_asked_under(const std::shared_ptr<Guards>& held) {
  if (before.empty() || asked_under.lock() == held) return true;
  for (Precondition& condition : before) condition.ask_again();
  asked_under = held;
  return false;
}

bool Entry::accepts(const CallKey& key, const Tensors& before) const {
  const auto& gradients = program->plan().gradients;
  for (size_t i = 0; i < gradients.size(); ++i)
    if (gradients[i].guarded && !fits_window(before[static_cast<int64_t>(i)], gradients[i].before))
      return false;
  return program->accepts(key.inputs, before);
}

namespace {

// Gives the program back, and lets go of the arguments, however the run ends.
class Running {
 public:
  explicit Running(Program& program) : program_(program) {}
  ~Running() {
    program_.forget_inputs();
    program_.give_back();
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

 private:
  Program& program_;
};

// Puts them into .grad; what was there goes to `old`, for its end may run code.
void leave_gradients(const Program& program, const Tensors& inputs, Tensors& old) {
  const auto& gradients = program.plan().gradients;
  for (size_t i = 0; i < gradients.size(); ++i) {
    if (!gradients[i].changed) continue;
    const Tensor& leaf = gradients[i].input >= 0 ? inputs[gradients[i].input] : gradients[i].leaf;
    Tensor& slot = gradient_slot(leaf);
    const Tensor& now = program.gradient(static_cast<int>(i));
    if (slot.same(now)) continue;
    old[static_cast<int64_t>(i)] = std::exchange(slot, now);
  }
}

// Which leaves still have the .grad that the last run has left.
SmallVector<uint8_t, 8> gradients_in_place(const Program& program, const Tensors& inputs) {
  SmallVector<uint8_t, 8> out;
  const auto& gradients = program.plan().gradients;
  for (size_t i = 0; i < gradients.size(); ++i) {
    const Tensor& leaf = gradients[i].input >= 0 ? inputs[gradients[i].input] : gradients[i].leaf;
    const tape::History* history = tape::history(leaf);
    const Tensor& mine = program.gradient(static_cast<int>(i));
    out.push_back(mine.defined() && history && history->grad.same(mine));
  }
  return out;
}

// After a refusal: .grad is what the function would have made of it by then.
void leave_gradients_so_far(const Program& program, const Tensors& inputs, Tensors& old) {
  using Then = program::TracedGradient::Then;
  const auto& gradients = program.plan().gradients;
  for (size_t i = 0; i < gradients.size(); ++i) {
    const Then then = gradients[i].at(program.failed_at());
    if (!gradients[i].changed || then == Then::before) continue;
    const Tensor& leaf = gradients[i].input >= 0 ? inputs[gradients[i].input] : gradients[i].leaf;
    old[static_cast<int64_t>(i)] =
        std::exchange(gradient_slot(leaf),
                      then == Then::after ? program.gradient(static_cast<int>(i)) : Tensor());
  }
}

// The leaves get what is needed to hold a gradient. Theirs are the turns that a run needs: of all
// whose .grad it replaces, adds to or reads.
tape::Turns::Words make_room_for_gradients(const Program& program, const Tensors& inputs) {
  tape::Turns::Words words;
  for (const program::TracedGradient& gradient : program.plan().gradients) {
    if (!gradient.changed && !gradient.guarded) continue;
    const Tensor& leaf = gradient.input >= 0 ? inputs[gradient.input] : gradient.leaf;
    words.push_back(&tape::ensure_history(leaf).adding);
  }
  return words;
}

bool are_the_same(const Tensors& some, const Tensors& others) {
  for (int i = 0; i < some.size(); ++i)
    if (!some[i].same(others[i])) return false;
  return true;
}

// Makes objects without the collector, which would run finalisers.
class WithoutCollector {
 public:
  WithoutCollector() : was_on_(PyGC_Disable()) {}
  ~WithoutCollector() {
    if (was_on_) PyGC_Enable();
  }
  WithoutCollector(const WithoutCollector&) = delete;
  WithoutCollector& operator=(const WithoutCollector&) = delete;

 private:
  const int was_on_;
};

// What a replay returns, made before it runs.
class Result {
 public:
  // `given`: numbers among it.
  Result(const ResultTree& tree, Program& program, PyObject* given) {
    const WithoutCollector off;
    tensors_.resize(program.plan().results);
    object_ = Owned(tree.build(
        [&](int i) {
          if (!tensors_[i].defined()) tensors_[i] = program.output(i);
          return wrap(tensors_[i]);
        },
        given, numbers_));
    for (const auto& [number, i] : numbers_)
      if (!tensors_[i].defined()) tensors_[i] = program.output(i);
  }
  // The results' place in the graph of a call.
  void attach(tape::Replayed::Call& call) {
    for (int i = 0; i < call.outputs; ++i)
      if (tensors_[i].defined()) call.attach(tensors_[i], i);
  }
  // Once it has run: the numbers, which no one has seen yet, get their values.
  PyObject* release() {
    for (const auto& [number, i] : numbers_)
      set_number(number.get(), ops::only_element(tensors_[i]));
    return object_.release();
  }

 private:
  Owned object_;
  SmallVector<Tensor, 4> tensors_;
  ResultTree::Numbers numbers_;
};

// NotImplemented where it does not fit after all, as when an optimiser says that it would take another
// step now, and null, without an exception, where another thread had to be waited for, or optimisers
// are to be asked again: the call is to be looked up again. All that needs memory comes before the
// run, objects for the results included: where it is lacking, nothing has happened.
PyObject* run_entry(Entry& entry, const CallKey& key, PyObject* given) {
  Program& program = *entry.program;
  const Running running(program);
  for (Precondition& condition : entry.before)
    if (!condition.holds()) return new_reference(Py_NotImplemented);
  Owned numbers;
  if (entry.numbers && !entry.numbers->give(program, given, numbers))
    return new_reference(Py_NotImplemented);
  const Tensors before = gradients_before(program, key.inputs);
  program.keep_gradients(gradients_in_place(program, key.inputs));
  program.prepare(key.inputs, before);
  if (!program.passes_checks()) return new_reference(Py_NotImplemented);
  const tape::Turns::Words words = make_room_for_gradients(program, key.inputs);
  Tensors old;  // outlives the turns
  old.resize(static_cast<int>(program.plan().gradients.size()));
  Result result(entry.result, program,
                entry.numbers ? PyTuple_GET_ITEM(numbers.get(), 2) : nullptr);
  Ref<tape::Replayed::Call> call;
  if (entry.backward) {
    call = entry.backward->bind(key.inputs, program);
    result.attach(*call);
  }
  // After the last code of Python's that may change what the function reads.
  const std::shared_ptr<Guards> held = entry.guarded();
  if (!held) return new_reference(Py_NotImplemented);
  if (!entry.was_asked_under(held)) return nullptr;
  const tape::Turns turns(words);
  if (turns.refused()) {
    turns.wait();
    return nullptr;
  }
  if (!are_the_same(before, gradients_before(program, key.inputs)))
    return new_reference(Py_NotImplemented);
  try {
    program.run();
  } catch (...) {
    leave_gradients_so_far(program, key.inputs, old);
    throw;
  }
  leave_gradients(program, key.inputs, old);
  if (entry.numbers) entry.numbers->write_back(numbers.get());
  return result.release();
}

// Runs the first program that fits, and says what run_entry says.
PyObject* replay_one(Table& table, const CallKey& key, PyObject* given) {
  const auto list = entries_of(table, key.bytes);  // held: looking at them may run code
  for (const std::shared_ptr<Entry>& entry : *list) {
    // Of one program alone it is enough to look at the cells right before it runs.
    if (list->size() > 1 && !entry->guarded()) continue;
    if (!entry->accepts(key, gradients_before(*entry->program, key.inputs))) continue;
    if (!entry->program->take()) break;
    entry->last_used = ++table.calls;
    table.newcomers = 0;
    PyObject* const result = run_entry(*entry, key, given);
    if (result != Py_NotImplemented) return result;
    Py_DECREF(result);
  }
  return new_reference(Py_NotImplemented);
}

}  // namespace

std::shared_ptr<const Entries> entries_of(const Table& table, const std::string& key) {
  static const auto& none = *new std::shared_ptr<const Entries>(std::make_shared<Entries>());
  const auto found = table.entries.find(key);
  return found == table.entries.end() ? none : found->second;
}

std::shared_ptr<Entry> find_entry(const Table& table, const CallKey& key) {
  const auto list = entries_of(table, key.bytes);  // held: comparing names may run code
  for (const std::shared_ptr<Entry>& entry : *list)
    if (entry->guarded() && entry->accepts(key, gradients_before(*entry->program, key.inputs)))
      return entry;
  return nullptr;
}

namespace {

PyObject* replay_kind(Table& table, const CallKey& key, PyObject* given) {
  for (;;)
    if (PyObject* const result = replay_one(table, key, given)) return result;
}

// As one of the kind that any numbers make.
PyObject* replay_open(Table& table, PyObject* args, PyObject* kwargs, NotReplayed& otherwise) {
  CallKey key;
  const Owned numbers(read_open_call(args, kwargs, table.namespaces.get(), key));
  if (table.entries.find(key.bytes) != table.entries.end()) {
    const Owned given(PyList_AsTuple(numbers.get()));
    PyObject* const result = replay_kind(table, key, given.get());
    if (result != Py_NotImplemented) return result;
    Py_DECREF(result);
  }
  // Objects may come again with the same numbers, and others not.
  otherwise.only_run = !key.has_objects && table.waits.take(key.bytes);
  return new_reference(Py_NotImplemented);
}

bool read_unless_endless(PyObject* args, PyObject* kwargs, PyObject* namespaces, CallKey& key) {
  try {
    read_call(args, kwargs, namespaces, key);
    return true;
  } catch (const PythonError&) {
    if (!PyErr_ExceptionMatches(PyExc_RecursionError)) throw;
    PyErr_Clear();
    return false;
  }
}

}  // namespace

PyObject* replay_call(Table& table, PyObject* args, PyObject* kwargs, NotReplayed& otherwise) {
  PyObject* const none = Py_NotImplemented;
  if (program::Recorder::active()) return new_reference(none);
  CallKey key;
  if (!read_unless_endless(args, kwargs, table.namespaces.get(), key)) {
    otherwise.is_endless = true;
    return new_reference(none);
  }
  const bool is_known = table.entries.find(key.bytes) != table.entries.end();
  if (is_known) {
    PyObject* const result = replay_kind(table, key, Py_None);
    if (result != none) return result;
    Py_DECREF(result);
  } else if (key.has_numbers && table.has_open) {
    PyObject* const result = replay_open(table, args, kwargs, otherwise);
    if (result != none) return result;
    Py_DECREF(result);
  }
  otherwise.has_numbers = key.has_numbers;
  const bool is_profiled = PyThreadState_Get()->c_profilefunc;
  otherwise.only_run =
      !is_profiled && (otherwise.only_run || (!table.waits.empty() && table.waits.take(key.bytes)));
  if (otherwise.only_run || is_profiled || is_known || key.has_objects) return new_reference(none);
  const size_t mark = LastMet::mark_of(key.bytes);
  if (!table.met.has(mark)) otherwise.new_kind = mark;
  return new_reference(none);
}

}  // namespace steep::bindings
