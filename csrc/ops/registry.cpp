#include "ops/registry.h"

#include <algorithm>
#include <cstring>

namespace steep::ops {

const Registration* Registration::newest = nullptr;

void Registry::collect(const Registration* registrations) {
  const auto by_name = [](const auto& a, const auto& b) { return std::strcmp(a.name, b.name) < 0; };
  for (source_ = registrations; source_; source_ = source_->next) source_->add(*this);
  std::stable_sort(ops_.begin(), ops_.end(), by_name);
  std::sort(modules_.begin(), modules_.end(), by_name);
  for (size_t i = 1; i < ops_.size(); ++i) {
    const Op &before = ops_[i - 1], &op = ops_[i];
    if (op.source != before.source && !std::strcmp(op.name, before.name))
      throw Error(ErrorKind::runtime,
                  join("registry: expected all overloads of '", op.name,
                       "' in one registration, got some among '", before.source->family,
                       "' and some among '", op.source->family, "'; add them together"));
  }
}

const Registry& registry() {
  // Never destroyed: a thread may call an operation while the process ends.
  static const auto* const instance = [] {
    auto* const made = new Registry();
    made->collect(Registration::newest);
    return made;
  }();
  return *instance;
}

}  // namespace steep::ops
