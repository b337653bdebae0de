"""Small faults put into Python source, one at a time: what a slip of its author could have been."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Fault = tuple[str, Callable[[], None]]
"""What is changed, in words, and the change of the node itself."""

_COMPARE: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_OPERATOR: dict[type[Any], type[Any]] = {
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
_NAMES = {
    "is_": "is_not",
    "is_not": "is_",
    "in_": "not_in",
    "or_": "and_",
    "and_": "or_",
    "min": "max",
    "max": "min",
    "any": "all",
    "all": "any",
    "PENDING": "SENDING",
    "SENDING": "PENDING",
    "APPLIED": "ABSTAINED",
    "ABSTAINED": "APPLIED",
    "SKIPPED": "QUARANTINED",
    "QUARANTINED": "SKIPPED",
    "ABSTAIN": "APPLY",
    "SKIP": "APPLY",
}
"""Names that are taken for one another."""

_VARIADIC = {"where", "order_by", "or_", "and_", "select", "coalesce"}
"""Calls of which one argument may be forgotten without an error."""

_ALIKE = {"where", "or_", "and_"}
"""Calls whose arguments may stand in any order."""

_SYMBOLS = {ast.And: "and", ast.Or: "or", ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.FloorDiv: "//"} | {
    ast.BitAnd: "&",
    ast.BitOr: "|",
}


@dataclass(frozen=True, slots=True)
class Mutant:
    """One fault: its line in the source, in words, and the whole source with it."""

    line: int
    what: str
    source: str


def mutants(source: str, functions: frozenset[str] = frozenset()) -> Iterator[Mutant]:
    """Every fault, in the order of the lines; with `functions` only those inside these."""
    found = []
    for place, node in enumerate(_nodes(ast.parse(source), functions)):
        for number, (what, _) in enumerate(_faults(node)):
            tree = ast.parse(source)
            changed = list(_nodes(tree, functions))[place]
            list(_faults(changed))[number][1]()
            text = ast.unparse(ast.fix_missing_locations(tree))
            found.append(Mutant(getattr(node, "lineno", 1), what, text))
    return iter(sorted(found, key=lambda mutant: mutant.line))


def _nodes(tree: ast.AST, functions: frozenset[str]) -> Iterator[ast.AST]:
    """All that runs: no annotations, no imports."""
    if not functions:
        yield from _running(tree)
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name in functions:
            yield from _running(node)


def _running(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns") or isinstance(node, (ast.Import, ast.ImportFrom)):
            continue
        if name == "keys":  # a wrong key is no subtle slip
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not _is_text(child) and not _is_type(child):
                yield from _running(child)


def _is_text(node: ast.AST) -> bool:
    """A string that stands alone: it documents."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_type(node: ast.AST) -> bool:
    return isinstance(node, ast.Subscript) and getattr(node.value, "id", "") in ("Callable", "Row")


def _faults(node: ast.AST) -> Iterator[Fault]:
    for form in (_operators, _values, _branches, _calls, _parts, _statements):
        yield from form(node)


def _set(node: ast.AST, name: str, value: Any) -> Callable[[], None]:
    return lambda: setattr(node, name, value)


def _put(items: list[Any], place: int, *values: Any) -> Callable[[], None]:
    def change() -> None:
        items[place : place + 1] = values

    return change


def _operators(node: ast.AST) -> Iterator[Fault]:
    if isinstance(node, ast.Compare):
        for place, operator in enumerate(node.ops):
            for other in _COMPARE[type(operator)]:
                yield f"{type(operator).__name__} becomes {other.__name__}", _put(node.ops, place, other())
    if isinstance(node, (ast.BoolOp, ast.BinOp, ast.AugAssign)) and type(node.op) in _OPERATOR:
        other = _OPERATOR[type(node.op)]
        yield f"{_SYMBOLS[type(node.op)]} becomes {_SYMBOLS[other]}", _set(node, "op", other())
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "not is left out", _set(node, "operand", ast.UnaryOp(ast.Not(), node.operand))


def _values(node: ast.AST) -> Iterator[Fault]:
    if isinstance(node, ast.Constant):
        value = node.value
        if isinstance(value, bool):
            yield f"{value} becomes {not value}", _set(node, "value", not value)
        elif isinstance(value, int):
            yield f"{value} becomes {value + 1}", _set(node, "value", value + 1)
        elif isinstance(value, str):
            yield f"{value!r} becomes another text", _set(node, "value", f"XX{value}")
    if isinstance(node, ast.Return) and not (node.value is None or _is_none(node.value)):
        yield "returns None", _set(node, "value", ast.Constant(None))


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _branches(node: ast.AST) -> Iterator[Fault]:
    if isinstance(node, (ast.If, ast.IfExp)):
        for value in (True, False):
            yield f"the condition is always {value}", _set(node, "test", ast.Constant(value))
    if isinstance(node, ast.comprehension):
        for place, condition in enumerate(node.ifs):
            yield f"without the condition {ast.unparse(condition)}", _put(node.ifs, place)


def _calls(node: ast.AST) -> Iterator[Fault]:
    if isinstance(node, (ast.Name, ast.Attribute)):
        field = "id" if isinstance(node, ast.Name) else "attr"
        name = getattr(node, field)
        if name in _NAMES and isinstance(node.ctx, ast.Load):
            yield f"{name} becomes {_NAMES[name]}", _set(node, field, _NAMES[name])
    if isinstance(node, ast.Call):
        for place in range(0 if _called(node) in _ALIKE else len(node.args) - 1):
            pair = node.args[place + 1], node.args[place]
            if not any(isinstance(argument, ast.Name) and argument.id == "connection" for argument in pair):
                yield f"arguments {place + 1} and {place + 2} change places", _swap(node.args, place, pair)
        for place, keyword in enumerate(node.keywords):
            yield f"without {ast.unparse(keyword)}", _put(node.keywords, place)
        if _called(node) in _VARIADIC and len(node.args) > 1:
            for place, argument in enumerate(node.args):
                yield f"without {ast.unparse(argument)}", _put(node.args, place)


def _swap(items: list[Any], place: int, pair: tuple[Any, Any]) -> Callable[[], None]:
    def change() -> None:
        items[place : place + 2] = pair

    return change


def _called(call: ast.Call) -> str:
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


def _parts(node: ast.AST) -> Iterator[Fault]:
    if isinstance(node, (ast.Tuple, ast.List)) and isinstance(node.ctx, ast.Load):
        for place, part in enumerate(node.elts):
            yield f"without {ast.unparse(part)}", _put(node.elts, place)
    if isinstance(node, ast.Dict):
        for place, (key, value) in enumerate(zip(node.keys, node.values, strict=True)):
            yield f"without {ast.unparse(key or value)}", _without(node, place)


def _without(node: ast.Dict, place: int) -> Callable[[], None]:
    def change() -> None:
        del node.keys[place], node.values[place]

    return change


def _statements(node: ast.AST) -> Iterator[Fault]:
    """Calls, raises, assignments in place and jumps left out; a missing name would be no subtle slip."""
    for name in ("body", "orelse", "finalbody"):
        body = getattr(node, name, None)
        for place, statement in enumerate(body if isinstance(body, list) else ()):
            if _can_go(statement):
                words = ast.unparse(statement).split("\n")[0]
                yield f"without the line: {words[:60]}", _put(body, place, ast.Pass())


def _can_go(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Assign):
        return any(isinstance(target, (ast.Attribute, ast.Subscript)) for target in statement.targets)
    leaves = isinstance(statement, (ast.Expr, ast.Raise, ast.AugAssign, ast.Break, ast.Continue, ast.Delete))
    return leaves and not _is_text(statement) and not isinstance(getattr(statement, "value", None), ast.Yield)
