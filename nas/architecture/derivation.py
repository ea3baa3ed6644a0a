"""The ways in which a space makes a given network, whatever its names: ops are tried in order against its normal form.

A space is read like a grammar. Every op of the network's chain is filled in all ways that its holes allow, and a way
goes on only while what it gives is what the network has next. Branches are matched in any order.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from nas.architecture import fields as f
from nas.architecture.elements import Blur, Element, Parts, Side, Sum, elements, is_graph, less, said
from nas.architecture.ops import Chain, Conv, Residual
from nas.architecture.parse import Count, Scope, read_op, with_values
from nas.architecture.parts import with_parts
from nas.architecture.plan import plan_chain
from nas.architecture.shapes import Shape, is_map
from nas.errors import InputError
from nas.space.conditions import is_conditional
from nas.space.paths import item_path, join
from nas.space.references import is_reference
from nas.space.ways import Way, Ways


class GaveUp(Exception):
    """The ways are too many to try them all."""


Target = tuple[Element, ...]
"""What is still to be made, in order."""

Step = tuple[Target, Shape, Way]
"""What is left to be made behind an op, the shape that comes out of it, and the way there."""


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
    _furthest: tuple[int, str, Target | str, Target] = (-1, "the space", "", ())
    """How many ops the way made that led furthest, and what could not be made there."""
    _known: dict[str, tuple[Target, Shape] | str] = field(default_factory=dict)
    _branches_known: dict[str, list[Step]] = field(default_factory=dict)

    def network(
        self, target: Target, heads: Sequence[Target], shape: Shape, assumed: Mapping[str, bool]
    ) -> Iterator[Way]:
        """The ways in which the whole network is `target`, with these side classifiers."""
        for scope, way in self.scopes(Way(assumed=assumed)):
            for network, path, opened in self.ways.open(self.ways.document["network"], "network", way):
                ops = network if isinstance(network, list) else [network]
                taps: dict[str | None, Shape] = {}
                yield from self._main(ops, 0, path, scope, taps, tuple(heads), (target, shape, opened))

    def scopes(self, way: Way) -> Iterator[tuple[Scope, Way]]:
        """What holds for all ops of the document."""
        document = self.ways.document
        general = {key: document[key] for key in ("defaults", "width_multiplier") if key in document}
        for filled, gone in self.ways.fill(general, "", way):
            multiplier = f.multiplier(filled.get("width_multiplier", 1.0), "width_multiplier")
            self._known.clear()  # it was made with other defaults
            self._branches_known.clear()
            scope = Scope(
                cells=document.get("cells") or {},
                defaults=filled.get("defaults") or {},
                multipliers=(multiplier,) if multiplier else (),
            )
            yield scope, gone

    def _main(
        self,
        ops: Sequence[Any],
        index: int,
        path: str,
        scope: Scope,
        taps: Mapping[str | None, Shape],
        heads: tuple[Target, ...],
        step: Step,
    ) -> Iterator[Way]:
        """The network's own chain from op `index` on; `taps` are the shapes that side classifiers may read."""
        target, shape, way = step
        if index == len(ops):
            if not target and not heads:
                yield way
            elif target:
                self._ends(way, "network", "nothing more", target)
            return
        op = ops[index]
        here = item_path(path, op)
        if op.get("op") == "aux":
            weights = self.ways.fill({key: value for key, value in op.items() if key == "weight"}, here, way)
            for filled, gone in weights:
                if filled.get("weight") == 0:  # absent
                    yield from self._main(ops, index + 1, path, scope, taps, heads, (target, shape, gone))
                    continue
                tap = taps.get(op.get("of"), shape)
                for place, head in enumerate(heads):
                    others = heads[:place] + heads[place + 1 :]
                    for rest, _, through in self.chain(op["chain"], join(here, "chain"), scope, (head, tap, gone)):
                        if not rest:
                            yield from self._main(ops, index + 1, path, scope, taps, others, (target, shape, through))
            return
        for on in self.op(op, here, scope, step):
            yield from self._main(ops, index + 1, path, scope, {**taps, op.get("name"): on[1]}, heads, on)

    def chain(self, document: Any, path: str, scope: Scope, step: Step) -> Iterator[Step]:
        """The ways through a chain: a list of ops or one op, or a hole that stands for it."""
        target, shape, way = step
        for node, here, gone in self.ways.open(with_values(document, path, scope), path, way):
            match node:
                case list():
                    yield from self._ops(node, 0, here, scope, (target, shape, gone))
                case dict():
                    yield from self.op(node, here, scope, (target, shape, gone))

    def _ops(self, ops: Sequence[Any], index: int, path: str, scope: Scope, step: Step) -> Iterator[Step]:
        if index == len(ops):
            yield step
            return
        for gone in self.op(ops[index], item_path(path, ops[index]), scope, step):
            yield from self._ops(ops, index + 1, path, scope, gone)

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
            case _:
                yield from self._leaf(given, path, scope, step)

    def _leaf(self, given: Mapping[str, Any], path: str, scope: Scope, step: Step) -> Iterator[Step]:
        target, shape, way = step
        if given.get("op") == "graph" and not (target and is_graph(target[0])):
            self._ends(way, path, "a graph", target)
            return
        seen: set[Target] = set()
        for filled, gone in self.ways.fill(given, path, way):
            self.tried += 1
            if self.tried > self.budget:
                raise GaveUp
            match self._made(filled, path, scope, shape):
                case str() as reason:
                    self._ends(way, path, reason, target)
                case made, output:
                    if self.coarse and made in seen:
                        continue
                    seen.add(made)
                    rest = less(target, made)
                    if rest is not None:
                        yield rest, output, gone.further()
                    else:
                        self._ends(way, path, made, target)

    def _made(self, filled: Any, path: str, scope: Scope, shape: Shape) -> tuple[Target, Shape] | str:
        """What a filled op makes of a shape, or why it cannot be."""
        key = f"{filled} {shape} {scope.multipliers}"
        if key not in self._known:
            try:
                count = Count()
                op = read_op(filled, path, replace(scope, count=count))
                self.tried += count.ops
                node = plan_chain(Chain(chain=(op,)), "", shape, self.classes)
                self._known[key] = elements(node, self.blur), node.output
            except InputError as error:
                self._known[key] = f"{path}: {error}"
        return self._known[key]

    def _branches(self, document: Any, path: str, scope: Scope, step: Step) -> Iterator[Step]:
        target, shape, way = step
        for mapping, here, gone in self.ways.open(document, path, way):
            for present, on in self._present(list(mapping.items()), here, gone):
                if len(present) == 1:
                    chain, its_path = present[0]
                    yield from self.chain(chain, its_path, scope, (target, shape, on))
                elif present and target and isinstance(target[0], Side | Parts):
                    yield from self._sides(present, scope, (target, shape, on), target[0].parts, 0, shape[1:])
                elif present:
                    self._ends(on, here, "branches", target)

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
        self, present: Sequence[Any], scope: Scope, step: Step, parts: tuple[Target, ...], width: int, grid: Shape
    ) -> Iterator[Step]:
        """Finds a part for each branch; one that is nothing but branches itself takes several."""
        target, shape, way = step
        if not present:
            match target[0]:
                case Parts():
                    yield (Parts(parts, taken=True), *target[1:]), (width, *grid), way
                case _ if not parts:
                    yield target[1:], (width, *grid), way
                case _:
                    self._ends(way, "the space", "no further branch", parts[0])
            return
        (chain, path), *others = present
        for part in dict.fromkeys(parts):
            for rest, output, gone in self._branch(chain, path, scope, (part, shape, way)):
                if not rest and output[1:] == grid if width else not rest:
                    left = list(parts)
                    left.remove(part)
                    step = target, shape, gone
                    yield from self._sides(others, scope, step, tuple(left), width + output[0], output[1:])
        for rest, output, gone in self._branch(chain, path, scope, ((Parts(parts),), shape, way)):
            match rest:
                case (Parts(parts=left_, taken=True),) if not width or output[1:] == grid:
                    step = target, shape, gone
                    yield from self._sides(others, scope, step, left_, width + output[0], output[1:])

    def _branch(self, chain: Any, path: str, scope: Scope, step: Step) -> Iterator[Step]:
        """The ways through a branch, which are looked for once if they depend on nothing but its own holes."""
        target, shape, way = step
        if not _stands_alone(chain):
            yield from self.chain(chain, path, scope, step)
            return
        own = frozenset(item for item in way.values.items() if item[0] == path or item[0].startswith(f"{path}."))
        key = path, target, shape, own, str(scope.values), scope.multipliers
        if (found := self._branches_known.get(str(key))) is None:
            found = list(self.chain(chain, path, scope, (target, shape, Way(dict(own)))))
            self._branches_known[str(key)] = found
        for rest, output, gone in found:
            yield rest, output, Way({**way.values, **gone.values}, way.assumed, way.read + gone.read)

    def _residual(self, given: Mapping[str, Any], path: str, scope: Scope, step: Step) -> Iterator[Step]:
        target, shape, way = step
        there = target[0] if target else None
        if not isinstance(there, Sum):
            self._ends(way, path, "a residual", target)
            return
        own = {key: value for key, value in given.items() if key not in ("body", "shortcut")}
        for filled, gone in self.ways.fill(own, path, way):
            try:
                op = read_op({**filled, "body": []}, path, replace(scope, count=Count()))
            except InputError as error:
                self._ends(gone, path, str(error), target)
                continue
            assert isinstance(op, Residual)
            if op.activation != there.activation or there.scale not in (None, op.scale):
                self._ends(gone, path, f"a residual with {op.scale:g} and {op.activation}", target)
                continue
            beside = (there.shortcut, shape, gone)
            for rest, kept, on in self.chain(given.get("shortcut", []), join(path, "shortcut"), scope, beside):
                if not rest:
                    for way_ in self._body(given["body"], join(path, "body"), scope, op, (there.body, shape, on), kept):
                        yield target[1:], kept, way_

    def _body(
        self, document: Any, path: str, scope: Scope, residual: Residual, step: Step, kept: Shape
    ) -> Iterator[Way]:
        """The ways through a body and the linear 1×1 behind it, out of which comes what has been `kept` beside it."""
        for rest, output, way in self.chain(document, path, scope, step):
            if not residual.projection:
                if not rest and self._fits(output, kept):
                    yield way
            elif is_map(output):
                linear = Conv(width=kept[0], kernel=(1, 1), bias=True, norm=None, activation="none")
                node = plan_chain(Chain(chain=(linear,)), "", output, self.classes)
                if rest == elements(node, self.blur) and node.output == kept:
                    yield way

    def _cell(self, given: Mapping[str, Any], path: str, scope: Scope, step: Step) -> Iterator[Step]:
        target, shape, way = step
        for filled, gone in self.ways.fill({key: value for key, value in given.items() if key != "op"}, path, way):
            name = filled.get("cell")
            cells = self._with_part(name, scope)
            if name not in cells or name in scope.inside:
                self._ends(gone, path, f"no cell {name!r}", target)
                continue
            for content, here, on in self.ways.open(cells[name], f"cells.{name}", gone):
                for default_values, through in self._default_values(content, here, on):
                    multiplier = f.multiplier(filled.get("width_multiplier", 1.0), f"{path}.width_multiplier")
                    inner = replace(
                        scope,
                        cells=cells,
                        inside=(*scope.inside, name),
                        multipliers=(multiplier, *scope.multipliers) if multiplier else scope.multipliers,
                        values={**default_values, **filled.get("values", {})},
                    )
                    if isinstance(content, dict):
                        content = {key: value for key, value in content.items() if key != "default_values"}
                    each, depth = filled.get("each", {}), filled.get("depth", 1)
                    yield from self._copies((content, here), inner, each, depth, 0, (target, shape, through))

    def _copies(
        self, cell: tuple[Any, str], scope: Scope, each: Mapping[str, Any], depth: int, index: int, step: Step
    ) -> Iterator[Step]:
        if index == depth:
            yield step
            return
        values = {**scope.values, **{key: per_copy[index] for key, per_copy in each.items()}}
        content, path = cell
        for gone in self.chain(content, path, replace(scope, values=values), step):
            yield from self._copies(cell, scope, each, depth, index + 1, gone)

    def _default_values(self, content: Any, path: str, way: Way) -> Iterator[tuple[Mapping[str, Any], Way]]:
        if not isinstance(content, dict) or "default_values" not in content:
            return iter([({}, way)])
        return self.ways.fill(content["default_values"], join(path, "default_values"), way)

    def _with_part(self, name: Any, scope: Scope) -> Mapping[str, Any]:
        """The cells, with the part of a published network that `name` may mean."""
        if not isinstance(name, str) or "." not in name or name in scope.cells:
            return scope.cells
        try:
            copied = with_parts({"network": {"op": "cell", "cell": name}}, scope.defaults)
        except InputError:
            return scope.cells
        return {**scope.cells, **copied["cells"], name: copied["cells"][copied["network"]["cell"]]}

    def _fits(self, body: Shape, kept: Shape) -> bool:
        return body == kept or (self.coarse and body[1:] == kept[1:])

    def _ends(self, way: Way, path: str, gives: Target | str, target: Target) -> None:
        if way.read > self._furthest[0]:
            self._furthest = way.read, path, gives, target

    @property
    def furthest(self) -> str:
        """What the way met that led furthest."""
        _, path, gives, target = self._furthest
        there = said(target[0]) if target else "nothing more"
        offered = gives if isinstance(gives, str) else ", ".join(map(said, gives)) or "nothing"
        return f"{path} gives {offered}, where the network has {there}"


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
