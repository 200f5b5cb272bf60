// Finds the operands of a trace that are numbers which its function was given, or has computed from
// such numbers.
//
// Python follows what the function computes, and so knows how to compute each number anew. Which
// operand it has become is found here, by its value in two recordings.
#include <algorithm>
#include <cmath>

#include "program/record/trace.h"

namespace steep::program {

namespace {

constexpr size_t kReach = 4;  // how many launches of an operation are searched for its number

// Numbers that operations treat specially: pow(x, 2) is a square, alpha=1 needs no product.
bool is_special(double number) {
  return !std::isfinite(number) || number == 0 || std::abs(number) == 0.5 ||
         std::abs(number) == 1 || std::abs(number) == 2 || std::abs(number) == 3;
}

class Filling {
 public:
  Filling(std::vector<TracedCall>& calls, const std::vector<TracedCall>& others,
          const std::vector<double>& numbers, const std::vector<double>& other_numbers,
          std::vector<int>& filled, std::vector<int>& signs)
      : calls_(calls),
        others_(others),
        numbers_(numbers),
        other_numbers_(other_numbers),
        filled_(filled),
        signs_(signs) {}

  bool varies(int n) const { return numbers_[at(n)] != other_numbers_[at(n)]; }

  // Fills the next operand, from launch `launch` on, that has the number. True also if one was
  // filled before: an operation may read a number twice for one operand.
  bool fill_next(int n, size_t launch) {
    bool known = false;
    const size_t end = std::min(launch + kReach, calls_.size());
    for (size_t c = launch; c < end; ++c)
      for (int i = 0; i < calls_[c].call.operands().size(); ++i) {
        const Operand& operand = calls_[c].call.operands()[i];
        if (operand.number_input() >= 0) {
          known |= filled_[at(operand.number_input())] == n;
        } else if (fill(n, c, i)) {
          return true;
        }
      }
    return known;
  }

  // Fills operands that no read led to, such as those of gradients. An operand that several numbers
  // would fit is left alone.
  void fill_rest(const std::vector<int>& candidates) {
    for (size_t c = 0; c < calls_.size(); ++c)
      for (int i = 0; i < calls_[c].call.operands().size(); ++i) {
        int found = -1, count = 0;
        if (calls_[c].call.operands()[i].number_input() < 0)
          for (int n : candidates)
            if (sign_of(n, c, i) != 0) found = n, ++count;
        if (count == 1) fill(found, c, i);
      }
  }

 private:
  static size_t at(int n) { return static_cast<size_t>(n); }

  // 1 if the operand is the number in both recordings, -1 if it is its negative, else 0.
  int sign_of(int n, size_t c, int i) const {
    const RecordedCall &call = calls_[c].call, &other = others_[c].call;
    if (call.kernel().kind != Kind::elementwise || !is_floating(call.type()) ||
        &call.kernel() != &other.kernel() || call.operands().size() != other.operands().size())
      return 0;
    const Operand &x = call.operands()[i], &y = other.operands()[i];
    if (!x.is_number() || !y.is_number()) return 0;
    const double a = x.number().to_double(), b = y.number().to_double();
    if (a == numbers_[at(n)] && b == other_numbers_[at(n)]) return 1;
    return a == -numbers_[at(n)] && b == -other_numbers_[at(n)] ? -1 : 0;
  }

  bool fill(int n, size_t c, int i) {
    const int sign = sign_of(n, c, i);
    if (sign == 0) return false;
    const auto found = std::find(filled_.begin(), filled_.end(), n);
    const int input = static_cast<int>(found - filled_.begin());
    if (found == filled_.end()) {
      filled_.push_back(n);
      const bool below = numbers_[at(n)] < 0, other_below = other_numbers_[at(n)] < 0;
      signs_.push_back(below != other_below ? 0 : below ? -1 : 1);
    }
    calls_[c].call.fill_from(i, input, sign < 0);
    return true;
  }

  std::vector<TracedCall>& calls_;
  const std::vector<TracedCall>& others_;
  const std::vector<double>&numbers_, &other_numbers_;
  std::vector<int>&filled_, &signs_;
};

}  // namespace

bool may_vary_to(double number) { return !is_special(number); }

int Trace::fill(const Trace& other, const std::vector<double>& numbers,
                const std::vector<double>& others, const std::vector<NumberRead>& reads) {
  filled_.clear();
  signs_.clear();
  for (TracedCall& traced : calls_)
    for (int i = 0; i < traced.call.operands().size(); ++i) traced.call.fill_from(i, -1, false);
  if (calls_.size() != other.calls_.size()) return -1;  // which difference() tells
  Filling filling(calls_, other.calls_, numbers, others, filled_, signs_);
  std::vector<int> taken;
  for (size_t i = 0; i < reads.size(); ++i) {
    const NumberRead& read = reads[i];
    if (!filling.varies(read.number)) continue;
    if (!filling.fill_next(read.number, read.launch_index)) return static_cast<int>(i);
    if (std::find(taken.begin(), taken.end(), read.number) == taken.end())
      taken.push_back(read.number);
  }
  filling.fill_rest(taken);
  return -1;
}

}  // namespace steep::program
