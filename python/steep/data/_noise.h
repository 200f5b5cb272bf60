/* Noise for one row, in plain loops that compilers turn into vector instructions.
 *
 * Words come from a hash of a 64-bit key and a counter, so that no one waits for the one before, and
 * everything after is float32 arithmetic that all instruction sets round alike: no call of the C
 * library, no fused operation. The same key gives the same bits everywhere.
 */

#ifndef STEEP_DATA_NOISE_H
#define STEEP_DATA_NOISE_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Compiled for AVX2 and AVX-512 too, where the system can choose when the module is loaded; that is
 * before a sanitizer is ready. */
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define STEEP_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define STEEP_CLONES
#endif

/* Into the functions that are compiled for each of these. */
#if defined(__GNUC__)
#define STEEP_INLINE static inline __attribute__((always_inline))
#else
#define STEEP_INLINE static inline
#endif

enum { STEEP_NOISE_BLOCK = 128 };

/* The last step of MurmurHash3 (Appleby, 2011), of a counter that begins at one half of the key and
 * goes on in steps of the other, which is odd.
 */
STEEP_INLINE uint32_t steep_word(uint32_t counter, uint32_t low, uint32_t step) {
    uint32_t x = counter * step + low;
    x = (x ^ (x >> 16)) * 0x85EBCA6Bu;
    x = (x ^ (x >> 13)) * 0xC2B2AE35u;
    return x ^ (x >> 16);
}

/* 24 bits and half a step more: in (0, 1), and 0.5 in the mean. */
STEEP_INLINE float steep_fraction(uint32_t word) {
    return ((float)(int32_t)(word >> 8) + 0.5f) * (1.0f / 16777216.0f);
}

/* The natural logarithm of a normal number above 0, with the polynomial of Cephes' logf. */
STEEP_INLINE float steep_log(float x) {
    int32_t bits, exponent;
    float m, z, p;
    memcpy(&bits, &x, sizeof bits);
    exponent = (bits - 0x3F3504F3) >> 23; /* m lies in [sqrt(1/2), sqrt(2)) */
    bits -= (int32_t)((uint32_t)exponent << 23);
    memcpy(&m, &bits, sizeof m);
    m -= 1.0f;
    z = m * m;
    p = 7.0376836292e-2f;
    p = p * m - 1.1514610310e-1f;
    p = p * m + 1.1676998740e-1f;
    p = p * m - 1.2420140846e-1f;
    p = p * m + 1.4249322787e-1f;
    p = p * m - 1.6668057665e-1f;
    p = p * m + 2.0000714765e-1f;
    p = p * m - 2.4999993993e-1f;
    p = p * m + 3.3333331174e-1f;
    return (m + (m * z * p - 0.5f * z)) + (float)exponent * 0.69314718f;
}

/* Two normally distributed numbers of two words: a radius and a direction (Box and Muller, 1958).
 *
 * The direction is one of four quarters and a place in it; sine and cosine within one are Cephes'
 * polynomials.
 */
STEEP_INLINE void steep_pair(uint32_t first, uint32_t second, float* one, float* other) {
    float radius = sqrtf(-2.0f * steep_log(steep_fraction(first)));
    float angle = (steep_fraction(second) - 0.5f) * 1.57079633f;
    float z = angle * angle;
    float sine = -1.9515295891e-4f, cosine = 2.443315711809948e-5f;
    uint32_t swap = (second & 1u) ? 0xFFFFFFFFu : 0u, s, c, a, b;
    sine = sine * z + 8.3321608736e-3f;
    sine = sine * z - 1.6666654611e-1f;
    sine = (sine * z * angle + angle) * radius;
    cosine = cosine * z - 1.388731625493765e-3f;
    cosine = cosine * z + 4.166664568298827e-2f;
    cosine = (cosine * z * z - 0.5f * z + 1.0f) * radius;
    memcpy(&s, &sine, sizeof s);
    memcpy(&c, &cosine, sizeof c);
    a = (c & ~swap) | (s & swap);
    b = (s & ~swap) | (c & swap);
    a ^= ((second ^ (second >> 1)) & 1u) << 31; /* the cosine is negative in quarters 1 and 2 */
    b ^= ((second >> 1) & 1u) << 31;            /* the sine in quarters 2 and 3 */
    memcpy(one, &a, sizeof a);
    memcpy(other, &b, sizeof b);
}

/* out[0:count] normally distributed; count is even and at most STEEP_NOISE_BLOCK. */
STEEP_INLINE void steep_draw_normal(uint64_t key, uint32_t counter, float* out, int count) {
    const uint32_t low = (uint32_t)key, step = (uint32_t)(key >> 32) | 1u;
    const int half = count / 2;
    int j;
    for (j = 0; j < half; ++j) {
        steep_pair(
            steep_word(counter + (uint32_t)j, low, step),
            steep_word(counter + (uint32_t)(half + j), low, step), out + j, out + half + j
        );
    }
}

/* out[0:count] distributed evenly in (-1, 1). */
STEEP_INLINE void steep_draw_uniform(uint64_t key, uint32_t counter, float* out, int count) {
    const uint32_t low = (uint32_t)key, step = (uint32_t)(key >> 32) | 1u;
    int j;
    for (j = 0; j < count; ++j) {
        out[j] = 2.0f * steep_fraction(steep_word(counter + (uint32_t)j, low, step)) - 1.0f;
    }
}

/* The same for a few, which needs no clones. */
static void steep_normal(uint64_t key, uint32_t counter, float* out, int count) {
    steep_draw_normal(key, counter, out, count);
}

/* x += noise * amount, with one amount for each of as many equal parts of the row. */
STEEP_CLONES static void steep_add_noise(
    float* x, ptrdiff_t size, ptrdiff_t inner, const float* amount, uint64_t key, int normal
) {
    float noise[STEEP_NOISE_BLOCK];
    ptrdiff_t start, j;
    for (start = 0; start < size; start += STEEP_NOISE_BLOCK) {
        const ptrdiff_t count = size - start < STEEP_NOISE_BLOCK ? size - start : STEEP_NOISE_BLOCK;
        if (normal) {
            steep_draw_normal(key, (uint32_t)start, noise, (int)(count + (count & 1)));
        } else {
            steep_draw_uniform(key, (uint32_t)start, noise, (int)count);
        }
        if (inner == 1) {
            for (j = 0; j < count; ++j) {
                x[start + j] += amount[start + j] * noise[j];
            }
        } else if (inner == size) {
            for (j = 0; j < count; ++j) {
                x[start + j] += amount[0] * noise[j];
            }
        } else {
            for (j = 0; j < count; ++j) {
                x[start + j] += amount[(start + j) / inner] * noise[j];
            }
        }
    }
}

#endif
