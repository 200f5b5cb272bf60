# What other modules of the loader read arrays with.

from libc.stdint cimport int64_t

cdef enum:
    MAX_DIMS = 32

cdef class _View:
    cdef Py_buffer buf
    cdef bint held
    cdef Py_ssize_t row_major[MAX_DIMS]
    cdef tuple shape(self)
    cdef str code(self)
    cdef bint rows_contiguous(self) noexcept nogil
    cdef Py_ssize_t row_bytes(self) noexcept nogil

cdef class _Positions:
    cdef int64_t* values
    cdef Py_ssize_t count

cdef _View _source_view(source)
cdef _View _index_view(index)
cdef void _copy_strided(
    char* out, const char* source, const Py_ssize_t* shape, const Py_ssize_t* strides,
    int ndim, Py_ssize_t itemsize,
) noexcept nogil
