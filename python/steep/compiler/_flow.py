"""Where a value goes in a function, decided from its source.

A value *flows into the result* if nothing looks at it before the function returns: it is returned
alone, or in tuples, lists and dicts that are returned, possibly by way of variables. No code of the
user's, and no C code, may get at it on that way, since that would leave no trace.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

__all__ = ["ITSELF", "SCOPES", "Held", "Parents", "UsedError", "where_returned"]

SCOPES: tuple[type[ast.AST], ...] = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.Lambda,
    ast.ClassDef,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.GeneratorExp,
)
_ASSIGNMENTS = (ast.Assign, ast.AnnAssign)
# Methods of lists and dicts that take values without looking at them, by what they are given.
_FILLERS = {"append": ast.expr, "update": ast.Dict}

Parents = dict[ast.AST, ast.AST]
# Where in a value the one that is followed is: indices if it is a tuple, and None for the value
# itself or for a part that is not known.
Held = frozenset[int | None]
ITSELF: Held = frozenset({None})


class UsedError(Exception):
    """A value is used in another way than to be returned."""


def where_returned(
    node: ast.expr, held: Held, parents: Parents, is_builtin: Callable[[ast.expr], bool]
) -> Held:
    """Where the result of a function has what an expression in it has evaluated to.

    Args:
        node: the expression.
        held: where in its value that is which is followed.
        parents: of all nodes in the file.
        is_builtin: whether a name in the function means the builtin.

    Returns:
        Nothing if the value is dropped.

    Raises:
        UsedError: if it does not flow into the result alone.
    """
    flow = _Flow(parents, is_builtin)
    flow.follow(node, held)
    return frozenset(flow.returned)


class _Flow:
    """Follows one value through one function.

    Attributes:
        returned: where in the function's result it was found to be.
    """

    def __init__(self, parents: Parents, is_builtin: Callable[[ast.expr], bool]) -> None:
        self.returned: set[int | None] = set()
        self._parents = parents
        self._is_builtin = is_builtin
        self._followed: set[tuple[ast.AST, str, Held]] = set()  # variables

    def follow(self, node: ast.AST, held: Held) -> None:
        parent = self._parents[node]
        if isinstance(parent, ast.Return) or (
            isinstance(parent, ast.Lambda) and parent.body is node
        ):
            self.returned |= held
        elif isinstance(parent, ast.Expr):
            pass  # dropped
        elif isinstance(parent, ast.Tuple) and isinstance(parent.ctx, ast.Load):
            self.follow(parent, _place_in(parent, node))
        elif isinstance(parent, ast.IfExp) and node is not parent.test:
            self.follow(parent, held)
        elif _is_in_container(node, parent):
            self.follow(parent, ITSELF)
        elif isinstance(parent, ast.Starred) and isinstance(parent.ctx, ast.Load):
            self._unpacked(parent)
        elif isinstance(parent, ast.keyword):
            self._keyword(parent)
        elif isinstance(parent, ast.Call) and node in parent.args:
            self._filled(parent, node)
        elif isinstance(parent, _ASSIGNMENTS) and node is parent.value:
            self._assigned(parent, held)
        else:
            raise UsedError

    def _unpacked(self, starred: ast.Starred) -> None:
        """The items of a value, in the container that they are put into."""
        whole = self._parents[starred]
        if not isinstance(whole, ast.Tuple | ast.List):
            raise UsedError
        self.follow(whole, ITSELF)

    def _keyword(self, keyword: ast.keyword) -> None:
        """``dict(key=value)``, ``table.update(key=value)``."""
        call = self._parents[keyword]
        if not isinstance(call, ast.Call):
            raise UsedError
        if isinstance(call.func, ast.Name) and call.func.id == "dict" and not call.args:
            if not self._is_builtin(call.func):
                raise UsedError
            self.follow(call, ITSELF)
        else:
            self._filled(call, None)

    def _filled(self, call: ast.Call, given: ast.AST | None) -> None:
        """``losses.append(value)``, ``table.update({key: value})``; given is None for a keyword."""
        called = call.func
        if not isinstance(called, ast.Attribute) or not isinstance(called.value, ast.Name):
            raise UsedError
        takes = _FILLERS.get(called.attr)
        if not takes or not isinstance(self._parents[call], ast.Expr):
            raise UsedError
        if called.attr != "update" if given is None else not isinstance(given, takes):
            raise UsedError
        self._put_into(called.value)

    def _assigned(self, statement: ast.AST, held: Held) -> None:
        targets = getattr(statement, "targets", None) or [getattr(statement, "target", None)]
        target = targets[0]
        if len(targets) > 1:
            raise UsedError
        if isinstance(target, ast.Name):
            self._variable(target, held)
        elif isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
            self._put_into(target.value)
        elif isinstance(target, ast.Tuple):
            for name in _taken(target.elts, held):
                if not isinstance(name, ast.Name):
                    raise UsedError
                self._variable(name, ITSELF)
        else:
            raise UsedError

    # ---- variables ----------------------------------------------------------------------------

    def _put_into(self, name: ast.Name) -> None:
        """It becomes an item of the container in a variable, which the function must have made."""
        bindings = [*_bindings(name.id, self._function_of(name))]
        if not bindings or not all(map(self._makes_container, bindings)):
            raise UsedError
        self._variable(name, ITSELF)

    def _makes_container(self, binding: ast.AST) -> bool:
        """Whether what binds a variable sets it to a list or dict made there."""
        statement = self._parents[binding] if isinstance(binding, ast.Name) else None
        if isinstance(statement, ast.Assign) and statement.targets == [binding]:
            value: ast.expr | None = statement.value
        elif isinstance(statement, ast.AnnAssign) and statement.target is binding:
            value = statement.value
        else:
            return False
        if isinstance(value, ast.Call):
            called = value.func
            is_maker = isinstance(called, ast.Name) and called.id in ("dict", "list")
            return is_maker and self._is_builtin(called)
        return isinstance(value, ast.Dict | ast.List | ast.DictComp | ast.ListComp)

    def _variable(self, name: ast.Name, held: Held) -> None:
        """Follow all uses of a local variable."""
        scope = self._function_of(name)
        if (scope, name.id, held) in self._followed:
            return
        self._followed.add((scope, name.id, held))
        for node in ast.walk(scope):
            if isinstance(node, ast.Global | ast.Nonlocal) and name.id in node.names:
                raise UsedError
            if not isinstance(node, ast.Name) or node.id != name.id:
                continue
            if self._scope_of(node) is not scope:
                raise UsedError
            if isinstance(node.ctx, ast.Store) and not self._is_assigned(node):
                raise UsedError  # `v += 1` also reads it
            if isinstance(node.ctx, ast.Load) and not self._is_filled(node):
                self.follow(node, held)

    def _is_assigned(self, node: ast.AST) -> bool:
        parent = self._parents[node]
        if isinstance(parent, ast.Tuple):
            return self._is_assigned(parent)
        return isinstance(parent, _ASSIGNMENTS)

    def _is_filled(self, node: ast.Name) -> bool:
        """Whether a statement only puts something into the container in a variable."""
        parent = self._parents[node]
        if isinstance(parent, ast.Subscript):
            return (
                node is parent.value
                and isinstance(parent.ctx, ast.Store)
                and isinstance(self._parents[parent], _ASSIGNMENTS)
            )
        call = self._parents[parent]
        return (
            isinstance(parent, ast.Attribute)
            and parent.attr in _FILLERS
            and isinstance(call, ast.Call)
            and call.func is parent
            and isinstance(self._parents[call], ast.Expr)
        )

    def _function_of(self, name: ast.Name) -> ast.FunctionDef:
        scope = self._scope_of(name)
        if not isinstance(scope, ast.FunctionDef):
            raise UsedError
        return scope

    def _scope_of(self, node: ast.AST) -> ast.AST | None:
        while node in self._parents:
            node = self._parents[node]
            if isinstance(node, SCOPES):
                return node
        return None


def _is_in_container(node: ast.AST, parent: ast.AST) -> bool:
    """Whether a value becomes an item of a list or dict, which nothing looks at meanwhile."""
    if isinstance(parent, ast.List):
        return isinstance(parent.ctx, ast.Load)
    if isinstance(parent, ast.Dict):
        return node in parent.values
    if isinstance(parent, ast.ListComp):
        return node is parent.elt
    return isinstance(parent, ast.DictComp) and node is parent.value


def _place_in(whole: ast.Tuple, node: ast.AST) -> Held:
    """Where an element of a tuple is in its value."""
    place = next(i for i, element in enumerate(whole.elts) if element is node)
    is_moved = any(isinstance(element, ast.Starred) for element in whole.elts[:place])
    return ITSELF if is_moved else frozenset({place})


def _taken(targets: list[ast.expr], held: Held) -> list[ast.expr]:
    """Those of the targets that a value is unpacked to which get what is followed."""
    if any(isinstance(target, ast.Starred) for target in targets):
        return targets
    indices = [place for place in held if place is not None]
    if len(indices) < len(held) or max(indices, default=0) >= len(targets):
        return targets
    return [targets[place] for place in indices]


def _bindings(name: str, scope: ast.FunctionDef) -> Iterator[ast.AST]:
    """What may bind a variable of a function, including those of the same name further inside."""
    for node in ast.walk(scope):
        if isinstance(node, ast.Name):
            binds = node.id == name and isinstance(node.ctx, ast.Store)
        elif isinstance(node, ast.arg):
            binds = node.arg == name
        else:
            binds = node is not scope and name in (getattr(node, x, None) for x in _BINDING)
        if binds:
            yield node


_BINDING = ("name", "asname", "rest")  # of imports, handlers, patterns, functions and classes
