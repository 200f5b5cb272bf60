#include "program/record/recorder.h"

#include <algorithm>
#include <new>

namespace steep::program {

namespace {
// The recorder of a thread, which is stopped when the thread ends.
struct ThreadRecorder {
  Recorder* recorder = nullptr;
  ~ThreadRecorder() {
    if (recorder) recorder->stop();
  }
};
thread_local ThreadRecorder t_active;
// Short enough for std::string to hold without allocating.
constexpr char kNoMemory[] = "out of memory";
std::string (*location_of_user)() = nullptr;
// How many launches the thread has recorded last: the recordings of a function come in pairs.
thread_local size_t t_last_count = 0;
}  // namespace

Recorder* Recorder::active() { return t_active.recorder; }

void Recorder::start() {
  if (t_active.recorder)
    throw Error(ErrorKind::runtime,
                "record: a recording is already active on this thread; recordings do not nest");
  if (thread_pointer_)
    throw Error(ErrorKind::runtime,
                "record: another thread records into this recorder; use one for each thread");
  memory_.begin();
  t_active.recorder = this;
  thread_pointer_ = &t_active.recorder;
}

void Recorder::stop() {
  if (!thread_pointer_) return;
  if (thread_pointer_ == &t_active.recorder && !memory_.end()) lose();
  if (thread_pointer_ == &t_active.recorder) t_last_count = calls_.size();
  *thread_pointer_ = nullptr;
  thread_pointer_ = nullptr;
}

void Recorder::append(const Call& call) noexcept {
  const size_t index = calls_.size();
  try {
    if (calls_.empty()) {
      calls_.reserve(t_last_count);
      memory_.reserve(t_last_count);
    }
    calls_.push_back(
        TracedCall(lets_go_ ? RecordedCall::without_memory(call) : RecordedCall(call), index));
    TracedCall& traced = calls_.back();
    traced.values.reserve(call.operand_count);
    for (int i = 0; i < call.operand_count; ++i) {
      const TensorImpl* const x = call.operands[i].tensor();
      traced.values.push_back(x ? memory_.touch(*x->storage, traced.call.reads(i)) : -1);
    }
    const int* const values = traced.values.data();
    traced.call.each_written([this, values](int i) {
      if (values[i] >= 0) memory_.note_written(values[i]);
    });
    const Kernel& kernel = *call.kernel;
    traced.has_stored = (kernel.checks || kernel.may_throw) && has_stored_ && has_stored_();
    if (lets_go_) memory_.tidy();
  } catch (const std::bad_alloc&) {
    while (calls_.size() > index) calls_.pop_back();  // it is not whole
    lose();
  }
}

void Recorder::note_gradient(const Tensor& leaf, const Tensor& before, bool read) noexcept {
  // If the leaf was made during the recording, nothing outside sees it. One whose memory was
  // replaced (data) may be older than its memory.
  if (has_made(*leaf->storage) && leaf->swaps == 0) return;
  try {
    gradients_.add(leaf, before, read);
  } catch (const std::bad_alloc&) {
    lose();
  }
}

void Recorder::note_new_gradient(const Tensor& leaf, const Tensor& now) noexcept {
  try {
    gradients_.add_event(leaf, now, calls_.size());
  } catch (const std::bad_alloc&) {
    lose();
  }
}

void Recorder::keep(const std::shared_ptr<Generator>& generator) noexcept {
  if (std::find(generators_.begin(), generators_.end(), generator) != generators_.end()) return;
  try {
    generators_.push_back(generator);
  } catch (const std::bad_alloc&) {
    lose();
  }
}

void Recorder::refuse(std::string_view reason) {
  if (!refusal_.empty()) return;
  refusal_ = reason;
  if (location_of_user) location_ = location_of_user();
}

void Recorder::lose() noexcept {
  lost_ = true;
  if (refusal_.empty()) refusal_ = kNoMemory;
}

void Recorder::note_filled(Storage& memory) noexcept {
  try {
    memory_.note_filled(memory);
  } catch (const std::bad_alloc&) {
    lose();
  }
}

Recorder::~Recorder() { stop(); }

void Recorder::replay() const {
  if (t_active.recorder)
    throw Error(ErrorKind::runtime, "replay: a recording is active on this thread");
  if (!refusal_.empty() || lets_go_) {
    throw Error(ErrorKind::runtime, join("replay: this recording cannot be run again: ",
                                         refusal_.empty() ? "its memory was released" : refusal_));
  }
  for (const TracedCall& traced : calls_) {
    const AtSite site(traced.call.site());
    traced.call.run();
  }
}

void refuse_recording(std::string_view reason) {
  if (t_active.recorder) t_active.recorder->refuse(reason);
}
void note_host_read(const char* what) {
  if (t_active.recorder && t_active.recorder->refusal().empty())
    t_active.recorder->refuse(
        join("it reads a value into Python (", what, "); return the tensor, and read it outside"));
}
void set_location_of_user(std::string (*ask)()) { location_of_user = ask; }

}  // namespace steep::program
