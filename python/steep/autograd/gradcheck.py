"""The numeric checks of gradients, where PyTorch code imports them from."""

from steep._gradcheck import GradcheckError, gradcheck, gradgradcheck

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]
