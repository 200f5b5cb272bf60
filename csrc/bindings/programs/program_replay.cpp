// How a call is replayed: finds a program that fits, prepares and runs it, and returns its results.
#include "bindings/programs/program_replay.h"

#include "bindings/autograd/autograd.h"
#include "bindings/programs/numbers.h"
#include "bindings/tensor/tensor_type.h"
#include "ops/ops.h"
#include "program/record/recorder.h"
#include "tape/history.h"

namespace steep::bindings {

using program::Program;

void ProgramEntry::add(PyObject* cells) {
  guards.insert(guards.begin(), std::make_shared<Guards>(cells));
  if (guards.size() <= kMostGuards) return;
  const std::shared_ptr<Guards> oldest = std::move(guards.back());
  guards.pop_back();  // destroying the oldest may run code
}

std::shared_ptr<Guards> ProgramEntry::guarded() const {
  for (size_t i = 0; i < guards.size(); ++i) {
    std::shared_ptr<Guards> held = guards[i];
    if (held->hold()) return held;
  }
  return nullptr;
}

bool ProgramEntry::was_asked_under(const std::shared_ptr<Guards>& held) {
  if (before.empty() || asked_under.lock() == held) return true;
  for (Precondition& condition : before) condition.ask_again();
  asked_under = held;
  return false;
}

namespace {

// Keeps Python's collector, and so finalisers, from running while objects are made.
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

// The result of a replay, built before it runs.
class Result {
 public:
  // `given`: numbers that are part of the result; `inputs`: tensors that may be.
  Result(const ResultTree& tree, Program& program, PyObject* given, const Tensors& inputs) {
    const WithoutCollector off;
    tensors_.resize(program.plan().results);
    object_ = Owned(tree.build(
        [&](int i) {
          if (i < 0) return wrap(inputs[~i]);
          if (!tensors_[i].defined()) tensors_[i] = program.output(i);
          return wrap(tensors_[i]);
        },
        given, numbers_));
    for (const auto& [number, i] : numbers_)
      if (!tensors_[i].defined()) tensors_[i] = program.output(i);
  }
  // Connects the results to the graph of the call.
  void attach(tape::Replayed::Call& call) {
    for (int i = 0; i < call.outputs; ++i)
      if (tensors_[i].defined()) call.attach(tensors_[i], i);
  }
  // After the run: gives the numbers, which no other code has seen yet, their values.
  PyObject* release(const StoredPlaces* stored) {
    for (const auto& [number, i] : numbers_)
      set_number(number.get(), ops::only_element(tensors_[i]));
    if (!stored) return object_.release();
    stored->write(object_.get());
    return new_reference(checked(PyTuple_GetItem(object_.get(), 0)));
  }

 private:
  Owned object_;
  SmallVector<Tensor, 4> tensors_;
  ResultTree::Numbers numbers_;
};

// A call, with what is stored where the program of an entry stores something anew.
class WholeCall {
 public:
  WholeCall(const Table& table, const ProgramEntry& entry, const CallKey& call)
      : stored_(entry.stored.get()), key_(&call) {
    if (!stored_) return;
    whole_ = call;
    contents_ = stored_->read(whole_, table.namespaces.get());
    key_ = &whole_;
  }
  WholeCall(const WholeCall&) = delete;
  WholeCall& operator=(const WholeCall&) = delete;

  // Whether the program is for such a call.
  bool fits(const Program& program) const {
    return (!stored_ || contents_) && program.accepts(key_->inputs, tape::leaf_gradients());
  }
  bool holds() const { return !stored_ || stored_->hold(contents_.get()); }
  const Tensors& inputs() const { return key_->inputs; }

 private:
  const StoredPlaces* stored_;
  const CallKey* key_;
  CallKey whole_;
  Owned contents_;
};

// Runs one entry. NotImplemented if it does not fit after all, as when an optimiser would now take
// another step. Null, without an exception, if the call is to be looked up again, because it had to
// wait for another thread or optimisers are to be asked again. All that needs memory, including the
// objects of the result, is made before the run: if memory runs out, nothing has happened yet.
PyObject* run_entry(ProgramEntry& entry, const WholeCall& call, PyObject* given) {
  Program& program = *entry.program;
  const program::TakenProgram taken(program, program::TakenProgram::Results::stay);
  for (Precondition& condition : entry.before)
    if (!condition.holds()) return new_reference(Py_NotImplemented);
  Owned numbers;
  if (entry.numbers && !entry.numbers->give(program, given, numbers))
    return new_reference(Py_NotImplemented);
  const Tensors& inputs = call.inputs();
  program::GradientRun gradients(program, inputs, tape::leaf_gradients());
  program.prepare(inputs, gradients.before());
  if (!program.passes_checks()) return new_reference(Py_NotImplemented);
  gradients.make_room();
  Result result(entry.result, program, entry.numbers ? PyTuple_GET_ITEM(numbers.get(), 2) : nullptr,
                inputs);
  Ref<tape::Replayed::Call> graph;
  if (entry.backward) {
    graph = entry.backward->bind(inputs, program);
    result.attach(*graph);
  }
  // Checked last, when no more Python code runs that could change what the function reads.
  const std::shared_ptr<Guards> held = entry.guarded();
  if (!held || !call.holds()) return new_reference(Py_NotImplemented);
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
  return result.release(entry.stored.get());
}

// Runs the first program that fits; returns what run_entry does.
PyObject* replay_one(Table& table, const CallKey& key, PyObject* given) {
  const EntriesInUse list(entries_of(table, key.bytes));
  for (const std::shared_ptr<ProgramEntry>& entry : list) {
    // With several programs, the guards choose among them. A single one checks its guards in
    // run_entry anyway.
    if (list.size() > 1 && !entry->guarded()) continue;
    const WholeCall call(table, *entry, key);
    if (!call.fits(*entry->program)) continue;
    if (!entry->program->take()) break;
    entry->last_used = ++table.calls;
    table.newcomers = 0;
    PyObject* const result = run_entry(*entry, call, given);
    if (result != Py_NotImplemented) return result;
    Py_DECREF(result);
  }
  return new_reference(Py_NotImplemented);
}

}  // namespace

bool LastMet::has(size_t hash) const {
  return alike_[hash % kClasses] != 0 &&
         std::find(hashes_.begin(), hashes_.end(), hash) != hashes_.end();
}

void LastMet::add(size_t hash) {
  if (hashes_[next_] != 0) --alike_[hashes_[next_] % kClasses];
  ++alike_[hash % kClasses];
  hashes_[next_] = hash;
  next_ = (next_ + 1) % hashes_.size();
}

std::shared_ptr<const ProgramEntries> entries_of(const Table& table, const std::string& key) {
  static const auto& none =
      *new std::shared_ptr<const ProgramEntries>(std::make_shared<ProgramEntries>());
  const auto found = table.entries.find(key);
  return found == table.entries.end() ? none : found->second;
}

std::shared_ptr<Program> find_program(const Table& table, const CallKey& key) {
  const EntriesInUse list(entries_of(table, key.bytes));
  for (const std::shared_ptr<ProgramEntry>& entry : list)
    if (entry->guarded() && WholeCall(table, *entry, key).fits(*entry->program))
      return entry->program;
  return nullptr;
}

namespace {

PyObject* replay_kind(Table& table, const CallKey& key, PyObject* given) {
  for (;;)
    if (PyObject* const result = replay_one(table, key, given)) return result;
}

// Replays the call as one of the kind that leaves its numbers open.
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

// The bytes of the same call with numbers left open; none if its key does not tell them.
std::string opened_bytes(const CallKey& key) {
  if (key.has_other_numbers) return {};
  constexpr size_t kNumber = 1 + sizeof(double);  // bytes of one: a tag, and its value
  static_assert(sizeof(double) == sizeof(int64_t), "floats and ints take as much");
  std::string out = key.bytes;
  for (int i = key.closed_count; i-- > 0;)
    out.replace(key.closed[i].at, kNumber, 1, key.closed[i].tag);
  return out;
}

// Whether a call that differs in its numbers alone was met recently; notes this one.
bool has_met_open(Table& table, const CallKey& key, PyObject* args, PyObject* kwargs) {
  std::string bytes = opened_bytes(key);
  if (bytes.empty()) {
    CallKey open;
    const Owned numbers(read_open_call(args, kwargs, table.namespaces.get(), open));
    bytes = std::move(open.bytes);
  }
  const size_t hash = LastMet::hash_of(bytes);
  if (table.met_open.has(hash)) return true;
  table.met_open.add(hash);
  return false;
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
  const bool is_profiled = PyThreadState_Get()->c_profilefunc;
  otherwise.only_run =
      !is_profiled && (otherwise.only_run || (!table.waits.empty() && table.waits.take(key.bytes)));
  if (otherwise.only_run || is_profiled || is_known || key.has_objects) return new_reference(none);
  const size_t hash = LastMet::hash_of(key.bytes);
  if (table.met.has(hash)) return new_reference(none);
  otherwise.new_kind = hash;
  otherwise.has_numbers = key.has_numbers && has_met_open(table, key, args, kwargs);
  return new_reference(none);
}

}  // namespace steep::bindings
