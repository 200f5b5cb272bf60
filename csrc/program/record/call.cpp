#include "program/record/call.h"

#include <algorithm>
#include <memory>

#include "program/elementwise.h"
#include "program/launch.h"

namespace steep::program {

namespace {

// Adds a word to a hash.
uint64_t mixed(uint64_t hash, uint64_t word) { return (hash ^ word) * 0x9E3779B97F4A7C15; }

uint64_t bits_of(const Number& number) {
  if (!number.is_floating()) return static_cast<uint64_t>(number.to_int());
  const double value = number.to_double();
  uint64_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

uint64_t hash_of(const Call& call) {
  uint64_t hash = mixed(reinterpret_cast<uintptr_t>(call.kernel),
                        static_cast<uint64_t>(element_size(call.type)));
  for (int i = 0; i < call.operand_count; ++i) {
    const Operand& operand = call.operands[i];
    if (const TensorImpl* x = operand.tensor()) {
      hash = mixed(hash ^ hash >> 32, static_cast<uint64_t>(x->numel + (x->offset << 24)));
    } else {
      hash = mixed(hash ^ hash >> 32, operand.is_number() ? bits_of(operand.number()) : 1);
    }
  }
  const auto* const words = static_cast<const uint64_t*>(call.arguments);
  for (int i = 0; i < call.argument_words; ++i) hash = mixed(hash, words[i]);
  return hash ^ hash >> 32;  // the upper bits depend on every word
}

// A view of the same geometry. Most launches of a thread share a few, which are found again by a
// hash.
Tensor view_without_memory(const TensorImpl& x) {
  uint64_t hash =
      mixed(static_cast<uint64_t>(element_size(x.dtype)), static_cast<uint64_t>(x.offset));
  for (int d = 0; d < x.shape.size(); ++d)
    hash = mixed(hash, static_cast<uint64_t>(x.shape[d] * 31 + x.strides[d]));
  static thread_local Tensor known[64];
  Tensor& view = known[hash >> 58];
  if (!view.defined() || !same_geometry(*view.impl(), x))
    view = Tensor(new TensorImpl(Ref<Storage>(), x.dtype, x.shape, x.strides, x.offset));
  return view;
}

// Of a tensor whose writes are counted apart, which a replay must count likewise.
Tensor view_of_versions(const TensorImpl& x) {
  Tensor view(new TensorImpl(Ref<Storage>(), x.dtype, x.shape, x.strides, x.offset));
  view->own_versions = x.own_versions;
  return view;
}

}  // namespace

bool same_number(const Number& a, const Number& b) {
  return a.kind() == b.kind() && bits_of(a) == bits_of(b);
}

// The kinds of calls that a thread has recorded last. The recordings of a function find each
// other's kinds here, and are compared in little time.
struct RecordedCall::KnownKinds {
  static constexpr size_t kSlots = 512, kTried = 4;
  Ref<Content> slots[kSlots];
  // By slot: that of the call which came next the last time, as it mostly does again.
  uint16_t next[kSlots] = {};
  size_t last = 0;

  // The kind of the next call; empty if it is not known.
  const Ref<Content>& expected(const Call& call) {
    static const Ref<Content> none;
    const Ref<Content>& slot = slots[next[last]];
    if (!slot || !slot->is_of(call)) return none;
    last = next[last];
    return slot;
  }

  // Where a call's kind is; if it is not known, where it is to go.
  Ref<Content>& slot_of(const Call& call, uint64_t hash) {
    const size_t first = hash % kSlots;
    Ref<Content>* free = nullptr;
    for (size_t i = 0; i < kTried; ++i) {
      Ref<Content>& slot = slots[(first + i) % kSlots];
      if (slot && slot->hash == hash && slot->is_of(call)) return slot;
      if (!slot && !free) free = &slot;
    }
    if (!free) free = &slots[(first + hash / kSlots % kTried) % kSlots];
    free->reset();
    return *free;
  }
  void follow(const Ref<Content>& slot) {
    next[last] = static_cast<uint16_t>(&slot - slots);
    last = next[last];
  }
};

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
      elementwise(other.elementwise),
      flat(other.flat),
      loop(other.loop),
      written(other.written),
      read(other.read),
      operands(other.operands),
      tensors(other.tensors),
      words(other.words) {}

// `view_of(x)` is what it has in place of the tensor x.
template <class ViewOf>
void RecordedCall::Content::take_operands(ViewOf view_of) {
  for (Operand& operand : operands)
    if (TensorImpl* const x = operand.tensor()) {
      tensors.push_back(view_of(*x));
      operand = Operand(tensors.back());
    }
  settle();
}

void RecordedCall::Content::settle() {
  written = read = 0;
  for (int i = 0; i < operands.size() && i < 64; ++i) {
    written |= uint64_t{program::writes(*kernel, i)} << i;
    read |= uint64_t{program::reads(*kernel, i)} << i;
  }
  elementwise = kernel->kind == Kind::elementwise || kernel->kind == Kind::cast;
  if (!elementwise) return;
  int64_t steps[kMaxOperands];
  const Call call{kernel, type, operands.data(), operands.size(), nullptr, 0};
  loop = loop_of(call);
  flat = operands[0].tensor()->numel > 0 && program::is_flat(call, steps);
}

// False for one that counts writes to a tensor apart.
bool RecordedCall::Content::is_of(const Call& call) const {
  if (kernel != call.kernel || type != call.type || operands.size() != call.operand_count ||
      words.size() != call.argument_words)
    return false;
  const Operand* own = operands.data();
  for (const Operand *other = call.operands, *end = other + call.operand_count; other != end;
       ++own, ++other) {
    const TensorImpl *const mine = own->tensor(), *const x = other->tensor();
    if (!mine != !x || own->is_number() != other->is_number()) return false;
    if (x && (x->own_versions || !same_geometry(*mine, *x))) return false;
    if (own->is_number() && !same_number(own->number(), other->number())) return false;
  }
  return std::equal(words.begin(), words.end(), static_cast<const int64_t*>(call.arguments));
}

RecordedCall::RecordedCall(const Call& call) : content_(new Content(call)) {
  content_->take_operands([](TensorImpl& x) { return alias(Tensor(&x)); });
}

RecordedCall RecordedCall::without_memory(const Call& call) {
  constexpr int kMostOperands = 16;  // those with more are not kept beyond their recordings
  const auto make = [&call] {
    Ref<Content> content(new Content(call));
    content->take_operands([](TensorImpl& x) {
      return x.own_versions ? view_of_versions(x) : view_without_memory(x);
    });
    return content;
  };
  static thread_local std::unique_ptr<KnownKinds> known;
  if (!known) known = std::make_unique<KnownKinds>();
  if (const Ref<Content>& kind = known->expected(call)) return RecordedCall(kind);
  bool may_be_known = call.operand_count <= kMostOperands;
  for (int i = 0; i < call.operand_count; ++i)
    if (const TensorImpl* x = call.operands[i].tensor()) may_be_known &= !x->own_versions;
  if (!may_be_known) return RecordedCall(make());
  const uint64_t hash = hash_of(call);
  Ref<Content>& slot = known->slot_of(call, hash);
  if (!slot) {
    slot = make();
    slot->hash = hash;
  }
  known->follow(slot);
  return RecordedCall(slot);
}

void RecordedCall::replace(int i, const Operand& operand) {
  Content& content = own();
  if (operand.tensor()) content.tensors.push_back(Tensor(operand.tensor()));
  content.operands[i] = operand;
  content.settle();
}

RecordedCall::Content& RecordedCall::own() {
  if (content_->references() > 1) content_ = Ref<Content>(new Content(*content_));
  return *content_;
}

void RecordedCall::run() const {
  execute(call());
  for (int i = 0; i < operands().size(); ++i)
    if (writes(i) && operands()[i].tensor()) operands()[i].tensor()->bump(name());
}

}  // namespace steep::program
