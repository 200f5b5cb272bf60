#include "program/record/recorder.h"

#include <algorithm>
#include <new>

#include "program/launch.h"
#include "program/record/overlap.h"
#include "program/record/trace.h"

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

// A view of the same geometry. Most launches of a thread share a few, which are found again by a
// hash, so that two recordings seldom differ in them and are compared in little time.
Tensor view_without_memory(const TensorImpl& x) {
  uint64_t hash =
      static_cast<uint64_t>(x.offset) * 31 + static_cast<uint64_t>(element_size(x.dtype));
  for (int d = 0; d < x.shape.size(); ++d)
    hash =
        (hash * 31 + static_cast<uint64_t>(x.shape[d])) * 31 + static_cast<uint64_t>(x.strides[d]);
  static thread_local Tensor known[64];
  Tensor& view = known[(hash * 0x9E3779B97F4A7C15) >> 58];
  if (!view.defined() || !same_geometry(*view.impl(), x))
    view = Tensor(new TensorImpl(Ref<Storage>(), x.dtype, x.shape, x.strides, x.offset));
  return view;
}
}  // namespace

RecordedCall::Content::Content(const Call& call)
    : kernel(call.kernel),
      type(call.type),
      operands(call.operands, call.operands + call.operand_count),
      words(call.argument_words, 0) {
  tensors.reserve(call.operand_count);
  if (call.argument_words > 0)
    std::memcpy(words.data(), call.arguments, sizeof(int64_t) * call.argument_words);
}

RecordedCall::Content::Content(const Content& other)
    : Counted(),
      kernel(other.kernel),
      type(other.type),
      operands(other.operands),
      tensors(other.tensors),
      words(other.words),
      site(other.site) {}

RecordedCall::Content& RecordedCall::own() {
  if (content_->references() > 1) content_ = Ref<Content>(new Content(*content_));
  return *content_;
}

void RecordedCall::run() const {
  execute(call());
  for (int i = 0; i < operands().size(); ++i) {
    if (writes(kernel(), i) && operands()[i].tensor()) operands()[i].tensor()->bump(name());
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
  const size_t known = memory_.size();
  try {
    const auto view_of = [&](int i, TensorImpl* x) {
      if (lets_go_ && may_go(*x->storage, made_, reads(*call.kernel, i)))
        return view_without_memory(*x);
      return alias(Tensor(x));
    };
    RecordedCall recorded(call, view_of);
    for (int i = 0; i < call.operand_count; ++i) {
      const TensorImpl* const x = call.operands[i].tensor();
      memory_.push_back(x ? x->storage.get() : nullptr);
      if (x) made_.note_touched(*x->storage, writes(*call.kernel, i));
    }
    calls_.push_back(std::move(recorded));
  } catch (const std::bad_alloc&) {
    memory_.resize(known);
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
  size_t operand = 0;
  for (const RecordedCall& call : calls_)
    for (int i = 0; i < call.operands().size(); ++i, ++operand) {
      Storage* const touched = memory_[operand];
      if (!touched || !writes(call.kernel(), i)) continue;
      if (touched == &memory || overlap(*touched, memory)) return true;
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
