# What the steps do to one row of float32. Rows are (planes, height, width), series (planes, 1,
# length), columns (1, 1, columns).

from libc.math cimport cos, exp, floor, log, sin, sqrt
from libc.stdint cimport uint64_t
from libc.string cimport memcpy

cdef enum:
    CONSTANT, EDGE_VALUE, WRAP, REFLECT


cdef void _affine(
    float* x, Py_ssize_t parts, Py_ssize_t inner, const float* shift, const float* scale,
) noexcept nogil:
    """``x = (x - shift) * scale``, with one shift and scale for each part of the row."""
    cdef Py_ssize_t k, j
    if inner == 1:
        for k in range(parts):
            x[k] = (x[k] - shift[k]) * scale[k]
        return
    for k in range(parts):
        for j in range(inner):
            x[j] = (x[j] - shift[k]) * scale[k]
        x += inner


cdef void _gain(
    float* x, Py_ssize_t parts, Py_ssize_t inner, const float* std, uint64_t* stream,
) noexcept nogil:
    """Each part of the row times its own factor, normally distributed around 1."""
    cdef uint64_t key = _bits(stream)
    cdef Py_ssize_t k, j
    cdef float factor
    cdef float[2] drawn
    for k in range(parts):
        steep_normal(key, 2 * <unsigned int>k, drawn, 2)
        factor = 1 + std[k] * drawn[0]
        for j in range(inner):
            x[j] *= factor
        x += inner


cdef void _spread(
    float* x, Py_ssize_t size, float centre, float factor, float low, float high,
) noexcept nogil:
    """``x = centre + (x - centre) * factor``, cut off at `low` and `high`."""
    cdef Py_ssize_t j
    cdef float value
    for j in range(size):
        value = centre + (x[j] - centre) * factor
        value = low if value < low else value  # nan stays nan
        x[j] = high if value > high else value


cdef float _mean(const float* x, Py_ssize_t size) noexcept nogil:
    cdef double total = 0
    cdef Py_ssize_t j
    for j in range(size):
        total += x[j]
    return <float>(total / size) if size else 0


cdef void _flip(float* x, Py_ssize_t outer, Py_ssize_t size, Py_ssize_t inner) noexcept nogil:
    """Reverse the middle one of three axes."""
    cdef Py_ssize_t i, k, j
    cdef float* front
    cdef float* back
    cdef float kept
    for i in range(outer):
        for k in range(size // 2):
            front = x + k * inner
            back = x + (size - 1 - k) * inner
            for j in range(inner):
                kept = front[j]
                front[j] = back[j]
                back[j] = kept
        x += size * inner


cdef void _erase(
    float* x, Py_ssize_t planes, Py_ssize_t height, Py_ssize_t width, const double* reals,
    uint64_t* stream,
) noexcept nogil:
    """Fill a box: its share of the area lies in reals[0:2], the logarithm of its height to its
    width in reals[2:4]. After ten boxes that are too large, none is (Zhong et al., 2020)."""
    cdef double area, ratio
    cdef Py_ssize_t h, w, top, left, plane, y, j
    for _ in range(10):
        area = _between(stream, reals[0], reals[1]) * height * width
        ratio = exp(_between(stream, reals[2], reals[3]))
        h = <Py_ssize_t>floor(sqrt(area * ratio) + 0.5)
        w = <Py_ssize_t>floor(sqrt(area / ratio) + 0.5)
        if h < 1 or w < 1 or h > height or w > width:
            continue
        top = _whole(stream, 0, height - h)
        left = _whole(stream, 0, width - w)
        for plane in range(planes):
            for y in range(top, top + h):
                for j in range(left, left + w):
                    x[(plane * height + y) * width + j] = <float>reals[4]
        return


cdef inline Py_ssize_t _within(Py_ssize_t i, Py_ssize_t size, Py_ssize_t mode) noexcept nogil:
    """The place in [0, size) that stands for `i`; -1 where the fill value does."""
    cdef Py_ssize_t period
    if 0 <= i < size:
        return i
    if mode == CONSTANT:
        return -1
    if mode == EDGE_VALUE or size == 1:
        return 0 if i < 0 else size - 1
    period = size if mode == WRAP else 2 * (size - 1)
    i %= period
    if i < 0:  # as C has it
        i += period
    return i if i < size else period - i


cdef void _window(
    const float* x, const Py_ssize_t* sizes, float* out, Py_ssize_t height, Py_ssize_t width,
    Py_ssize_t top, Py_ssize_t left, Py_ssize_t mode, float fill,
) noexcept nogil:
    """``out[:, i, j] = x[:, top + i, left + j]``, and what `mode` says beyond the edges."""
    cdef Py_ssize_t first = min(max(0, -left), width)
    cdef Py_ssize_t last = max(first, min(width, sizes[2] - left))
    cdef Py_ssize_t plane, i, j, at
    cdef const float* row
    for plane in range(sizes[0]):
        for i in range(height):
            at = _within(top + i, sizes[1], mode)
            if at < 0:
                for j in range(width):
                    out[j] = fill
            else:
                row = x + (plane * sizes[1] + at) * sizes[2]
                if last > first:
                    memcpy(out + first, row + left + first, (last - first) * sizeof(float))
                for j in range(first):
                    at = _within(left + j, sizes[2], mode)
                    out[j] = row[at] if at >= 0 else fill
                for j in range(last, width):
                    at = _within(left + j, sizes[2], mode)
                    out[j] = row[at] if at >= 0 else fill
            out += width


cdef inline double _pixel(
    const float* x, Py_ssize_t height, Py_ssize_t width, Py_ssize_t y, Py_ssize_t j, double fill,
) noexcept nogil:
    return x[y * width + j] if 0 <= y < height and 0 <= j < width else fill


cdef void _rotate(
    const float* x, const Py_ssize_t* sizes, float* out, double angle, double fill,
) noexcept nogil:
    """Turn counter-clockwise about the centre; values between pixels are bilinear."""
    cdef Py_ssize_t height = sizes[1], width = sizes[2], plane, i, j, y, at
    cdef double cy = 0.5 * (height - 1), cx = 0.5 * (width - 1)
    cdef double c = cos(angle), s = sin(angle), sy, sx, dy, dx, upper, lower
    for plane in range(sizes[0]):
        for i in range(height):
            for j in range(width):
                sx = c * (j - cx) - s * (i - cy) + cx
                sy = s * (j - cx) + c * (i - cy) + cy
                y = <Py_ssize_t>floor(sy)
                at = <Py_ssize_t>floor(sx)
                dy = sy - y
                dx = sx - at
                upper = (1 - dx) * _pixel(x, height, width, y, at, fill)
                upper += dx * _pixel(x, height, width, y, at + 1, fill)
                lower = (1 - dx) * _pixel(x, height, width, y + 1, at, fill)
                lower += dx * _pixel(x, height, width, y + 1, at + 1, fill)
                out[j] = <float>((1 - dy) * upper + dy * lower)
            out += width
        x += height * width
