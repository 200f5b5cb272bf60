"""Module, where PyTorch code imports it from, and hooks of all modules."""

from steep.nn._global_hooks import (
    register_module_backward_hook as register_module_backward_hook,
)
from steep.nn._global_hooks import (
    register_module_buffer_registration_hook as register_module_buffer_registration_hook,
)
from steep.nn._global_hooks import register_module_forward_hook as register_module_forward_hook
from steep.nn._global_hooks import (
    register_module_forward_pre_hook as register_module_forward_pre_hook,
)
from steep.nn._global_hooks import (
    register_module_full_backward_hook as register_module_full_backward_hook,
)
from steep.nn._global_hooks import (
    register_module_full_backward_pre_hook as register_module_full_backward_pre_hook,
)
from steep.nn._global_hooks import (
    register_module_module_registration_hook as register_module_module_registration_hook,
)
from steep.nn._global_hooks import (
    register_module_parameter_registration_hook as register_module_parameter_registration_hook,
)
from steep.nn._hook_tables import RemovableHandle as RemovableHandle
from steep.nn._loading import IncompatibleKeys as _IncompatibleKeys  # noqa: F401
from steep.nn.module import *
from steep.nn.module import __all__ as __all__
