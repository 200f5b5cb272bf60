// The numbers that each run of a program is given.
#include <algorithm>
#include <cmath>

#include "program/replay/replay.h"

namespace steep::program {

bool Program::takes_numbers(const std::vector<double>& numbers) const {
  if (numbers.size() != number_signs_.size())
    throw Error(ErrorKind::runtime,
                join("program: expected ", number_signs_.size(), " numbers, got ", numbers.size()));
  if (!std::all_of(numbers.begin(), numbers.end(), may_vary_to)) return false;
  for (size_t input = 0; input < numbers.size(); ++input)
    if (number_signs_[input] != 0 && (number_signs_[input] < 0) != (numbers[input] < 0))
      return false;
  return std::none_of(number_patches_.begin(), number_patches_.end(),
                      [&](const NumberPatch& patch) {
                        const double number = numbers[static_cast<size_t>(patch.input)];
                        return is_floating(patch.type) && std::abs(number) > largest(patch.type);
                      });
}

bool Program::give_numbers(const std::vector<double>& numbers) {
  if (!takes_numbers(numbers)) return false;
  for (const NumberPatch& patch : number_patches_) {
    const double number = numbers[static_cast<size_t>(patch.input)];
    *patch.where = bits_of(Number(patch.negated ? -number : number), patch.type);
  }
  return true;
}

}  // namespace steep::program
