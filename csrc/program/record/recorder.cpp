#include "program/record/recorder.h"

#include <algorithm>
#include <new>

#include "program/launch.h"
#include "program/record/overlap.h"

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
}  // namespace

namespace {
// Whether a recording need not keep the memory of an operand: only launches have written to it.
// Values from elsewhere may have to be compared, or become constants.
bool may_go(const Storage& memory, const MadeStorages& made, bool is_read) {
  return made.has(memory) && !made.is_filled(memory) && !memory.borrowed() &&
         (made.is_computed(memory) || !is_read);
}
}  // namespace

RecordedCall::RecordedCall(const Call& call, MadeStorages* let_go)
    : kernel_(call.kernel),
      type_(call.type),
      operands_(call.operands, call.operands + call.operand_count),
      words_(call.argument_words, 0) {
  if (call.argument_words > 0)
    std::memcpy(words_.data(), call.arguments, sizeof(int64_t) * call.argument_words);
  for (int i = 0; i < operands_.size(); ++i) {
    if (!operands_[i].tensor()) continue;
    const TensorImpl& x = *operands_[i].tensor();
    const bool goes = let_go && may_go(*x.storage, *let_go, reads(*kernel_, i));
    if (goes) {
      while (let_go_.size() < i) let_go_.push_back(WeakStorage());
      let_go_.push_back(WeakStorage(x.storage.get()));
    }
    // An alias, so that later changes of the tensor's geometry do not affect the recording.
    tensors_.push_back(Tensor(
        new TensorImpl(goes ? Ref<Storage>() : x.storage, x.dtype, x.shape, x.strides, x.offset)));
    tensors_.back()->own_versions = x.own_versions;
    operands_[i] = Operand(tensors_.back());
  }
  if (!let_go) return;
  for (int i = 0; i < operands_.size(); ++i)
    if (operands_[i].tensor() && writes(*kernel_, i)) let_go->note_computed(*memory(i));
}

void RecordedCall::let_go() {
  for (Tensor& tensor : tensors_) tensor->storage = Ref<Storage>();
  let_go_.clear();
}

void RecordedCall::run() const {
  execute(call());
  for (int i = 0; i < operands_.size(); ++i) {
    if (writes(*kernel_, i) && operands_[i].tensor()) operands_[i].tensor()->bump(kernel_->name);
  }
}

Recorder* Recorder::active() { return t_active.recorder; }

void Recorder::start() {
  if (t_active.recorder)
    throw Error(ErrorKind::runtime,
                "record: a recording is already active on this thread; recordings do not nest");
  if (thread_pointer_)
    throw Error(ErrorKind::runtime,
                "record: another thread records into this recorder; use one for each thread");
  made_.begin();
  t_active.recorder = this;
  thread_pointer_ = &t_active.recorder;
}

void Recorder::stop() {
  if (!thread_pointer_) return;
  if (thread_pointer_ == &t_active.recorder && !made_.end()) lose();
  *thread_pointer_ = nullptr;
  thread_pointer_ = nullptr;
}

void Recorder::append(const Call& call) noexcept {
  try {
    calls_.emplace_back(call, lets_go_ ? &made_ : nullptr);
  } catch (const std::bad_alloc&) {
    lose();
  }
}

void Recorder::note_gradient(const Tensor& leaf, const Tensor& before, bool read) noexcept {
  if (has_made(*leaf->storage))
    return;  // the leaf was made during the recording: nothing outside sees it
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

void Recorder::note_filled(const Storage& memory) noexcept {
  try {
    made_.note_filled(memory);
  } catch (const std::bad_alloc&) {
    lose();
  }
}

bool Recorder::has_written(const Storage& memory) const {
  for (const RecordedCall& call : calls_)
    for (int i = 0; i < call.operands().size(); ++i) {
      if (!call.operands()[i].tensor() || !writes(call.kernel(), i)) continue;
      if (call.memory(i) == &memory || overlap(*call.memory(i), memory)) return true;
    }
  return false;
}

Recorder::~Recorder() { stop(); }

void Recorder::replay() const {
  if (t_active.recorder)
    throw Error(ErrorKind::runtime, "replay: a recording is active on this thread");
  if (!refusal_.empty() || lets_go_) {
    throw Error(ErrorKind::runtime, join("replay: this recording cannot be run again: ",
                                         refusal_.empty() ? "its memory was released" : refusal_));
  }
  for (const RecordedCall& call : calls_) {
    const AtSite site(call.site());
    call.run();
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
