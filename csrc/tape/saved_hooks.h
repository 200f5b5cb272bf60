// What rules save may be kept in another form until they ask for it: packed by a function of the
// user's when it is saved, and unpacked by another when it is needed.
//
// Rules save first. A watch then puts a copy of the new node in its place, in which each saved
// tensor is a stand-in for what the packing function has returned; the tensors themselves go with
// the first node. So saving is as quick as ever where there are no such functions.
#pragma once

#include <memory>

#include "tape/saved.h"
#include "tape/watch.h"

namespace steep::tape {

// The two functions. Both are called without recording.
class PackingHooks {
 public:
  virtual ~PackingHooks() = default;
  virtual std::shared_ptr<void> pack(const Tensor& x) = 0;
  virtual Tensor unpack(const std::shared_ptr<void>& packed) = 0;
};

// As long as it exists, what its thread records is packed.
class PackingWatch final : public Watch {
 public:
  explicit PackingWatch(std::shared_ptr<PackingHooks> hooks) : hooks_(std::move(hooks)) {}
  void recorded(const Tensor& out, History& h) override;
  bool forbids_replays() const override { return true; }
  // A copy of what a rule written in Python has saved, packed.
  Saved packed(const Saved& saved) const;

 private:
  Ref<Node> packed_copy(const Ref<Node>& node) const;

  std::shared_ptr<PackingHooks> hooks_;
  FreshNodes fresh_;
  Ref<Node> latest_, copy_;  // of a node with several results
};

// The innermost one of this thread, or null.
PackingWatch* packing_watch();

bool is_packed(const SavedParts& parts);
// Throws if the function has returned another shape or dtype than was packed.
Tensor unpacked(const SavedParts& parts);

}  // namespace steep::tape
