// Converts elements of other libraries that no dtype holds to a dtype that can hold their values.
#pragma once

#include "bindings/python.h"
#include "tensor/tensor.h"

namespace steep::bindings {

// The element type of a buffer, and what it is converted to.
struct Element {
  DType dtype = DType::uint8;
  char widened = 0;  // the struct module's letter; 0 if the dtype holds them unchanged
};

// From the letter of a format and the size of an item; false if it cannot be converted.
bool read_element(char letter, Py_ssize_t size, Element& element);

// Writes packed elements of that letter, as many as out has, into out.
void widen_into(const Tensor& out, const char* packed, char letter);

}  // namespace steep::bindings
