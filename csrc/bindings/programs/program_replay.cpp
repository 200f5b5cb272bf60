// How a call is replayed: a program that fits is found, made ready, run, and its results handed out.
#include "bindings/programs/program_replay.h"

#include "bindings/autograd/autograd.h"
#include "bindings/programs/numbers.h"
#include "bindings/tensor/tensor_type.h"
#include "ops/ops.h"
#include "program/record/recorder.h"
#include "tape/history.h"

namespace steep::bindings {

using program::Program;

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

namespace {

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
  const program::TakenProgram taken(program, program::TakenProgram::Results::stay);
  for (Precondition& condition : entry.before)
    if (!condition.holds()) return new_reference(Py_NotImplemented);
  Owned numbers;
  if (entry.numbers && !entry.numbers->give(program, given, numbers))
    return new_reference(Py_NotImplemented);
  program::GradientRun gradients(program, key.inputs, tape::leaf_gradients());
  program.prepare(key.inputs, gradients.before());
  if (!program.passes_checks()) return new_reference(Py_NotImplemented);
  gradients.make_room();
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
  switch (gradients.begin()) {
    case program::GradientRun::Begun::busy:
      gradients.wait();
      return nullptr;
    case program::GradientRun::Begun::changed:
      return new_reference(Py_NotImplemented);
    case program::GradientRun::Begun::yes:
      break;
  }
  gradients.run();
  if (entry.numbers) entry.numbers->write_back(numbers.get());
  return result.release();
}

// Runs the first program that fits, and says what run_entry says.
PyObject* replay_one(Table& table, const CallKey& key, PyObject* given) {
  const EntriesInUse list(entries_of(table, key.bytes));
  for (const std::shared_ptr<Entry>& entry : list) {
    // Of one program alone it is enough to look at the cells right before it runs.
    if (list.size() > 1 && !entry->guarded()) continue;
    if (!entry->program->accepts(key.inputs, tape::leaf_gradients())) continue;
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

std::shared_ptr<Program> find_program(const Table& table, const CallKey& key) {
  const EntriesInUse list(entries_of(table, key.bytes));
  for (const std::shared_ptr<Entry>& entry : list)
    if (entry->guarded() && entry->program->accepts(key.inputs, tape::leaf_gradients()))
      return entry->program;
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
  PyObject* const replayed = replay_kind(table, key, Py_None);
  if (replayed != none) return replayed;
  Py_DECREF(replayed);
  const bool is_known = table.entries.find(key.bytes) != table.entries.end();
  if (!is_known && key.has_numbers && table.has_open) {
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
