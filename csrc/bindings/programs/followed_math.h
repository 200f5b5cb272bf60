// Lets functions of Python's math module be followed while numbers that change are computed with.
//
// math.sqrt(t) asks t for a float and returns an ordinary one, whose origin is lost. So while a
// function is recorded with stand-ins for numbers, these functions hand the call over to a stand-in
// among their arguments, which notes the step. Calls without a stand-in work as ever.
#pragma once

#include "bindings/python.h"

namespace steep::bindings {

// They do so on all threads as long as an object of this class exists.
class FollowedMath {
 public:
  FollowedMath();
  ~FollowedMath();
  FollowedMath(const FollowedMath&) = delete;
  FollowedMath& operator=(const FollowedMath&) = delete;
};

// The names of these functions, as far as this Python has them (a new reference).
PyObject* names_of_followed_math();

}  // namespace steep::bindings
