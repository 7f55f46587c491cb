"""Constraints of a sweep: a small language of comparisons over the keys of a point.

A constraint is written as in Python and parsed by Python's grammar, but never evaluated by it: only
the node types below have a meaning here. There are no calls, no subscripts, no powers, and
arithmetic is on numbers alone, so that a stranger's space can neither run nor exhaust anything.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from npusim.errors import FormatError

MOST_CHARACTERS = 1000
MOST_DEPTH = 50
ARITHMETIC: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
COMPARISONS: dict[type, Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda member, of: member in of,
    ast.NotIn: lambda member, of: member not in of,
}


@dataclass(frozen=True, eq=False)
class Constraint:
    """A condition on a point; `where` begins its error messages."""

    text: str
    where: str
    tree: ast.expr

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Return whether the condition is true of a point with these values.

        Raises
        ------
        FormatError
            An operation does not apply to its operands, or the whole is no truth value.
        """
        result = self._value(self.tree, values)
        if not isinstance(result, bool):
            raise self._error(f"expected a comparison, found the value {result!r}")
        return result

    def _value(self, node: ast.expr, values: Mapping[str, Any]) -> Any:
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Name | ast.Attribute):
            return values[ast.unparse(node)]
        if isinstance(node, ast.List | ast.Tuple):
            return tuple(self._value(part, values) for part in node.elts)
        if isinstance(node, ast.BoolOp):
            parts = (self._truth(part, values) for part in node.values)
            return all(parts) if isinstance(node.op, ast.And) else any(parts)
        if isinstance(node, ast.UnaryOp):
            if isinstance(node.op, ast.Not):
                return not self._truth(node.operand, values)
            return -self._number(node.operand, values)
        if isinstance(node, ast.BinOp):
            left, right = self._number(node.left, values), self._number(node.right, values)
            if right == 0 and isinstance(node.op, ast.Div | ast.FloorDiv | ast.Mod):
                raise self._error(f"{ast.unparse(node)}: division by zero")
            try:
                return ARITHMETIC[type(node.op)](left, right)
            except OverflowError:
                raise self._error(f"{ast.unparse(node)}: the numbers are too large") from None
        assert isinstance(node, ast.Compare)
        return self._comparison(node, values)

    def _comparison(self, node: ast.Compare, values: Mapping[str, Any]) -> bool:
        left = self._value(node.left, values)
        for kind, part in zip(node.ops, node.comparators, strict=True):
            right = self._value(part, values)
            try:
                if not COMPARISONS[type(kind)](left, right):
                    return False
            except TypeError:
                raise self._error(
                    f"{ast.unparse(node)}: cannot compare {left!r} and {right!r}"
                ) from None
            left = right
        return True

    def _truth(self, node: ast.expr, values: Mapping[str, Any]) -> bool:
        value = self._value(node, values)
        if not isinstance(value, bool):
            raise self._error(f"{ast.unparse(node)}: expected a comparison, found {value!r}")
        return value

    def _number(self, node: ast.expr, values: Mapping[str, Any]) -> int | float:
        value = self._value(node, values)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._error(f"{ast.unparse(node)}: expected a number, found {value!r}")
        return value

    def _error(self, message: str) -> FormatError:
        return FormatError(f"{self.where}: {message}")


def parse_constraint(text: str, where: str, known: Collection[str]) -> Constraint:
    """Return the constraint in `text` over the keys `known`, such as `array.size` or `bits`.

    Raises
    ------
    FormatError
        The text is no expression, names an unknown key, or uses more than the language has.
    """
    where = f"{where} {text!r}"
    if len(text) > MOST_CHARACTERS:
        raise FormatError(f"{where[:80]}...: expected at most {MOST_CHARACTERS} characters")
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        raise FormatError(f"{where}: expected a condition, found {reason}") from None
    for node in _nodes(tree, where, 1):
        if isinstance(node, ast.Name | ast.Attribute) and ast.unparse(node) not in known:
            raise FormatError(
                f"{where}: unknown key {ast.unparse(node)}; known are {', '.join(known)}"
            )
    return Constraint(text, where, tree)


def _nodes(node: ast.expr, where: str, depth: int) -> Iterator[ast.expr]:
    """Yield the expressions of a tree, refusing those that have no meaning here."""
    if depth > MOST_DEPTH:
        raise FormatError(f"{where}: expected at most {MOST_DEPTH} levels")
    yield node
    parts: list[ast.expr] = []
    good = isinstance(node, ast.Name) or (
        isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    )
    if isinstance(node, ast.Constant):
        good = isinstance(node.value, int | float | str)
    elif isinstance(node, ast.List | ast.Tuple):
        good, parts = True, node.elts
    elif isinstance(node, ast.BoolOp):
        good, parts = True, node.values
    elif isinstance(node, ast.UnaryOp):
        good, parts = isinstance(node.op, ast.Not | ast.USub), [node.operand]
    elif isinstance(node, ast.BinOp):
        good, parts = type(node.op) in ARITHMETIC, [node.left, node.right]
    elif isinstance(node, ast.Compare):
        good = all(type(kind) in COMPARISONS for kind in node.ops)
        parts = [node.left, *node.comparators]
    if not good:
        raise FormatError(
            f"{where}: expected keys, numbers, text, + - * / // %, comparisons, in, "
            f"and, or, not; found {ast.unparse(node)}"
        )
    for part in parts:
        yield from _nodes(part, where, depth + 1)
