// What the module does once at load.
#pragma once

namespace steep::ops {

// Hands the tape the functions it cannot do without.
void install();

}  // namespace steep::ops
