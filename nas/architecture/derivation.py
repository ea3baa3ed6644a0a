"""The ways in which a space makes a given network, whatever its names: ops are tried in order against its normal form.

A space is read like a grammar. Every op of the network's chain is filled in all ways that its holes allow, and a way
goes on only while what it gives is what the network has next. Branches are matched in any order.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from nas.architecture import fields as f
from nas.architecture.graph_form import form_text
from nas.architecture.ops import Chain, Residual
from nas.architecture.parse import Count, Scope, read_op, with_default_values, with_values
from nas.architecture.parts import with_parts
from nas.architecture.pieces import Blur, Parts, Pieces, less, pieces, said
from nas.architecture.plan import plan_chain, projection
from nas.architecture.shapes import Shape, is_map
from nas.errors import InputError
from nas.space.conditions import is_conditional
from nas.space.paths import item_path, join
from nas.space.references import is_reference
from nas.space.ways import Way, Ways


class GaveUp(Exception):
    """The ways are too many to try them all."""


@dataclass(frozen=True)
class Step:
    """What is left to be made behind an op, the shape that comes out of it, and the way there."""

    target: Pieces
    shape: Shape
    way: Way
    heads: tuple[Pieces, ...] = ()
    """Side classifiers that are left to be made."""
    taps: Mapping[str, Shape] = field(default_factory=dict)
    """What they may read: the shapes behind ops of the network's own chain, by name."""

    def on(self, way: Way) -> "Step":
        return replace(self, way=way)


@dataclass
class Derivation:
    """The ways to make something of an architecture with holes. Gives up after `budget` ops."""

    ways: Ways
    classes: int
    budget: int
    coarse: bool = False
    """Takes widths as they come: the first of all ways to make the same of an op, and sums of unequal widths too."""
    blur: Blur = ()
    tried: int = 0
    end: str = "the space gives nothing"
    """Where the way ended that led furthest."""
    _furthest: int = -1
    """How many ops that way made."""
    _known: dict[str, tuple[Pieces, Shape] | str] = field(default_factory=dict)
    _branches_known: dict[str, list[Step]] = field(default_factory=dict)

    def network(
        self, target: Pieces, heads: Sequence[Pieces], shape: Shape, assumed: Mapping[str, bool]
    ) -> Iterator[Way]:
        """The ways in which the whole network is `target`, with these side classifiers."""
        for scope, way in self.scopes(Way(assumed=assumed)):
            start = Step(target, shape, way, tuple(heads))
            for end in self.chain(self.ways.document["network"], "network", scope, start):
                if end.target:
                    self._ends(end, "network", "nothing more")
                elif not end.heads:
                    yield end.way

    def scopes(self, way: Way) -> Iterator[tuple[Scope, Way]]:
        """What holds for all ops of the document."""
        document = self.ways.document
        general = {key: document[key] for key in ("defaults", "width_multiplier") if key in document}
        for filled, gone in self.ways.fill(general, "", way):
            self._known.clear()  # it was made with other defaults
            self._branches_known.clear()
            scope = Scope(
                cells=document.get("cells") or {},
                defaults=filled.get("defaults") or {},
                multipliers=f.multipliers(filled, "architecture"),
            )
            yield scope, gone

    def chain(self, document: Any, path: str, scope: Scope, step: Step) -> Iterator[Step]:
        """The ways through a chain: a list of ops or one op, or a hole that stands for it."""
        for node, here, gone in self.ways.open(with_values(document, path, scope), path, step.way):
            match node:
                case list():
                    yield from self._ops(node, here, scope, step.on(gone))
                case dict():
                    yield from self.op(node, here, scope, step.on(gone))

    def _ops(self, ops: Sequence[Any], path: str, scope: Scope, step: Step) -> Iterator[Step]:
        if not ops:
            yield step
            return
        first, *others = ops
        for behind in self.op(first, item_path(path, first), scope, step):
            taps = {**step.taps, first.get("name"): behind.shape}
            yield from self._ops(others, path, scope, replace(behind, taps=taps))

    def op(self, document: Mapping[str, Any], path: str, scope: Scope, step: Step) -> Iterator[Step]:
        """The ways through one op."""
        given = {key: with_values(value, f"{path}.{key}", scope) for key, value in document.items()}
        match given.get("op"):
            case "chain":
                yield from self.chain(given["chain"], join(path, "chain"), scope, step)
            case "branches":
                yield from self._branches(given["branches"], join(path, "branches"), scope, step)
            case "residual":
                yield from self._residual(given, path, scope, step)
            case "cell":
                yield from self._cell(given, path, scope, step)
            case "aux":
                yield from self._aux(given, path, scope, step)
            case _:
                yield from self._leaf(given, path, scope, step)

    def _leaf(self, given: Mapping[str, Any], path: str, scope: Scope, step: Step) -> Iterator[Step]:
        match given.get("op"), step.target:
            case "graph", [{"op": "graph"}, *_]:
                pass
            case "graph", _:
                self._ends(step, path, "a graph")
                return
        seen: set[str] = set()
        for filled, gone in self.ways.fill(given, path, step.way):
            self.tried += 1
            if self.tried > self.budget:
                raise GaveUp
            match self._made(filled, path, scope, step.shape):
                case str() as reason:
                    self._ends(step, path, reason)
                case made, output:
                    if self.coarse:
                        if (shown := form_text(made)) in seen:
                            continue
                        seen.add(shown)
                    rest = less(step.target, made)
                    if rest is not None:
                        yield replace(step, target=rest, shape=output, way=gone.further())
                    else:
                        self._ends(step, path, made)

    def _made(self, filled: Any, path: str, scope: Scope, shape: Shape) -> tuple[Pieces, Shape] | str:
        """What a filled op makes of a shape, or why it cannot be."""
        key = f"{filled} {shape} {scope.multipliers} {scope.values}"
        if key not in self._known:
            try:
                count = Count()
                op = read_op(filled, path, replace(scope, count=count))
                self.tried += count.ops
                node = plan_chain(Chain(chain=(op,)), "", shape, self.classes)
                self._known[key] = pieces(node, self.blur), node.output
            except InputError as error:
                self._known[key] = f"{path}: {error}"
        return self._known[key]

    def _aux(self, given: Mapping[str, Any], path: str, scope: Scope, step: Step) -> Iterator[Step]:
        weight = {key: value for key, value in given.items() if key == "weight"}
        for filled, gone in self.ways.fill(weight, path, step.way):
            if filled.get("weight") == 0:  # absent
                yield step.on(gone)
                continue
            tap = step.taps.get(given["of"], step.shape) if given.get("of") else step.shape
            for place, head in enumerate(step.heads):
                for end in self.chain(given["chain"], join(path, "chain"), scope, Step(head, tap, gone)):
                    if not end.target:
                        others = step.heads[:place] + step.heads[place + 1 :]
                        yield replace(step, way=end.way, heads=others)

    def _branches(self, document: Any, path: str, scope: Scope, step: Step) -> Iterator[Step]:
        for mapping, here, gone in self.ways.open(document, path, step.way):
            for present, on in self._present(list(mapping.items()), here, gone):
                match present, step.target:
                    case [(chain, its_path)], _:
                        yield from self.chain(chain, its_path, scope, step.on(on))
                    case [_, *_], [{"op": "branches", "branches": parts}, *_] | [Parts(parts=parts), *_]:
                        yield from self._sides(present, scope, step.on(on), parts, 0, step.shape[1:])
                    case [_, *_], _:
                        self._ends(step.on(on), here, "branches")

    def _present(self, named: Sequence[tuple[str, Any]], path: str, way: Way) -> Iterator[tuple[list[Any], Way]]:
        """The branches that are there, each a chain and its path."""
        if not named:
            yield [], way
            return
        (name, document), *others = named
        for node, here, gone in self.ways.open(document, join(path, name), way):
            for present, on in self._present(others, path, gone):
                yield ([(node, here), *present] if node is not None else present), on

    def _sides(
        self, present: Sequence[Any], scope: Scope, step: Step, parts: list[Pieces], width: int, grid: Shape
    ) -> Iterator[Step]:
        """Finds a part for each branch; one that is nothing but branches itself takes several."""
        if not present:
            first, *behind = step.target
            if isinstance(first, Parts):
                yield replace(step, target=[Parts(parts, taken=True), *behind], shape=(width, *grid))
            elif not parts:
                yield replace(step, target=behind, shape=(width, *grid))
            else:
                self._ends(replace(step, target=parts[0]), "the space", "no further branch")
            return
        (chain, path), *others = present
        for target in [*{str(part): part for part in parts}.values(), [Parts(parts)]]:
            for end in self._branch(chain, path, scope, Step(target, step.shape, step.way)):
                left = _left(parts, target, end.target)
                if left is not None and (not width or end.shape[1:] == grid):
                    yield from self._sides(others, scope, step.on(end.way), left, width + end.shape[0], end.shape[1:])

    def _branch(self, chain: Any, path: str, scope: Scope, step: Step) -> Iterator[Step]:
        """The ways through a branch, which are looked for once if they depend on nothing but its own holes."""
        if not _stands_alone(chain):
            yield from self.chain(chain, path, scope, step)
            return
        way = step.way
        own = frozenset(item for item in way.values.items() if item[0] == path or item[0].startswith(f"{path}."))
        key = str((path, step.target, step.shape, own, scope.values, scope.multipliers))
        if key not in self._branches_known:
            self._branches_known[key] = list(self.chain(chain, path, scope, step.on(Way(dict(own)))))
        for end in self._branches_known[key]:
            yield end.on(Way({**way.values, **end.way.values}, way.assumed, way.read + end.way.read))

    def _residual(self, given: Mapping[str, Any], path: str, scope: Scope, step: Step) -> Iterator[Step]:
        match step.target:
            case [{"op": "residual"} as there, *behind]:
                pass
            case _:
                self._ends(step, path, "a residual")
                return
        own = {key: value for key, value in given.items() if key not in ("body", "shortcut")}
        for filled, gone in self.ways.fill(own, path, step.way):
            try:
                op = read_op({**filled, "body": []}, path, replace(scope, count=Count()))
            except InputError as error:
                self._ends(step.on(gone), path, str(error))
                continue
            assert isinstance(op, Residual)
            if op.activation != there["activation"] or there.get("scale", op.scale) != op.scale:
                self._ends(step.on(gone), path, f"a residual with {op.scale:g} and {op.activation}")
                continue
            beside = Step(there.get("shortcut", []), step.shape, gone)
            for kept in self.chain(given.get("shortcut", []), join(path, "shortcut"), scope, beside):
                if not kept.target:
                    body = Step(there["body"], step.shape, kept.way)
                    for way in self._body(given["body"], join(path, "body"), scope, op, body, kept.shape):
                        yield replace(step, target=behind, shape=kept.shape, way=way)

    def _body(
        self, document: Any, path: str, scope: Scope, residual: Residual, step: Step, kept: Shape
    ) -> Iterator[Way]:
        """The ways through a body and the linear 1×1 behind it, out of which comes what has been `kept` beside it."""
        for end in self.chain(document, path, scope, step):
            if not residual.projection:
                fits = end.shape == kept or (self.coarse and end.shape[1:] == kept[1:])
                if fits and not end.target:
                    yield end.way
            elif is_map(end.shape):
                node = plan_chain(Chain(chain=(projection(kept[0]),)), "", end.shape, self.classes)
                if end.target == pieces(node, self.blur) and node.output == kept:
                    yield end.way

    def _cell(self, given: Mapping[str, Any], path: str, scope: Scope, step: Step) -> Iterator[Step]:
        own = {key: value for key, value in given.items() if key != "op"}
        for filled, gone in self.ways.fill(own, path, step.way):
            name = filled.get("cell")
            cells = self._with_part(name, scope)
            if name not in cells or name in scope.inside:
                self._ends(step.on(gone), path, f"no cell {name!r}")
                continue
            inner = replace(scope.of_cell(name, filled, path), cells=cells)
            for content, here, on in self.ways.open(cells[name], f"cells.{name}", gone):
                content, default_values = with_default_values(content, here)
                for defaults, through in self.ways.fill(default_values, join(here, "default_values"), on):
                    values = {**defaults, **filled.get("values", {})}
                    each, depth = filled.get("each", {}), filled.get("depth", 1)
                    copies = [{**values, **{key: some[copy] for key, some in each.items()}} for copy in range(depth)]
                    yield from self._copies(content, here, inner, copies, step.on(through))

    def _copies(
        self, content: Any, path: str, scope: Scope, copies: Sequence[Mapping[str, Any]], step: Step
    ) -> Iterator[Step]:
        """The ways through copies of a cell, each with values of its own."""
        if not copies:
            yield step
            return
        values, *others = copies
        for behind in self.chain(content, path, replace(scope, values=values), step):
            yield from self._copies(content, path, scope, others, behind)

    def _with_part(self, name: Any, scope: Scope) -> Mapping[str, Any]:
        """The cells, with the part of a published network that `name` may mean."""
        if not isinstance(name, str) or "." not in name or name in scope.cells:
            return scope.cells
        try:
            copied = with_parts({"network": {"op": "cell", "cell": name}}, scope.defaults)
        except InputError:
            return scope.cells
        return {**scope.cells, **copied["cells"], name: copied["cells"][copied["network"]["cell"]]}

    def _ends(self, step: Step, path: str, gives: Pieces | str) -> None:
        if step.way.read > self._furthest:
            there = said(step.target[0]) if step.target else "nothing more"
            offered = gives if isinstance(gives, str) else ", ".join(map(said, gives)) or "nothing"
            self._furthest, self.end = step.way.read, f"{path} gives {offered}, where the network has {there}"


def _left(parts: list[Pieces], target: Pieces, rest: Pieces) -> list[Pieces] | None:
    """What is left of `parts` when a branch was to make `target` of them and `rest` remained; None if it failed."""
    match target, rest:
        case [Parts()], [Parts(parts=left, taken=True)]:
            return left
        case [Parts()], _:
            return None
        case _, []:
            place = parts.index(target)
            return parts[:place] + parts[place + 1 :]
        case _:
            return None


def _stands_alone(node: Any) -> bool:
    """Whether nothing in it depends on the document around it, but for values and multipliers."""
    match node:
        case dict():
            if is_reference(node) or is_conditional(node) or node.get("op") == "cell":
                return False
            return all(map(_stands_alone, node.values()))
        case list():
            return all(map(_stands_alone, node))
        case _:
            return True
