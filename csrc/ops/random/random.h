// Random tensors, in PyTorch's stream: the same seed gives the same values. Masks for dropout come
// from Philox.
#pragma once

#include "ops/elementwise/elementwise.h"
#include "ops/memory_format.h"
#include "tensor/generator.h"

namespace steep::ops {

// random.cpp: the generator that a draw takes, this thread's default for null; a recording keeps one
// of the user's.
Generator* drawn_from(Generator* generator);

// random.cpp: tensors
Tensor rand(const Dims& size, Generator* generator, std::optional<DType> dtype, bool requires_grad);
Tensor randn(const Dims& size, Generator* generator, std::optional<DType> dtype,
             bool requires_grad);
Tensor randint(int64_t low, int64_t high, const Dims& size, Generator* generator,
               std::optional<DType> dtype, bool requires_grad);
Tensor randperm(int64_t n, Generator* generator, std::optional<DType> dtype, bool requires_grad);
Tensor rand_like(const Tensor& x, Generator* generator, std::optional<DType> dtype,
                 bool requires_grad, const MemoryFormat& format);
Tensor randn_like(const Tensor& x, Generator* generator, std::optional<DType> dtype,
                  bool requires_grad, const MemoryFormat& format);
Tensor randint_like(const Tensor& x, int64_t low, int64_t high, Generator* generator,
                    std::optional<DType> dtype, bool requires_grad, const MemoryFormat& format);
Tensor bernoulli(const Tensor& p, Generator* generator);
Tensor normal(const TensorOrNumber& mean, const TensorOrNumber& std, Generator* generator);
Tensor normal_of_size(double mean, double std, const Dims& size, Generator* generator,
                      std::optional<DType> dtype, bool requires_grad);

// random.cpp: in place
Tensor uniform_(const Tensor& x, double from, double to, Generator* generator);
Tensor normal_(const Tensor& x, double mean, double std, Generator* generator);
Tensor exponential_(const Tensor& x, double lambd, Generator* generator);
Tensor cauchy_(const Tensor& x, double median, double sigma, Generator* generator);
Tensor log_normal_(const Tensor& x, double mean, double std, Generator* generator);
Tensor geometric_(const Tensor& x, double p, Generator* generator);
Tensor random_full_(const Tensor& x, Generator* generator);
Tensor random_(const Tensor& x, int64_t from, int64_t to, Generator* generator);
Tensor bernoulli_(const Tensor& x, const TensorOrNumber& p, Generator* generator);

// dropout.cpp
Tensor dropout(const Tensor& x, double p, bool training, bool inplace);
void check_probability(const char* op, double p);
// A float's numbers, each `value` with probability `keep`, else 0. Unrecorded.
Tensor noise(const Dims& shape, DType dtype, double keep, double value);

}  // namespace steep::ops
