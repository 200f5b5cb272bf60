// A launch as recordings, traces and plans hold it.
#pragma once

#include "program/kernel.h"
#include "program/site.h"

namespace steep::program {

// A call that owns its operands and arguments. Calls that are alike share them until one is
// changed: a function launches few kinds of calls many times, and a recording, its trace and its
// plan hold the same ones. What is known of a kind is worked out once.
class RecordedCall {
 public:
  // On the memory of its operands. Of aliases, so that later changes of the tensors' geometry do
  // not affect it.
  explicit RecordedCall(const Call& call);
  // On views of the same geometry without memory, for whoever knows the memory otherwise.
  static RecordedCall without_memory(const Call& call);

  const Site& site() const { return site_; }
  void run() const;  // executes the call, and counts versions of what it writes
  const char* name() const { return kernel().name; }
  const Kernel& kernel() const { return *content_->kernel; }
  DType type() const { return content_->type; }
  const SmallVector<Operand, 4>& operands() const { return content_->operands; }
  const ArgumentWords& words() const { return content_->words; }
  template <class Arguments>
  const Arguments& arguments() const {
    return *reinterpret_cast<const Arguments*>(words().data());
  }
  bool writes(int i) const {
    return i < 64 ? (content_->written >> i & 1) != 0 : program::writes(kernel(), i);
  }
  bool reads(int i) const {
    return i < 64 ? (content_->read >> i & 1) != 0 : program::reads(kernel(), i);
  }
  bool is_elementwise() const { return content_->elementwise; }  // or a cast
  // Whether it is elementwise, of at least one element, and one flat loop is enough.
  bool is_flat() const { return content_->flat; }
  // Of an elementwise call: what runs it.
  kernels::Loop loop() const { return content_->loop; }
  // Calls `visit` with the number of each operand that the call writes, or reads.
  template <class Visit>
  void each_written(Visit visit) const {
    for (uint64_t rest = content_->written; rest; rest &= rest - 1) visit(__builtin_ctzll(rest));
    for (int i = 64; i < operands().size(); ++i)
      if (writes(i)) visit(i);
  }
  template <class Visit>
  void each_read(Visit visit) const {
    for (uint64_t rest = content_->read; rest; rest &= rest - 1) visit(__builtin_ctzll(rest));
    for (int i = 64; i < operands().size(); ++i)
      if (reads(i)) visit(i);
  }
  // Whether the two share all that can be shared, and so are alike.
  bool shares(const RecordedCall& other) const { return content_ == other.content_; }
  // Of all calls that share it; for tables by kind.
  const void* kind() const { return content_.get(); }

  template <class Arguments>
  Arguments& change_arguments() {
    return *reinterpret_cast<Arguments*>(own().words.data());
  }
  // Says that a number is given anew to each replay; -1: that it is not.
  void fill_from(int i, int input, bool negated) {
    const Operand& now = operands()[i];
    if (now.number_input() != input || now.negated() != negated)
      own().operands[i].fill_from(input, negated);
  }
  // Becomes like another call, though where it came from stays.
  void become(const RecordedCall& other) { content_ = other.content_; }
  // Replaces an operand; the call owns the new one.
  void replace(int i, const Operand& operand);
  Call call() const {
    return {&kernel(),         type(),         operands().data(),
            operands().size(), words().data(), words().size()};
  }

 private:
  struct Content : Counted {
    explicit Content(const Call& call);
    Content(const Content& other);
    static void destroy(Content* content) { delete content; }
    template <class ViewOf>
    void take_operands(ViewOf view_of);
    void settle();  // works out what follows from the rest
    bool is_of(const Call& call) const;

    const Kernel* kernel;
    DType type;
    bool elementwise = false, flat = false;
    kernels::Loop loop = nullptr;
    uint64_t written = 0, read = 0;  // a bit for each of the first 64 operands
    uint64_t hash = 0;
    SmallVector<Operand, 4> operands;
    Tensors tensors;  // keeps the operands' tensors alive
    ArgumentWords words;
  };
  struct KnownKinds;
  explicit RecordedCall(Ref<Content> content) : content_(std::move(content)) {}
  Content& own();

  Ref<Content> content_;
  Site site_ = current_site();  // where the launch came from, if sites were followed
};

// A launch, and the block of memory (value) of each operand, by number; -1 for numbers and omitted
// operands.
struct TracedCall {
  TracedCall(RecordedCall made, size_t index) : call(std::move(made)), launch_index(index) {}

  RecordedCall call;
  SmallVector<int, 8> values;
  size_t launch_index;      // among the launches recorded
  bool has_stored = false;  // it may refuse its input, after the function has stored something
};

// Something worked out once for each kind of call: the last 64 kinds are remembered.
template <class T>
class PerKind {
 public:
  template <class Make>
  const T& of(const RecordedCall& call, Make make) {
    const auto address = reinterpret_cast<uintptr_t>(call.kind());
    Entry& entry = entries_[address * 0x9E3779B97F4A7C15 >> 58];
    if (entry.kind != call.kind()) entry = {call.kind(), make()};
    return entry.known;
  }

 private:
  struct Entry {
    const void* kind = nullptr;
    T known{};
  };
  Entry entries_[64];
};

// Whether two tensors have the same dtype, shape, strides and offset.
[[gnu::always_inline]] inline bool same_geometry(const TensorImpl& a, const TensorImpl& b) {
  if (&a == &b) return true;
  const int dims = a.shape.size();
  if (a.dtype != b.dtype || a.offset != b.offset || dims != b.shape.size()) return false;
  const int64_t *const shape = a.shape.data(), *const strides = a.strides.data();
  const int64_t *const other_shape = b.shape.data(), *const other_strides = b.strides.data();
  int64_t differs = 0;
  for (int d = 0; d < dims; ++d)
    differs |= (shape[d] ^ other_shape[d]) | (strides[d] ^ other_strides[d]);
  return differs == 0;
}

// Whether two numbers are of one kind and have the same bits.
bool same_number(const Number& a, const Number& b);

}  // namespace steep::program
