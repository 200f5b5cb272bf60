#include "ops/registry.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace steep::ops {

const Registration* Registration::newest = nullptr;

namespace {

// Sorts by name, and what has one name by where it stands; std::stable_sort would be larger.
template <class Named>
void sort_by_name(std::vector<Named>& all) {
  std::vector<const Named*> order;
  for (const Named& one : all) order.push_back(&one);
  std::qsort(order.data(), order.size(), sizeof(const Named*), [](const void* a, const void* b) {
    const Named *x = *static_cast<const Named* const*>(a),
                *y = *static_cast<const Named* const*>(b);
    const int names = std::strcmp(x->name, y->name);
    return names ? names : (y < x) - (x < y);
  });
  std::vector<Named> sorted;
  for (const Named* one : order) sorted.push_back(*one);
  all = std::move(sorted);
}

}  // namespace

void Registry::put(const char* name, Exposure exposure, const char* signature, Op::Call call,
                   const char* doc, const char* cases, const void* subject) {
  ops_.push_back({name, exposure, signature, call, doc, cases, source_, subject});
}

void Registry::add_shared(Op::Call call, const void* subject, const char* name, Exposure exposure,
                          std::string signature, std::string doc) {
  texts_.push_back(std::move(signature));
  const char* const written = texts_.back().c_str();
  texts_.push_back(std::move(doc));
  put(name, exposure, written, call, texts_.back().c_str(), nullptr, subject);
}

void Registry::add_module(const char* function, const char* name, const char* doc,
                          const char* holds, const char* shows) {
  modules_.push_back({function, name, doc, holds, shows});
}

void Registry::collect(const Registration* registrations) {
  for (source_ = registrations; source_; source_ = source_->next) source_->add(*this);
  sort_by_name(ops_);
  sort_by_name(modules_);
  for (size_t i = 1; i < ops_.size(); ++i) {
    const Op &before = ops_[i - 1], &op = ops_[i];
    if (op.source != before.source && !std::strcmp(op.name, before.name))
      throw Error(ErrorKind::runtime,
                  join("registry: expected all overloads of '", op.name,
                       "' in one registration, got some among '", before.source->family,
                       "' and some among '", op.source->family, "'; add them together"));
  }
  for (SimpleModule& module : modules_) {
    const auto is_its_function = [&](const Op& op) {
      return !std::strcmp(op.name, module.function);
    };
    const auto found = std::find_if(ops_.begin(), ops_.end(), is_its_function);
    if (found == ops_.end())
      throw Error(ErrorKind::runtime, join("registry: expected the operation '", module.function,
                                           "' of module '", module.name, "', got none"));
    if (!module.doc) module.doc = found->doc;
  }
  for (size_t i = 1; i < modules_.size(); ++i)
    if (!std::strcmp(modules_[i].name, modules_[i - 1].name))
      throw Error(ErrorKind::runtime,
                  join("registry: expected one module '", modules_[i].name, "', got two"));
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
