"""From a document's ops to typed ops: defaults filled, a cell's values put in, cells replaced by their copies."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from nas.architecture import fields as f
from nas.architecture.fields import readers
from nas.architecture.ops import OPS, Aux, Branches, Cell, Chain, Graph, Op, Residual, Steps
from nas.errors import InputError, need_one_of, refuse_unknown, unknown
from nas.space.conditions import is_open
from nas.space.references import scaled

MAX_OPS = 20_000
MAX_LEVELS = 64


@dataclass
class Count:
    """What has been read so far: how many ops, copies and all, and which cells."""

    ops: int = 0
    cells: set[str] = field(default_factory=set)

    def add(self, ops: int, place: str) -> None:
        self.ops += ops
        if self.ops > MAX_OPS:
            raise InputError(f"{place}: the network has more than {MAX_OPS} ops")


@dataclass(frozen=True)
class Scope:
    """What an op's reading depends on besides itself."""

    cells: Mapping[str, Any]
    defaults: Mapping[str, Mapping[str, Any]]
    multipliers: tuple[Mapping[str, Any], ...] = ()
    """Scalings of widths: of the innermost cell first, of the document last."""
    values: Mapping[str, Any] = field(default_factory=dict)
    inside: tuple[str, ...] = ()
    level: int = 0
    """How many ops are around; 0 in the network's own chain."""
    count: Count = field(default_factory=Count)

    def within(self) -> "Scope":
        """The scope of the ops inside an op."""
        return replace(self, level=self.level + 1)

    def of_cell(self, cell: str, use: Mapping[str, Any], place: str) -> "Scope":
        """The scope of the ops in a cell, of which `use` is an op at `place`; but for its values."""
        multipliers = (*f.multipliers(use, place), *self.multipliers)
        return replace(self, level=self.level + 1, inside=(*self.inside, cell), multipliers=multipliers)


def read_chain(document: Any, place: str, scope: Scope) -> Steps:
    """The ops of a chain: a list of ops, or one op."""
    match document:
        case dict() if is_open(document):
            raise InputError(f"{place}: still has a hole ({document!r:.60}); sample the space first")
        case dict():
            return (read_op(document, place, scope),)
        case list():
            steps: list[Op] = []
            names: set[str] = set()
            for index, item in enumerate(document):
                op = read_op(item, f"{place}.{index}", scope)
                if op.name in names:
                    raise InputError(f"{place}.{index}.name: {op.name!r} stands twice in one chain")
                if isinstance(op, Aux):
                    _check_tap(op, steps, f"{place}.{index}")
                    if op.weight == 0:  # a head without weight is absent, as an op without width is
                        continue
                steps.append(op)
                names |= {op.name} if op.name else set()
            return tuple(steps)
        case _:
            raise InputError(f"{place}: a chain is a list of ops, or one op {{op: ..., ...}}; got {document!r:.60}")


def _check_tap(head: Aux, before: Sequence[Op], place: str) -> None:
    """An aux head reads an op of the network before it, not another head."""
    taps = [op for op in before if not isinstance(op, Aux)]
    if not taps:
        raise InputError(f"{place}: no op stands before this aux head that it could read")
    if head.of is not None and all(head.of != op.name for op in taps):
        raise unknown(f"{place}.of", "earlier op called", head.of, [op.name for op in taps if op.name])


def read_op(document: Any, place: str, scope: Scope) -> Op:
    """One op. Raises `InputError` for an unknown op or field, a missing field, or a value that does not fit it."""
    scope.count.add(1, place)
    if scope.level > MAX_LEVELS:
        raise InputError(f"{place}: ops within ops more than {MAX_LEVELS} levels deep")
    if not isinstance(document, dict) or "op" not in document:
        raise InputError(f"{place}: expected an op, {{op: ..., ...}}; got {document!r:.60}")
    kind = document["op"]
    need_one_of(f"{place}.op", "op", kind, OPS)
    given = {key: with_values(value, f"{place}.{key}", scope) for key, value in document.items() if key != "op"}
    name = given.pop("name", None)
    if name is not None:
        f.name(name, f"{place}.name")
    op = OPS[kind]
    structure = _STRUCTURE.get(op, {})
    read = readers(op)
    for key in given:
        if key not in read and key not in structure:
            raise unknown(f"{place}.{key}", f"field of {kind} called", key, ["name", *sorted({*read, *structure})])
    options: dict[str, Any] = {}
    defaults = scope.defaults.get(kind, {})
    for key, reader in read.items():
        if key in given:
            if is_open(given[key]):
                raise InputError(f"{place}.{key}: still has a hole ({given[key]!r:.60}); sample the space first")
            options[key] = reader(given[key], f"{place}.{key}")
        elif key in defaults:
            options[key] = reader(defaults[key], f"defaults.{kind}.{key}")
    for key in op.scaled:
        if isinstance(options.get(key), int) and options[key] > 0:
            for multiplier in scope.multipliers:
                options[key] = f.integer(1)(scaled(options[key], **multiplier), f"{place}.{key}, multiplied")
    missing = [key for key in read if key not in options and key not in f.defaults(op)]
    if missing:
        raise InputError(f"{place}: {kind} needs {' and '.join(missing)}")
    if op is Cell:
        return _read_cell(given, name, place, scope)
    if op is Aux and scope.level > 0:
        raise InputError(f"{place}: an aux head stands in the network's own chain, not inside another op")
    inner = scope.within()
    for key, read_part in structure.items():
        if key in given:
            options[key] = read_part(given[key], f"{place}.{key}", inner)
        elif key not in _OPTIONAL_STRUCTURE:
            raise InputError(f"{place}: {kind} needs {key}")
    return op(name=name, **options)


def with_values(node: Any, place: str, scope: Scope) -> Any:
    """`$word` replaced by the value that the enclosing cell was given under that word."""
    match node:
        case str() if node.startswith("$"):
            if node[1:] not in scope.values:
                where = f"cell {scope.inside[-1]!r} was given" if scope.inside else "outside of cells there are"
                raise unknown(place, "value", node[1:], scope.values or [f"none ({where} none)"])
            return scope.values[node[1:]]
        case dict() if "op" not in node:
            return {key: with_values(value, place, scope) for key, value in node.items()}
        case [dict(), *_]:  # a chain: its ops are read with the same scope
            return node
        case list():
            return [with_values(value, place, scope) for value in node]
        case _:
            return node


def _read_branches(document: Any, place: str, scope: Scope) -> tuple[tuple[str, Steps], ...]:
    if not isinstance(document, dict):
        raise InputError(f"{place}: branches are a mapping of names to chains; got {document!r:.60}")
    if is_open(document):
        raise InputError(f"{place}: still has a hole; sample the space first")
    branches = _named_chains(document, place, scope)
    if not branches:
        raise InputError(f"{place}: at least one branch must be present; all of {list(document)} are null")
    return branches


def _named_chains(document: Mapping[str, Any], place: str, scope: Scope) -> tuple[tuple[str, Steps], ...]:
    """Chains by their names, those that are null left out."""
    return tuple(
        (f.name(name, f"{place}.{name}"), read_chain(chain, f"{place}.{name}", scope))
        for name, chain in document.items()
        if chain is not None
    )


def _read_nodes(document: Any, place: str, scope: Scope) -> tuple[tuple[str, tuple[tuple[str, Steps], ...]], ...]:
    if not isinstance(document, dict) or is_open(document) or not document:
        raise InputError(f"{place}: nodes are a mapping of names to what they sum up; got {document!r:.60}")
    nodes: list[tuple[str, tuple[tuple[str, Steps], ...]]] = []
    for name, chains in document.items():
        here = f"{place}.{name}"
        if f.name(name, here) == "in":
            raise InputError(f"{here}: `in` is what comes into the graph; call the node otherwise")
        for source in f.mapping(chains, here):
            need_one_of(f"{here}.{source}", "earlier node called", source, ["in", *(earlier for earlier, _ in nodes)])
        nodes.append((name, _named_chains(chains, here, scope)))
    return tuple(nodes)


def _read_of(value: Any, place: str, scope: Scope) -> str | None:
    return None if value is None else f.name(value, place)


def _read_cell(given: Mapping[str, Any], name: str | None, place: str, scope: Scope) -> Op:
    if "cell" not in given:
        raise InputError(f"{place}: cell needs the name of a cell; there are {', '.join(scope.cells) or 'none'}")
    cell = given["cell"]
    need_one_of(f"{place}.cell", "cell", cell, scope.cells)
    if cell in scope.inside:
        raise InputError(f"{place}.cell: cell {cell!r} holds itself: {' → '.join((*scope.inside, cell))}")
    depth = f.integer(0, MAX_OPS)(given.get("depth", 1), f"{place}.depth")
    scope.count.add(depth, place)  # an empty copy counts too
    values = f.mapping(given.get("values", {}), f"{place}.values")
    each = f.mapping(given.get("each", {}), f"{place}.each")
    for key, per_copy in each.items():
        if not isinstance(per_copy, list) or len(per_copy) != depth:
            raise InputError(f"{place}.each.{key}: expected a list of {depth} values, one a copy; got {per_copy!r:.60}")
    content, default_values = with_default_values(scope.cells[cell], f"cells.{cell}")
    if default_values:
        known = sorted({*default_values, *words(content)})
        refuse_unknown(place, f"value of cell {cell!r} called", (*values, *each), known)
    inner = scope.of_cell(cell, given, place)

    def copy(index: int) -> Steps:
        scope.count.cells.add(cell)
        here = {**default_values, **values, **{key: per_copy[index] for key, per_copy in each.items()}}
        return _read_copy(content, f"cells.{cell}", replace(inner, values=here))

    if each or not depth:
        return Cell(name=name, cell=cell, copies=tuple(copy(index) for index in range(depth)))
    before = scope.count.ops
    copies = (copy(0),) * depth
    scope.count.add((scope.count.ops - before) * (depth - 1), place)
    return Cell(name=name, cell=cell, copies=copies)


def _read_copy(content: Any, place: str, scope: Scope) -> Steps:
    """A cell's ops with its values put in; what uses no other cells is read once."""
    read = (content, place, scope.defaults, scope.multipliers, scope.values, scope.inside, scope.level)
    text = json.dumps(read)
    if '"op": "cell"' in text:
        return read_chain(content, place, scope)
    steps, ops = _read_alone(text)
    scope.count.add(ops, place)
    return steps


@lru_cache(maxsize=4096)
def _read_alone(text: str) -> tuple[Steps, int]:
    """The ops of a cell, and how many they are."""
    content, place, defaults, multipliers, values, inside, level = json.loads(text)
    scope = Scope({}, defaults, tuple(multipliers), values, tuple(inside), level)
    return read_chain(content, place, scope), scope.count.ops


forget_cells = _read_alone.cache_clear
"""For when an op's name gets another meaning."""


def with_default_values(content: Any, place: str) -> tuple[Any, Mapping[str, Any]]:
    """A cell's ops, and the values it has where it is not given others."""
    if not isinstance(content, dict) or "default_values" not in content:
        return content, {}
    default_values = f.mapping(content["default_values"], f"{place}.default_values")
    return {key: value for key, value in content.items() if key != "default_values"}, default_values


def words(node: Any) -> Iterator[str]:
    """Each `word` that stands as `$word` in a cell."""
    match node:
        case str() if node.startswith("$"):
            yield node[1:]
        case dict():
            for value in node.values():
                yield from words(value)
        case list():
            for value in node:
                yield from words(value)


_STRUCTURE: dict[type[Op], dict[str, Any]] = {
    Chain: {"chain": read_chain},
    Branches: {"branches": _read_branches},
    Residual: {"body": read_chain, "shortcut": read_chain},
    Graph: {"nodes": _read_nodes},
    Cell: dict.fromkeys(("cell", "depth", "values", "each", "width_multiplier")),  # see _read_cell
    Aux: {"chain": read_chain, "of": _read_of},
}
_OPTIONAL_STRUCTURE = {"shortcut", "of"}
