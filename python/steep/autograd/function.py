"""`Function` and what belongs to it, where PyTorch code imports them from."""

from steep.autograd import Function, FunctionCtx, once_differentiable

__all__ = ["Function", "FunctionCtx", "once_differentiable"]
