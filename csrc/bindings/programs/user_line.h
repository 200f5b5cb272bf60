// Where in the user's program a thread is, for messages.
#pragma once

#include <string>

namespace steep::bindings {

// "file:line" of the innermost Python code that is not steep's; empty where there is none, or no
// memory to say it.
std::string line_of_user();

}  // namespace steep::bindings
