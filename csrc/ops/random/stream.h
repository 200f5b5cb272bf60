// The distributions over a generator's stream, with the draws of PyTorch's CPU kernels in their
// order.
//
// Values are equal bit for bit to those of torch 2.13 on a CPU with AVX2, but for double's normal()
// and exponential(): there torch asks the C library for logarithm, cosine and sine, and steep,
// whose bits are the same on every CPU, lies within 2 ULP of that.
#pragma once

#include "tensor/generator.h"

namespace steep::ops::stream {

// Every fill writes out[0..n), contiguous, and draws as the torch function named beside it. The
// templates are instantiated for float, double, int64_t, int32_t, uint8_t and bool.

// Tensor.uniform_: [from, to).
void uniform(Generator& generator, float* out, int64_t n, double from, double to);
void uniform(Generator& generator, double* out, int64_t n, double from, double to);

// Tensor.normal_.
void normal(Generator& generator, float* out, int64_t n, double mean, double std);
void normal(Generator& generator, double* out, int64_t n, double mean, double std);

// Tensor.exponential_.
void exponential(Generator& generator, float* out, int64_t n, double lambda);
void exponential(Generator& generator, double* out, int64_t n, double lambda);

// Tensor.cauchy_ and Tensor.log_normal_, in double for both types.
template <typename T>
void cauchy(Generator& generator, T* out, int64_t n, double median, double sigma);
template <typename T>
void log_normal(Generator& generator, T* out, int64_t n, double mean, double std);

// Tensor.geometric_: the number of trials up to the first success.
template <typename T>
void geometric(Generator& generator, T* out, int64_t n, double p);

// Single numbers, for whoever holds the generator's mutex(): of [0, 1), and normal ones.
double next_uniform(Generator& generator);
double next_normal(Generator& generator);

// Tensor.random_(low, high): whole numbers in [low, high), which must not be empty.
template <typename T>
void random_ints(Generator& generator, T* out, int64_t n, int64_t low, int64_t high);

// Tensor.random_(): an integer type's values from 0 up; 0 to 2^24 for float, to 2^53 for double.
template <typename T>
void random_full(Generator& generator, T* out, int64_t n);

// Tensor.bernoulli_(p) with a number p.
template <typename T>
void bernoulli(Generator& generator, T* out, int64_t n, double p);

// torch.bernoulli(p) with a tensor of probabilities of the output's type: float and double alone.
void bernoulli(Generator& generator, float* out, const float* p, int64_t n);
void bernoulli(Generator& generator, double* out, const double* p, int64_t n);

// torch.randperm: a permutation of 0..n-1.
void randperm(Generator& generator, int64_t* out, int64_t n);

}  // namespace steep::ops::stream
