# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, embedsignature=True
"""Batches gathered straight from arrays.

Everything here speaks the buffer protocol alone: tensors, NumPy arrays, memoryviews and
`array.array` all do. A call checks every shape and index first, and only then writes; the copying
itself runs without the GIL.
"""

from cpython.buffer cimport (
    PyBUF_FORMAT, PyBUF_STRIDES, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer,
)
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport int64_t
from libc.string cimport memcpy


cdef class _View:
    """An exported buffer, released with the object."""

    def __cinit__(self, source, bint writable=False):
        cdef int flags = PyBUF_FORMAT | PyBUF_STRIDES
        if writable:
            flags |= PyBUF_WRITABLE
        PyObject_GetBuffer(source, &self.buf, flags)
        self.held = True
        if self.buf.ndim > MAX_DIMS:
            raise ValueError(
                f"gather: expected at most {MAX_DIMS} dimensions, got {self.buf.ndim}"
            )
        # Some exporters leave the strides out whatever they are asked for, as ctypes does.
        cdef Py_ssize_t step = self.buf.itemsize
        cdef int d
        if self.buf.strides == NULL and self.buf.ndim > 0:
            for d in range(self.buf.ndim - 1, -1, -1):
                self.row_major[d] = step
                step *= self.buf.shape[d]
            self.buf.strides = self.row_major

    def __dealloc__(self):
        if self.held:
            PyBuffer_Release(&self.buf)

    cdef tuple shape(self):
        return tuple([self.buf.shape[i] for i in range(self.buf.ndim)])

    cdef str code(self):
        """The element's format, with the two spellings of int64 made one."""
        cdef str format = "B" if self.buf.format == NULL else self.buf.format.decode("ascii")
        format = format.lstrip("@=<")
        return "q" if format == "l" and self.buf.itemsize == 8 else format

    cdef bint rows_contiguous(self) noexcept nogil:
        """Whether the elements behind one index of the first dimension lie side by side."""
        cdef Py_ssize_t step = self.buf.itemsize
        cdef int d
        for d in range(self.buf.ndim - 1, 0, -1):
            if self.buf.shape[d] != 1 and self.buf.strides[d] != step:
                return False
            step *= self.buf.shape[d]
        return True

    cdef Py_ssize_t row_bytes(self) noexcept nogil:
        cdef Py_ssize_t size = self.buf.itemsize
        cdef int d
        for d in range(1, self.buf.ndim):
            size *= self.buf.shape[d]
        return size


cdef _View _index_view(index):
    cdef _View view = _View(index)
    if view.buf.ndim != 1 or view.code() != "q":
        raise TypeError(
            "gather: expected a 1-d int64 index, got "
            f"{view.buf.ndim} dimensions of format '{view.code()}'"
        )
    return view


cdef class _Positions:
    """index[start:stop], checked to exist and to point into [0, rows).

    A copy: the index may be written to by another thread while rows are copied.
    """

    def __cinit__(self, _View index not None, Py_ssize_t start, Py_ssize_t stop, Py_ssize_t rows):
        cdef Py_ssize_t i
        cdef const char* base = <const char*>index.buf.buf
        cdef Py_ssize_t stride = index.buf.strides[0]
        if not 0 <= start <= stop <= index.buf.shape[0]:
            raise IndexError(
                f"gather: expected 0 <= start <= stop <= {index.buf.shape[0]}, got {start}, {stop}"
            )
        self.count = stop - start
        self.values = <int64_t*>PyMem_Malloc(max(self.count, 1) * sizeof(int64_t))
        if self.values == NULL:
            raise MemoryError
        for i in range(self.count):
            memcpy(self.values + i, base + (start + i) * stride, sizeof(int64_t))
            if self.values[i] < 0 or self.values[i] >= rows:
                raise IndexError(
                    f"gather: index {self.values[i]} at position {start + i} is out of range for "
                    f"{rows} rows"
                )

    def __dealloc__(self):
        PyMem_Free(self.values)


cdef void _copy_strided(
    char* out, const char* source, const Py_ssize_t* shape, const Py_ssize_t* strides,
    int ndim, Py_ssize_t itemsize,
) noexcept nogil:
    """Copy one row whose elements do not lie side by side, in row-major order."""
    cdef Py_ssize_t at[MAX_DIMS]
    cdef int d
    for d in range(ndim):
        at[d] = 0
    while True:
        memcpy(out, source, itemsize)
        out += itemsize
        d = ndim - 1
        while d >= 0:
            at[d] += 1
            source += strides[d]
            if at[d] < shape[d]:
                break
            source -= at[d] * strides[d]
            at[d] = 0
            d -= 1
        if d < 0:
            return


cdef void _copy_rows(
    _View source, const int64_t* index, Py_ssize_t count, char* out,
) noexcept nogil:
    cdef Py_ssize_t size = source.row_bytes()
    cdef Py_ssize_t stride = source.buf.strides[0]
    cdef const char* base = <const char*>source.buf.buf
    cdef bint packed = source.rows_contiguous()
    cdef Py_ssize_t i = 0, run, first
    while i < count:
        first = index[i]
        run = 1
        if not packed:
            _copy_strided(
                out, base + first * stride, source.buf.shape + 1, source.buf.strides + 1,
                source.buf.ndim - 1, source.buf.itemsize,
            )
        elif stride == size:
            # Neighbours that stay neighbours, as in an unshuffled epoch, go in one piece.
            while i + run < count and index[i + run] == first + run:
                run += 1
            memcpy(out, base + first * stride, run * size)
        else:
            memcpy(out, base + first * stride, size)
        out += run * size
        i += run


cdef _View _output_view(out, _View source, Py_ssize_t count):
    """A writable view of `out`, checked to be contiguous and to fit `count` rows of `source`."""
    cdef _View view = _View(out, True)
    expected = (count,) + source.shape()[1:]
    if view.shape() != expected or view.code() != source.code():
        raise ValueError(
            f"gather: expected out of shape {expected} and format '{source.code()}', "
            f"got {view.shape()} and '{view.code()}'"
        )
    # Where there are no elements, strides mean nothing.
    if view.buf.len > 0 and (
        not view.rows_contiguous() or (count > 1 and view.buf.strides[0] != view.row_bytes())
    ):
        raise ValueError("gather: expected out to be contiguous; got a strided buffer")
    return view


cdef _View _source_view(source):
    cdef _View view = _View(source)
    if view.buf.ndim < 1:
        raise ValueError("gather: expected a source of 1 to 32 dimensions, got a single number")
    return view


def gather(source, index, Py_ssize_t start, Py_ssize_t stop, out):
    """``out[i] = source[index[start + i]]`` for i in ``range(stop - start)``.

    Args:
        source: buffer of one or more dimensions, strided as it likes.
        index: 1-d buffer of int64.
        start: first position of `index` to use.
        stop: position after the last.
        out: contiguous, writable buffer of shape ``(stop - start, *source.shape[1:])`` and the
            source's format.

    Raises:
        IndexError: if `start` and `stop`, or an index, are out of range; nothing is written then.
        TypeError: if `index` is not a 1-d buffer of int64.
        ValueError: if `out` does not fit.
    """
    cdef _View rows = _source_view(source)
    cdef _View order = _index_view(index)
    cdef _Positions positions = _Positions(order, start, stop, rows.buf.shape[0])
    cdef _View target = _output_view(out, rows, positions.count)
    if positions.count == 0 or rows.row_bytes() == 0:
        return
    with nogil:
        _copy_rows(rows, positions.values, positions.count, <char*>target.buf.buf)
