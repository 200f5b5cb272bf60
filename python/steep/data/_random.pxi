# Random numbers for one row at a time: a stream is one 64-bit state, which a hash of the epoch's
# seed, the batch, the row and the step begins. So a row's numbers depend on nothing else.

from libc.stdint cimport uint64_t

cdef extern from "_noise.h":
    void steep_normal(uint64_t key, unsigned int counter, float* out, int count) noexcept nogil
    void steep_add_noise(
        float* x, Py_ssize_t size, Py_ssize_t inner, const float* amount, uint64_t key, bint normal,
    ) noexcept nogil

cdef uint64_t GOLDEN = 0x9E3779B97F4A7C15


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
