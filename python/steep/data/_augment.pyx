# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, embedsignature=True, cdivision=True
"""One pass from an array to a batch: rows are gathered, made float32, normalised and augmented.

A `Program` holds the steps for rows of one shape. Each row goes through all of them while it lies
in the cache, without the GIL. What is random about a row is drawn from a stream of its own.
"""

from array import array

from cpython.mem cimport PyMem_Free, PyMem_Malloc, PyMem_RawFree, PyMem_RawMalloc
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy

from steep.data._pipeline cimport (
    _copy_strided, _index_view, _Positions, _source_view, _View,
)

include "_random.pxi"
include "_kernels.pxi"

cdef enum:
    AFFINE, NORMAL, UNIFORM, GAIN, BRIGHTNESS, CONTRAST, FLIP, ERASE, WINDOW, ROTATE, KINDS

KIND = {
    "affine": AFFINE, "normal": NORMAL, "uniform": UNIFORM, "gain": GAIN,
    "brightness": BRIGHTNESS, "contrast": CONTRAST, "flip": FLIP, "erase": ERASE,
    "window": WINDOW, "rotate": ROTATE,
}
MODES = {"constant": CONSTANT, "edge": EDGE_VALUE, "wrap": WRAP, "reflect": REFLECT}

cdef extern from *:
    """
    #if defined(__GNUC__)
    #define STEEP_FETCH(address) __builtin_prefetch(address)
    #else
    #define STEEP_FETCH(address) ((void)(address))
    #endif
    """
    void STEEP_FETCH(const void*) noexcept nogil

# How many rows ahead memory is asked for: a row's arithmetic is long enough that the processor does
# not come to the loads of the next one by itself. Longer rows bring their own rest.
cdef Py_ssize_t AHEAD = 6, LINE = 64, LINES = 32

cdef struct Step:
    int kind
    double chance
    double reals[5]
    Py_ssize_t whole[7]
    Py_ssize_t sizes[3]  # planes, height and width of the row that comes in
    Py_ssize_t parts  # how many values `first` and `second` have
    const float* first
    const float* second
    const double* wide_first  # the same, as they were given
    const double* wide_second


include "_loads.pxi"


cdef class Program:
    """Steps for rows of one shape.

    Args:
        steps: tuples ``(place, kind, chance, reals, whole, sizes, first, second)``: the number that
            the step's random stream has; a value of `KIND`; how probably it is done; numbers as
            the kind takes them; planes, height and width of the rows; arrays of floats or ``None``.
        size: elements of a row that comes in.
        result: elements of a row that comes out.
    """

    cdef Step* _steps
    cdef uint64_t* _places
    cdef Py_ssize_t _count, _size, _result, _largest
    cdef bint _in_place
    cdef list _kept

    def __cinit__(self, list steps not None, Py_ssize_t size, Py_ssize_t result):
        self._count = len(steps)
        self._size = self._largest = size
        self._result = result
        self._in_place = True
        self._kept = []
        self._steps = <Step*>PyMem_Malloc(max(self._count, 1) * sizeof(Step))
        self._places = <uint64_t*>PyMem_Malloc(max(self._count, 1) * sizeof(uint64_t))
        if self._steps == NULL or self._places == NULL:
            raise MemoryError
        cdef Py_ssize_t i
        for i in range(self._count):
            size = self._add(i, steps[i], size)
        if size != result:
            raise ValueError(f"Program: steps make rows of {size} elements, not {result}")

    def __dealloc__(self):
        PyMem_Free(self._steps)
        PyMem_Free(self._places)

    cdef Py_ssize_t _add(self, Py_ssize_t i, tuple given, Py_ssize_t size) except -1:
        """Take over a step, checked; returns how many elements its rows have."""
        place, kind, chance, reals, whole, sizes, first, second = given
        cdef Step* step = self._steps + i
        cdef Py_ssize_t planes = sizes[0], height = sizes[1], width = sizes[2]
        self._places[i] = place
        step.kind = kind
        step.chance = chance
        if not 0 <= step.kind < KINDS or min(planes, height, width) < 0:
            raise ValueError("Program: no such step")
        if planes * height * width != size:
            raise ValueError(f"Program: a step takes rows of {sizes}, not of {size} elements")
        for k in range(5):
            step.reals[k] = reals[k] if k < len(reals) else 0
        for k in range(7):
            step.whole[k] = whole[k] if k < len(whole) else 0
        for k in range(3):
            step.sizes[k] = sizes[k]
        step.parts = 1
        if step.kind <= GAIN:
            step.parts = 0 if first is None else len(first)
            if step.parts < 1 or size % step.parts:
                raise ValueError("Program: a step's values do not fit the row")
            if (step.kind == AFFINE) != (second is not None and len(second) == step.parts):
                raise ValueError("Program: a step lacks values")
            step.first = <const float*>self._table("f", first)
            step.wide_first = <const double*>self._table("d", first)
        if step.kind == AFFINE:
            step.second = <const float*>self._table("f", second)
            step.wide_second = <const double*>self._table("d", second)
        if step.kind == FLIP and step.whole[0] * step.whole[1] * step.whole[2] != size:
            raise ValueError("Program: a step's axes do not fit the row")
        if step.kind == WINDOW:
            if min(step.whole[0], step.whole[1]) < 0 or min(planes, height, width) < 1:
                raise ValueError("Program: a window needs pixels")
            if step.chance < 1 and planes * step.whole[0] * step.whole[1] != size:
                raise ValueError("Program: a step that changes the size cannot be left out")
            size = planes * step.whole[0] * step.whole[1]
        if step.kind in (WINDOW, ROTATE):
            self._in_place = False
        self._largest = max(self._largest, size)
        return size

    cdef const void* _table(self, str code, values) except NULL:
        """Values as an array that lives as long as the program."""
        cdef _View view = _View(array(code, values.tolist()))
        self._kept.append(view)
        return view.buf.buf

    cdef float* _row(
        self, float* x, float* other, Py_ssize_t first, uint64_t key,
    ) noexcept nogil:
        """Do all steps from the first on; the row is in `x`, then where the result says."""
        cdef Step* step
        cdef uint64_t stream
        cdef Py_ssize_t i, size = self._size
        cdef float* kept
        for i in range(first, self._count):
            step = self._steps + i
            stream = _derive(key, self._places[i])
            if step.chance < 1 and _uniform(&stream) >= step.chance:
                continue
            if step.kind >= WINDOW:
                size = _move(step, x, other, &stream)
                kept = x
                x = other
                other = kept
            else:
                _change(step, x, size, &stream)
        return x

    def run(self, source, index, Py_ssize_t start, Py_ssize_t stop, out, seed, number):
        """``out[i]`` is the row ``source[index[start + i]]`` after all steps.

        Args:
            source: buffer of numbers of one or more dimensions, strided as it likes.
            index: 1-d int64 buffer; ``None`` stands for 0, 1, 2 and so on.
            start: first position of `index` to use.
            stop: position after the last.
            out: contiguous, writable float32 buffer of ``stop - start`` rows.
            seed: of the epoch; what is random depends on it, on `number` and the row's place alone.
            number: of the batch.

        Raises:
            IndexError: if `start` and `stop`, or an index, are out of range; nothing is written.
            TypeError: if `index` is not int64, or `source` holds no numbers of a known format.
            ValueError: if `source` or `out` does not fit.
        """
        cdef _View rows = _source_view(source)
        cdef _View target = _View(out, True)
        cdef _View order
        cdef _Positions positions = None
        cdef Py_ssize_t count = stop - start
        cdef str code = rows.code()
        if len(code) != 1 or code not in "fdB?bhHiIqQ":
            raise TypeError(f"expected numbers, got an array of format '{code}'")
        if rows.row_bytes() != self._size * rows.buf.itemsize:
            raise ValueError(
                f"expected rows of {self._size} elements, got an array of shape {rows.shape()}"
            )
        if index is not None:
            positions = _Positions(_index_view(index), start, stop, rows.buf.shape[0])
        elif not 0 <= start <= stop <= rows.buf.shape[0]:
            raise IndexError(f"rows {start} to {stop} are out of range for {rows.buf.shape[0]}")
        if (
            target.code() != "f" or target.buf.ndim < 1 or target.buf.shape[0] != count
            or target.buf.len != count * self._result * 4
            or (target.buf.len > 0 and not (  # strides of nothing mean nothing
                target.rows_contiguous()
                and (count == 1 or target.buf.strides[0] == target.row_bytes())
            ))
        ):
            raise ValueError(
                f"expected out as contiguous float32 of {count} rows of {self._result}, got shape "
                f"{target.shape()} and format '{target.code()}'"
            )
        if count:
            self._run(
                rows, ord(code), NULL if positions is None else positions.values, start, count,
                <float*>target.buf.buf,
                _derive(_derive(<uint64_t>(seed & 0xFFFFFFFFFFFFFFFF), 0), number),
            )

    cdef int _run(
        self, _View rows, char code, const int64_t* index, Py_ssize_t start, Py_ssize_t count,
        float* out, uint64_t key,
    ) except -1:
        # Of rows without elements there is nothing to copy, however they lie.
        cdef bint packed = self._size == 0 or (rows.rows_contiguous() and _aligned(rows))
        # Numbers that float32 cannot hold are scaled before they are rounded.
        cdef bint wide = (
            code in b"diIqQ" and self._count > 0 and self._steps.kind == AFFINE
            and self._steps.chance >= 1
        )
        cdef Py_ssize_t raw = 0 if packed else rows.row_bytes()
        # Space for a row before and after a step that moves its elements, and for one as it lies.
        cdef size_t space = 2 * self._largest * sizeof(float)
        cdef char* work = <char*>PyMem_RawMalloc(space + raw + 1)
        if work == NULL:
            raise MemoryError
        cdef float* x
        cdef float* row
        cdef const char* at
        cdef Py_ssize_t lines = min(LINES, (rows.row_bytes() + LINE - 1) // LINE)
        cdef Py_ssize_t i, j
        with nogil:
            for i in range(count):
                if packed and index != NULL and i + AHEAD < count:
                    at = <const char*>rows.buf.buf + rows.buf.strides[0] * index[i + AHEAD]
                    for j in range(lines):
                        STEEP_FETCH(at + j * LINE)
                at = <const char*>rows.buf.buf
                at += rows.buf.strides[0] * (start + i if index == NULL else index[i])
                if not packed:
                    _copy_strided(
                        work + space, at, rows.buf.shape + 1, rows.buf.strides + 1,
                        rows.buf.ndim - 1, rows.buf.itemsize,
                    )
                    at = work + space
                row = out if self._in_place else <float*>work
                if wide:
                    _load_scaled(code, at, row, self._size, self._steps)
                else:
                    _load(code, at, row, self._size)
                x = self._row(row, <float*>work + self._largest, wide, _derive(key, i))
                if not self._in_place:
                    memcpy(out, x, self._result * sizeof(float))
                out += self._result
        PyMem_RawFree(work)
        return 0


cdef void _change(Step* step, float* x, Py_ssize_t size, uint64_t* stream) noexcept nogil:
    """A step that leaves elements where they are, or moves them within the row."""
    cdef Py_ssize_t inner = size // step.parts
    cdef float factor
    if step.kind == AFFINE:
        _affine(x, step.parts, inner, step.first, step.second)
    elif step.kind == NORMAL:
        steep_add_noise(x, size, inner, step.first, _bits(stream), True)
    elif step.kind == UNIFORM:
        steep_add_noise(x, size, inner, step.first, _bits(stream), False)
    elif step.kind == GAIN:
        _gain(x, step.parts, inner, step.first, stream)
    elif step.kind == BRIGHTNESS or step.kind == CONTRAST:
        factor = <float>_between(stream, step.reals[0], step.reals[1])
        _spread(
            x, size, 0 if step.kind == BRIGHTNESS else _mean(x, size), factor,
            <float>step.reals[2], <float>step.reals[3],
        )
    elif step.kind == FLIP:
        _flip(x, step.whole[0], step.whole[1], step.whole[2])
    elif step.kind == ERASE:
        _erase(x, step.sizes[0], step.sizes[1], step.sizes[2], step.reals, stream)


cdef Py_ssize_t _move(Step* step, const float* x, float* out, uint64_t* stream) noexcept nogil:
    """A step that writes a row anew; returns its size."""
    cdef Py_ssize_t* whole = step.whole
    cdef Py_ssize_t top, left
    if step.kind == ROTATE:
        _rotate(
            x, step.sizes, out, _between(stream, step.reals[0], step.reals[1]), step.reals[2]
        )
        return step.sizes[0] * step.sizes[1] * step.sizes[2]
    top = _whole(stream, whole[2], whole[3])
    left = _whole(stream, whole[4], whole[5])
    _window(
        x, step.sizes, out, whole[0], whole[1], top, left, whole[6], <float>step.reals[0]
    )
    return step.sizes[0] * whole[0] * whole[1]


def key_of(seed, number, place):
    """A seed below another one: 32 bits that depend on the epoch's, the batch and the step."""
    cdef uint64_t key = _derive(_derive(<uint64_t>(seed & 0xFFFFFFFFFFFFFFFF), 1), number)
    return _derive(key, place) >> 32


ctypedef fused real:
    float
    double


cdef Py_ssize_t _first_bad(const real* x, Py_ssize_t size) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(size):
        if x[j] - x[j] != 0:  # nan for infinities too
            return j
    return -1


def first_bad_row(values):
    """The first row of a contiguous buffer of floats that holds a nan or an infinity, or -1.

    Raises:
        ValueError: if it is no such buffer.
    """
    cdef _View view = _View(values)
    cdef str code = view.code()
    cdef Py_ssize_t size, found
    if view.buf.ndim < 1 or code not in ("f", "d") or (view.buf.len > 0 and not (
        view.rows_contiguous()
        and (view.buf.shape[0] == 1 or view.buf.strides[0] == view.row_bytes())
    )):
        raise ValueError("first_bad_row: expected a contiguous buffer of floats")
    size = view.buf.len // view.buf.itemsize
    cdef bint single = code == "f"
    with nogil:
        if single:
            found = _first_bad(<const float*>view.buf.buf, size)
        else:
            found = _first_bad(<const double*>view.buf.buf, size)
    return found if found < 0 else found // (size // view.buf.shape[0])
