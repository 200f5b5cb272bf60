// An index of which calls touch each value, so that passes need not search all calls.
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "program/plan/plan.h"

namespace steep::program {

struct Use {
  int call;  // among Plan::calls
  bool written;
};

class Uses {
 public:
  explicit Uses(const Plan& plan) : starts_(plan.values.size() + 1) {
    for (const TracedCall& traced : plan.calls)
      for (int v : traced.values)
        if (v >= 0) ++starts_[v + 1];
    for (size_t v = 1; v < starts_.size(); ++v) starts_[v] += starts_[v - 1];
    uses_.resize(starts_.back());
    std::vector<size_t> next(starts_.begin(), starts_.end() - 1);
    for (size_t c = 0; c < plan.calls.size(); ++c) {
      const TracedCall& traced = plan.calls[c];
      for (int i = 0; i < traced.values.size(); ++i)
        if (const int v = traced.values[i]; v >= 0)
          uses_[next[v]++] = {static_cast<int>(c), traced.call.writes(i)};
    }
  }

  // One use for each operand, in the order of the calls.
  struct Span {
    Use *first, *last;
    Use* begin() const { return first; }
    Use* end() const { return last; }
    // The first use by call `call` or a later one.
    Use* from(int call) const {
      Use* use = first;
      if (last - first <= 8) {  // as most are
        while (use != last && use->call < call) ++use;
        return use;
      }
      return std::lower_bound(first, last, call, [](const Use& u, int c) { return u.call < c; });
    }
  };
  Span of(int value) { return {uses_.data() + starts_[value], uses_.data() + starts_[value + 1]}; }

  // Moves the uses of the value by call `from` to an earlier call.
  void move(int value, int from, int to) {
    const Span list = of(value);
    Use *const place = list.from(to), *const begin = Span{place, list.last}.from(from);
    Use* end = begin;
    for (; end != list.last && end->call == from; ++end) end->call = to;
    if (place != begin) std::rotate(place, begin, end);
  }

 private:
  std::vector<size_t> starts_;  // by value: the index of its first use
  std::vector<Use> uses_;
};

// What the launches do with values: a use for each operand that is memory, in the order of the calls,
// which leads to the next use of that value.
class NextUses {
 public:
  struct Use {
    const TensorImpl* view;
    int call, value;
    int next;    // the index of the next use of the value; -1: none
    int before;  // for whoever follows uses backwards
    bool written;
  };

  explicit NextUses(const Plan& plan) : counts_(plan.values.size()) {
    starts_.reserve(plan.calls.size() + 1);
    uses_.reserve(3 * plan.calls.size());
    std::vector<int> last(plan.values.size(), -1);
    int call = 0;
    for (const TracedCall& traced : plan.calls) {
      starts_.push_back(size());
      add(traced, call++, last.data());
    }
    starts_.push_back(size());
  }
  // The uses by a call: from first(call) to, but not including, first(call + 1).
  int first(int call) const { return starts_[call]; }
  Use& operator[](int use) { return uses_[use]; }
  // How many operands are that value.
  int count(int value) const { return counts_[value]; }

 private:
  int size() const { return static_cast<int>(uses_.size()); }
  // `last`: by value, the index of its last use so far.
  void add(const TracedCall& traced, int call, int* last) {
    const Operand* operand = traced.call.operands().data();
    const int *const values = traced.values.data(), count = traced.values.size();
    for (int i = 0; i < count; ++i, ++operand) {
      const int v = values[i];
      if (v < 0) continue;
      const int before = std::exchange(last[v], size());
      if (before >= 0) uses_[before].next = size();
      uses_.push_back({operand->tensor(), call, v, -1, -1, traced.call.writes(i)});
      ++counts_[v];
    }
  }

  std::vector<int> counts_;  // by value
  std::vector<int> starts_;  // by call
  std::vector<Use> uses_;
};

}  // namespace steep::program
