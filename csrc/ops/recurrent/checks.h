// What a recurrent layer accepts.
#pragma once

#include "ops/recurrent/recurrent.h"

namespace steep::ops {

// How the tensors go together; refuses those that do not. x is [steps, batch, input], or [rows,
// input] where sizes are given.
RecurrentPlan checked_plan(const RecurrentTensors& of, const std::string& cell, const Dims& sizes,
                           bool reverse);

}  // namespace steep::ops
