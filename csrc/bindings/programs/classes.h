// What the class of an object says of it. Runs no code of a user's.
#pragma once

#include "bindings/python.h"

namespace steep::bindings {

// Whether it is None, a number, a text or bytes of Python's own: with nothing in it to be read.
bool is_plain(PyObject* object);
// Whether it, or one that it inherits from, has a name: the library of a type need not be there.
bool is_kind_of(PyObject* object, const char* name);
// Whether it, or one that it inherits from, names slots; those of abc and typing name none.
bool has_slots(PyObject* object);
// Of a tuple: whether its items have names, and it has nothing besides.
bool is_named_tuple(PyObject* object);
// Of a tuple: whether some fields of it are no items, as in time.struct_time: those are found by
// name alone.
bool has_unseen_fields(PyObject* tuple);
// Of a dict of a subclass: whether it is one of collections' own, without attributes.
bool is_plain_dict(PyObject* object);
// Of a scalar of NumPy's: whether its type says what its bytes mean, as it does not of dates.
bool is_plain_scalar(PyObject* object);
// Of a dtype of NumPy's: whether there are objects in what has it.
bool holds_objects(PyObject* dtype);
// Whether it is an instance of one of `namespaces` (a tuple of types) or of a dataclass, and has
// nothing besides its attributes: no slots, and no part that another type gives it.
bool is_made_of_attributes(PyObject* object, PyObject* namespaces);

}  // namespace steep::bindings
