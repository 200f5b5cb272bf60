// Elements of other libraries that no dtype here holds, as those of one that does.
#pragma once

#include "bindings/python.h"
#include "tensor/tensor.h"

namespace steep::bindings {

// What a buffer's elements are, and what they become.
struct Element {
  DType dtype = DType::uint8;
  char widened = 0;  // the struct module's letter; 0 where the dtype holds them as they are
};

// By the letter of a format and the size of an item; false for what has no place here.
bool read_element(char letter, Py_ssize_t size, Element& element);

// Writes packed elements of that letter, as many as out has, into out.
void widen_into(const Tensor& out, const char* packed, char letter);

}  // namespace steep::bindings
