// How a loss is made of those of its rows or elements.
#pragma once

#include <cstdint>

namespace steep::kernels {

enum class LossReduction : int64_t { sum, mean, none };

}  // namespace steep::kernels
