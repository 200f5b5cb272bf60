"""`steep.compile`: record a function's launches once, and replay them without Python or tape."""

from steep.compiler.function import CompiledFunction
from steep.compiler.module import CompiledModule, compile

__all__ = ["CompiledFunction", "CompiledModule", "compile"]
