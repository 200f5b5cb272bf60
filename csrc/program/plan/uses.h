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
      if (last - first <= 8)  // as most are
        return std::find_if(first, last, [call](const Use& use) { return use.call >= call; });
      return std::lower_bound(first, last, call, [](const Use& u, int c) { return u.call < c; });
    }
  };
  Span of(int value) { return {uses_.data() + starts_[value], uses_.data() + starts_[value + 1]}; }

  // Moves the uses of the value by call `from` to an earlier call.
  void move(int value, int from, int to) {
    const Span list = of(value);
    Use *const begin = list.from(from), *const end = list.from(from + 1);
    for (Use *use = list.from(to), *rest = std::rotate(use, begin, end); use != rest; ++use)
      use->call = to;
  }

 private:
  std::vector<size_t> starts_;  // by value: the index of its first use
  std::vector<Use> uses_;
};

// By operand of each call: where its value is used next.
class NextUses {
 public:
  explicit NextUses(const Plan& plan) : counts_(plan.values.size()), starts_(plan.calls.size()) {
    size_t operands = 0;
    for (size_t c = 0; c < plan.calls.size(); ++c) {
      starts_[c] = operands;
      operands += static_cast<size_t>(plan.calls[c].values.size());
    }
    nexts_.resize(operands);
    std::vector<int> last(plan.values.size(), -1);
    for (int c = static_cast<int>(plan.calls.size()) - 1; c >= 0; --c) {
      const TracedCall& traced = plan.calls[c];
      for (int i = 0; i < traced.values.size(); ++i)
        if (const int v = traced.values[i]; v >= 0) {
          const size_t at = starts_[c] + static_cast<size_t>(i);
          nexts_[at] = {c, std::exchange(last[v], static_cast<int>(at))};
          ++counts_[v];
        }
    }
  }
  // Visits the calls after `call` that use what its operand `i` is, as long as `visit` returns true.
  template <class Visit>
  void after(int call, int i, Visit visit) const {
    int at = nexts_[starts_[call] + static_cast<size_t>(i)].next;
    while (at >= 0 && (nexts_[at].call == call || visit(nexts_[at].call))) at = nexts_[at].next;
  }
  // How many operands are that value.
  int count(int value) const { return counts_[value]; }

 private:
  struct Next {
    int call, next;
  };
  std::vector<int> counts_;     // by value
  std::vector<size_t> starts_;  // by call: where its operands begin
  std::vector<Next> nexts_;     // by operand
};

}  // namespace steep::program
