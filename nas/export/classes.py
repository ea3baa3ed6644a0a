"""The classes of a network as Python: one for each distinct set of branches, residual or graph, however often used.

Nodes that differ in nothing but widths are copies of one class; the widths are its arguments.
"""

import re
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from textwrap import wrap

from nas.architecture import ops
from nas.architecture.plan import Node
from nas.architecture.shapes import Shape, is_map, written
from nas.architecture.sketch import sketch
from nas.export.bodies import INDENT, Body, Part, access, attribute, branches, commented, graph, module_class, residual
from nas.export.forms import Copies, does_something, form, parts
from nas.export.layout import WIDTH, Expression, call, repeated
from nas.export.leaves import Helpers, Place, leaf
from nas.export.numbers import CHANNELS, Numbers, total

RESERVED = re.compile(
    r"Network|None|True|False|OrderedDict|Path|Tensor|CHANNELS|CLASSES|MEAN|SIZE|STD|"
    r"ChannelAffine|Global(Average|Max)|PaddedAverage|UnitLength|(Padded)?Conv(Norm)?([A-Z]+[a-z]*[A-Z0-9]*)?"
)
"""Names that a class of a cell cannot have, since a file may have them for something else."""


@dataclass(frozen=True)
class Class:
    """A class, and the value of each of its arguments in every copy, by the copy's path."""

    name: str
    source: str
    arguments: Mapping[str, Mapping[str, int]]


@dataclass
class Classes:
    """The classes of a network, in the order of their definition. `helpers` collects what they need besides."""

    root: Node
    helpers: Helpers = field(default_factory=Helpers)
    defined: dict[Hashable, Class] = field(default_factory=dict)
    _copies: dict[Hashable, list[Node]] = field(default_factory=dict)
    _labels: dict[Hashable, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._collect(self.root, "")

    def network(self) -> str:
        """The source of the network's own class."""
        numbers = Numbers("", (self.root.input[0],))
        init: list[str] = []
        forward = [f"{INDENT}# {written(self.root.input)}"]
        for node in filter(does_something, self.root.children):
            init += attribute(node.name, self._expression((node,), numbers, ""))
            forward.append(commented(f"x = {access(node.name)}(x)", written(node.output)))
        docstring = f'    """Images of n×{written(self.root.input)} to logits of n×{self.root.output[0]}."""'
        return module_class("Network", [docstring], (), (init, [*forward, f"{INDENT}return x"]))

    def _collect(self, node: Node, label: str) -> None:
        """Every container by its form, labelled by the cells, ops and branches around it."""
        match node.op:
            case ops.Aux():
                return
            case ops.Cell(cell=cell):
                label = _camel(cell)
            case ops.Branches(name=name) | ops.Residual(name=name) | ops.Graph(name=name):
                label += _camel(name or "")
                self._copies.setdefault(form(node), []).append(node)
                self._labels.setdefault(form(node), label)
                for child in node.children:
                    self._collect(child, label + _camel(child.name))
                return
            case ops.Chain(name=str(name)):
                label += _camel(name)
        for child in node.children:
            self._collect(child, label)

    def _expression(self, nodes: Copies, numbers: Numbers, incoming: str) -> Expression:
        """What makes the module of an op; `incoming` are the channels that come in, where they are no single number."""
        incoming = numbers.known(tuple(node.input[0] for node in nodes)) or incoming
        match nodes[0].op:
            case ops.Chain():
                steps = self._in_row(nodes, numbers, incoming)
                return self.helpers.chain([(step.name, made) for step, made in steps if does_something(step)])
            case ops.Cell():
                copies = groupby(made for _, made in self._in_row(nodes, numbers, incoming))
                runs = [(made, len(list(same))) for made, same in copies]
                return call("nn.Sequential", *(each for made, times in runs for each in repeated(made, times)))
            case ops.Branches() | ops.Residual() | ops.Graph():
                return self._use(nodes, numbers, incoming)
            case _:
                return leaf(Place(nodes, numbers, incoming, numbers.name_for(nodes[0]), self.helpers))

    def _outgoing(self, nodes: Copies, numbers: Numbers, incoming: str) -> str:
        """The channels that come out of an op."""
        width = tuple(node.output[0] for node in nodes)
        if known := numbers.known(width):
            return known
        match nodes[0].op:
            case ops.Chain() | ops.Cell():
                for step in parts(nodes):
                    incoming = self._outgoing(step, numbers, incoming)
                return incoming
            case ops.Branches():
                return total(self._outgoing(branch, numbers, incoming) for branch in parts(nodes))
            case ops.Residual(shortcut=shortcut):
                return self._outgoing(list(parts(nodes))[-1], numbers, incoming) if shortcut else incoming
            case _:
                return numbers.written(width, numbers.name_for(nodes[0]))

    def _in_row(self, nodes: Copies, numbers: Numbers, incoming: str) -> Iterator[tuple[Node, Expression]]:
        """Each of the ops that follow one another, in the first copy of the class, with what makes its module."""
        for step in parts(nodes):
            yield step[0], self._expression(step, numbers, incoming) if does_something(step[0]) else "nn.Identity()"
            incoming = self._outgoing(step, numbers, incoming)

    def _use(self, nodes: Copies, numbers: Numbers, incoming: str) -> Expression:
        class_ = self._defined(form(nodes[0]))
        named = {
            name: numbers.written(tuple(values[node.path] for node in nodes), numbers.name_for(nodes[0], name))
            for name, values in class_.arguments.items()
            if name != CHANNELS
        }
        return call(class_.name, *([incoming] if CHANNELS in class_.arguments else []), **named)

    def _defined(self, key: Hashable) -> Class:
        if key not in self.defined:
            copies = tuple(self._copies[key])
            numbers = Numbers(copies[0].path, tuple(node.input[0] for node in copies))
            self._body(copies, numbers)  # tells which numbers it wants
            numbers.settle()
            init, forward = self._body(copies, numbers)
            made = "\n".join(init)
            used = {name: each for each, name in numbers.names.items() if re.search(rf"(?<!\.)\b{name}\b(?! ?=)", made)}
            name = self._free_name(self._labels[key] or "Block")
            source = module_class(name, _docstring(copies), used, (init, forward))
            paths = [node.path for node in copies]
            arguments = {each: dict(zip(paths, values, strict=True)) for each, values in used.items()}
            self.defined[key] = Class(name, source, arguments)
        return self.defined[key]

    def _body(self, copies: Copies, numbers: Numbers) -> Body:
        inside: list[Part] = []
        incoming = numbers.known(numbers.incoming) or CHANNELS
        for nodes in parts(copies):
            coming = inside[0].width if nodes[0].name == "projection" else incoming
            made = self._expression(nodes, numbers, coming) if does_something(nodes[0]) else None
            width = self._outgoing(nodes, numbers, coming)
            inside.append(Part(nodes[0].name, made, width, _shape(nodes, width, copies)))
        shape = _shape(copies, self._outgoing(copies, numbers, incoming), copies)
        match copies[0].op:
            case ops.Residual() as op:
                return residual(inside, op, shape)
            case ops.Graph() as op:
                return graph(inside, op, shape)
            case _:
                return branches(inside, shape)

    def _free_name(self, label: str) -> str:
        name = label if label[0].isalpha() and not RESERVED.fullmatch(label) else f"Cell{label}"
        taken = {each.name for each in self.defined.values()}
        return name if name not in taken else next(f"{name}{i}" for i in range(2, 9999) if f"{name}{i}" not in taken)


def _camel(name: str) -> str:
    """`a_to_b` as AToB."""
    return "".join(word[:1].upper() + word[1:] for word in name.split("_"))


def _shape(nodes: Copies, width: str, copies: Copies) -> str:
    """What comes out of all copies of a node; of what differs among them, how it follows from what comes in."""
    if len({node.output for node in nodes}) == 1:
        return written(nodes[0].output)
    width = f"({width})" if " " in width else width
    if not all(is_map(node.output) and is_map(copy.input) for node, copy in zip(nodes, copies, strict=True)):
        return ""
    if len({node.output[1:] for node in nodes}) == 1:
        return f"{width}×{written(nodes[0].output[1:])}"
    for times, grid in ((1, "h×w"), (2, "h/2×w/2")):
        if all(_divided(copy.input, times) == node.output[1:] for node, copy in zip(nodes, copies, strict=True)):
            return f"{width}×{grid}"
    return ""


def _divided(shape: Shape, times: int) -> Shape:
    return tuple(-(-side // times) for side in shape[1:])


def _docstring(copies: Copies) -> list[str]:
    """The sketch of all copies; where widths differ, that of the first, with the place where it stands."""
    place = "" if len({sketch(node) for node in copies}) == 1 else f"In {copies[0].path.partition('.')[0]}: "
    said = f'    """{place}{sketch(copies[0])}"""'
    if len(said) <= WIDTH:
        return [said]
    first, *rest = wrap(said[4:-3], WIDTH - 8, break_long_words=False)
    return [f"    {first}", *(f"    {line}" for line in rest), '    """']
