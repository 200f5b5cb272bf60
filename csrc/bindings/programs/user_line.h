// The line of the user's program that a thread is at, for messages.
#pragma once

#include <string>

namespace steep::bindings {

// "file:line" of the innermost Python code outside of steep; empty if there is none, or memory is
// lacking.
std::string line_of_user();

}  // namespace steep::bindings
