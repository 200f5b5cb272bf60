// Functions of Python's math module that take part in what is computed of numbers that change.
//
// math.sqrt(t) asks t for a float, and gives one that no one can tell from others. So while a
// function is recorded with stand-ins for numbers, these functions of the module hand a stand-in to
// it instead, which notes the step; other arguments go to what they were made of, as ever.
#pragma once

#include "bindings/python.h"

namespace steep::bindings {

// They do so while one of these lives, on whatever thread.
class FollowedMath {
 public:
  FollowedMath();
  ~FollowedMath();
  FollowedMath(const FollowedMath&) = delete;
  FollowedMath& operator=(const FollowedMath&) = delete;
};

// The names of these functions, those that are not there left out. A new reference.
PyObject* names_of_followed_math();

}  // namespace steep::bindings
