"""The source of running code, if it can be found and has not changed since."""

from __future__ import annotations

import ast
import linecache
import types
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from steep.compiler._code import codes_in

__all__ = ["tree_of"]


def tree_of(code: types.CodeType, variables: Mapping[str, Any]) -> ast.Module | None:
    """The syntax tree of the file that code comes from, checked to compile to the same code.

    None if there is no file, or it has been changed since.

    Args:
        code: of a function, with its constants and positions.
        variables: the global ones of that function, through which a loader can be found.
    """
    source = "".join(linecache.getlines(code.co_filename, dict(variables)))
    tree, codes = _parsed(source, code.co_filename)
    found = codes.get((code.co_name, code.co_firstlineno), ())
    return tree if any(_meaning(x) == _meaning(code) for x in found) else None


def _meaning(code: types.CodeType) -> Any:
    """What determines the meaning of code, without compiler flags such as those of __future__."""
    constants = [_meaning(x) if isinstance(x, types.CodeType) else repr(x) for x in code.co_consts]
    names = code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars
    return code.co_code, names, constants


_Codes = dict[tuple[str, int], list[types.CodeType]]


@lru_cache(maxsize=16)
def _parsed(source: str, filename: str) -> tuple[ast.Module, _Codes]:
    """A file's tree, and all code objects that it compiles to, by name and first line."""
    codes: _Codes = {}
    try:
        tree = ast.parse(source)
        whole = compile(source, filename, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError):
        return ast.Module([], []), codes
    for code in codes_in(whole):
        codes.setdefault((code.co_name, code.co_firstlineno), []).append(code)
    return tree, codes
