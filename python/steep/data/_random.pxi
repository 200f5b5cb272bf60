# Random numbers for one row at a time: a stream is one 64-bit state, which a hash of the epoch's
# seed, the batch, the row and the step begins. So a row's numbers depend on nothing else.

from libc.math cimport erfc, exp, fabs, log, sqrt
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

cdef uint64_t GOLDEN = 0x9E3779B97F4A7C15

# The ziggurat's layers (Marsaglia and Tsang, 2000; this form is Doornik's, 2005): 256 boxes of the
# same area under exp(-x * x / 2), the lowest one with the tail beyond EDGE. WIDTHS[i] is box i's
# right end, HEIGHTS[i] the curve there, STEPS[i] the width in units of 2 ** -23.
cdef double EDGE = 3.6541528853610088
cdef double[257] WIDTHS
cdef double[257] HEIGHTS
cdef double[256] STEPS


cdef void _fill_layers() noexcept:
    cdef double area = EDGE * exp(-0.5 * EDGE * EDGE) + sqrt(1.5707963267948966) * erfc(
        EDGE * sqrt(0.5)
    )
    cdef int i
    WIDTHS[0] = area * exp(0.5 * EDGE * EDGE)
    WIDTHS[1] = EDGE
    for i in range(2, 256):
        WIDTHS[i] = sqrt(
            -2 * log(area / WIDTHS[i - 1] + exp(-0.5 * WIDTHS[i - 1] * WIDTHS[i - 1]))
        )
    WIDTHS[256] = 0
    for i in range(257):
        HEIGHTS[i] = exp(-0.5 * WIDTHS[i] * WIDTHS[i])
    for i in range(256):
        STEPS[i] = WIDTHS[i] / 8388608.0


_fill_layers()


cdef inline uint64_t _scramble(uint64_t z) noexcept nogil:
    z = (z ^ (z >> 30)) * <uint64_t>0xBF58476D1CE4E5B9
    z = (z ^ (z >> 27)) * <uint64_t>0x94D049BB133111EB
    return z ^ (z >> 31)


cdef inline uint64_t _derive(uint64_t key, uint64_t number) noexcept nogil:
    """A key below another one."""
    return _scramble(key + (number + 1) * GOLDEN)


cdef inline uint64_t _bits(uint64_t* stream) noexcept nogil:
    """64 random bits: SplitMix64 (Steele, Lea and Flood, 2014)."""
    stream[0] += GOLDEN
    return _scramble(stream[0])


cdef inline double _uniform(uint64_t* stream) noexcept nogil:
    """In [0, 1)."""
    return (_bits(stream) >> 11) * (1.0 / 9007199254740992.0)


cdef inline double _between(uint64_t* stream, double low, double high) noexcept nogil:
    return low + (high - low) * _uniform(stream)


cdef inline Py_ssize_t _whole(uint64_t* stream, Py_ssize_t low, Py_ssize_t high) noexcept nogil:
    """A whole number from `low` to `high`, both included."""
    return low + <Py_ssize_t>(_uniform(stream) * <double>(high - low + 1))


cdef enum:
    WORDS = 128  # of 32 bits that are drawn at a time


cdef inline void _words(uint64_t* stream, uint32_t* out, Py_ssize_t count) noexcept nogil:
    """`count` words of random bits, or one more; at most WORDS."""
    cdef Py_ssize_t pairs = (count + 1) // 2, j
    cdef uint64_t bits
    for j in range(pairs):  # none waits for the one before
        bits = _scramble(stream[0] + <uint64_t>(j + 1) * GOLDEN)
        out[2 * j] = <uint32_t>bits
        out[2 * j + 1] = <uint32_t>(bits >> 32)
    stream[0] += <uint64_t>pairs * GOLDEN


cdef inline double _normal(uint32_t bits, uint64_t* stream) noexcept nogil:
    """Of mean 0 and variance 1, in steps of 2 ** -23 of a layer's width; more bits if need be."""
    cdef int layer = bits & 255
    cdef double x = (<int32_t>bits >> 8) * STEPS[layer]
    return x if fabs(x) < WIDTHS[layer + 1] else _outside(layer, x, stream)


cdef double _outside(int layer, double x, uint64_t* stream) noexcept nogil:
    """What becomes of a point beyond the box that lies wholly under the curve; 1 in 80 does."""
    cdef double beyond
    cdef uint32_t bits
    while True:
        if layer == 0:
            while True:
                beyond = -log(1 - _uniform(stream)) / EDGE
                if -2 * log(1 - _uniform(stream)) >= beyond * beyond:
                    return EDGE + beyond if x > 0 else -EDGE - beyond
        if (
            HEIGHTS[layer] + _uniform(stream) * (HEIGHTS[layer + 1] - HEIGHTS[layer])
            < exp(-0.5 * x * x)
        ):
            return x
        bits = <uint32_t>_bits(stream)
        layer = bits & 255
        x = (<int32_t>bits >> 8) * STEPS[layer]
        if fabs(x) < WIDTHS[layer + 1]:
            return x
