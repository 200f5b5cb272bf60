# How rows of every kind of number become float32.

from libc.stdint cimport (
    int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t, uintptr_t,
)
from libc.string cimport memcpy

ctypedef fused number:
    double
    int8_t
    int16_t
    int32_t
    int64_t
    uint8_t
    uint16_t
    uint32_t
    uint64_t


cdef void _cast(const number* x, float* out, Py_ssize_t size) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(size):
        out[j] = <float>x[j]


cdef void _load(char code, const char* x, float* out, Py_ssize_t size) noexcept nogil:
    """A row of numbers as float32."""
    if code == c"f":
        memcpy(out, x, size * sizeof(float))
    elif code == c"d":
        _cast(<const double*>x, out, size)
    elif code == c"B" or code == c"?":
        _cast(<const uint8_t*>x, out, size)
    elif code == c"b":
        _cast(<const int8_t*>x, out, size)
    elif code == c"h":
        _cast(<const int16_t*>x, out, size)
    elif code == c"H":
        _cast(<const uint16_t*>x, out, size)
    elif code == c"i":
        _cast(<const int32_t*>x, out, size)
    elif code == c"I":
        _cast(<const uint32_t*>x, out, size)
    elif code == c"q":
        _cast(<const int64_t*>x, out, size)
    elif code == c"Q":
        _cast(<const uint64_t*>x, out, size)


cdef void _scale(const number* x, float* out, Py_ssize_t size, const Step* step) noexcept nogil:
    cdef Py_ssize_t inner = size // step.parts, k, j
    cdef double shift, scale
    for k in range(step.parts):
        shift = step.wide_first[k]
        scale = step.wide_second[k]
        for j in range(inner):
            out[j] = <float>((<double>x[j] - shift) * scale)
        x += inner
        out += inner


cdef void _load_scaled(
    char code, const char* x, float* out, Py_ssize_t size, const Step* step,
) noexcept nogil:
    """The same after a first step that is affine, for numbers that float32 cannot hold."""
    if code == c"d":
        _scale(<const double*>x, out, size, step)
    elif code == c"i":
        _scale(<const int32_t*>x, out, size, step)
    elif code == c"I":
        _scale(<const uint32_t*>x, out, size, step)
    elif code == c"q":
        _scale(<const int64_t*>x, out, size, step)
    elif code == c"Q":
        _scale(<const uint64_t*>x, out, size, step)


cdef bint _aligned(_View view) noexcept nogil:
    """Whether all elements lie where their type may be read."""
    cdef Py_ssize_t size = view.buf.itemsize
    cdef int d
    if <uintptr_t>view.buf.buf % size:
        return False
    for d in range(view.buf.ndim):
        if view.buf.strides[d] % size:
            return False
    return True
