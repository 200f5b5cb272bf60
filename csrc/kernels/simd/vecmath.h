// The vector mathematics: branch-free functions of namespace vec for every kernel, in families of
// their own.
//
// "Accuracy" beside a function is the largest error seen, in units in the last place, over millions
// of values spread over all of each type; tests/test_vecmath.py holds it. The values at infinity,
// NaN, both zeros and every threshold of overflow are exact. Polynomials are minimax fits whose
// coefficients are rounded to their type one with regard to the others.
#pragma once

#include "kernels/simd/vec_arc.h"
#include "kernels/simd/vec_core.h"
#include "kernels/simd/vec_erf.h"
#include "kernels/simd/vec_exp.h"
#include "kernels/simd/vec_log.h"
#include "kernels/simd/vec_pow.h"
#include "kernels/simd/vec_trig.h"
