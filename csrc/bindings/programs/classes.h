// Questions about an object that its class answers. Runs no user code.
#pragma once

#include "bindings/python.h"

namespace steep::bindings {

// Whether it is None or an instance of bool, int, float, str or bytes itself: there is nothing in
// it to be followed.
bool is_plain(PyObject* object);
// Whether its class, or one that it inherits from, has this name: for types of libraries that may
// not be installed.
bool is_kind_of(PyObject* object, const char* name);
// Whether its class, or one that it inherits from, has nonempty __slots__ (those of abc and typing
// are empty).
bool has_slots(PyObject* object);
// Whether a tuple is a named tuple without further attributes.
bool is_named_tuple(PyObject* object);
// Whether a tuple has fields that are not among its items, as time.struct_time has.
bool has_unseen_fields(PyObject* tuple);
// Whether an instance of a subclass of dict is an OrderedDict or a defaultdict without attributes.
bool is_plain_dict(PyObject* object);
// Whether the type of a NumPy scalar says what its bytes mean; for a date it does not.
bool is_plain_scalar(PyObject* object);
// Whether elements of a NumPy dtype hold Python objects.
bool holds_objects(PyObject* dtype);
// Whether it is an instance of one of `namespaces` (a tuple of types) or of a dataclass, and has
// nothing but its attributes: no slots, and nothing inherited from a type such as list.
bool is_made_of_attributes(PyObject* object, PyObject* namespaces);

}  // namespace steep::bindings
