// The keywords that PyTorch's makers of tensors share, as registry entries write them.
#pragma once

#define STEEP_OPTIONS                                                                            \
  "dtype: dtype | None = None, device: str | None = None, requires_grad: bool = False, layout: " \
  "layout | None = None, pin_memory: bool = False"
#define STEEP_FORMAT ", memory_format: memory_format | None = None"
