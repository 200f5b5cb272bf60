// The vector mathematics: branch-free functions of namespace vec for every kernel, in families of their own.
#pragma once

#include "vec_arc.h"
#include "vec_core.h"
#include "vec_erf.h"
#include "vec_exp.h"
#include "vec_log.h"
#include "vec_pow.h"
#include "vec_trig.h"
