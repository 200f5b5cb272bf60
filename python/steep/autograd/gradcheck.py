"""The numeric checks of gradients, where PyTorch code imports them from."""

from steep._gradcheck import gradcheck, gradgradcheck

__all__ = ["gradcheck", "gradgradcheck"]
