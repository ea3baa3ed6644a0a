"""What a class does with its parts: concatenates them, sums them up, or wires them as a graph."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nas.architecture.ops import Graph, Residual
from nas.export.layout import WIDTH, Expression, Group, call, dictionary, is_attribute, lines
from nas.export.leaves import activated
from nas.export.numbers import free

INDENT = " " * 8
DICT_METHODS = ("clear", "items", "keys", "pop", "update", "values")


@dataclass(frozen=True)
class Part:
    """One of them: `made` is its expression, None where it does nothing; out of it come `width` channels of `shape`."""

    name: str
    made: Expression | None
    width: str
    shape: str

    @property
    def attribute(self) -> list[str]:
        return [] if self.made is None else attribute(self.name, self.made)

    def applied(self, to: str) -> str:
        return to if self.made is None else f"{access(self.name)}({to})"


Body = tuple[list[str], list[str]]
"""The lines of a constructor and of a forward."""


def module_class(name: str, docstring: Sequence[str], arguments: Iterable[str], body: Body) -> str:
    """The source of a module's class; its `arguments` are numbers."""
    signature = Group("def __init__(", (("", "self"), *(("", f"{each}: int") for each in arguments)), ")")
    init, forward = body
    return "\n".join(
        [
            f"class {name}(nn.Module):",
            *docstring,
            "",
            *lines(signature, 4, after=" -> None:"),
            f"{INDENT}super().__init__()",
            *init,
            "",
            "    def forward(self, x: Tensor) -> Tensor:",
            *forward,
        ]
    )


def branches(parts: Sequence[Part], shape: str) -> Body:
    init = [line for part in parts for line in part.attribute]
    if len(parts) == 1:
        return init, [commented(f"return {parts[0].applied('x')}", shape)]
    if not all(is_attribute(part.name) for part in parts) and all(part.made for part in parts):
        return init, [commented("return torch.cat([branch(x) for branch in self.children()], 1)", shape)]
    names: list[str] = []
    forward: list[str] = []
    for part in parts:
        names.append("x" if part.made is None else free(part.name, names))
        if part.made is not None:
            forward.append(commented(f"{names[-1]} = {part.applied('x')}", part.shape))
    joined = call("torch.cat", Group("[", tuple(("", name) for name in names), "]"), "1")
    *most, last = lines(joined, 8, "return ")
    return init, [*forward, *most, commented(last.removeprefix(INDENT), shape)]


def residual(parts: Sequence[Part], op: Residual, shape: str) -> Body:
    named = {part.name: part for part in parts}
    init = [line for part in parts for line in part.attribute]
    inner = named["body"].applied("x")
    change = named["projection"].applied(inner) if op.projection else inner
    kept = named["shortcut"].applied("x") if op.shortcut else "x"
    total = f"{kept} + change" if op.scale == 1 else f"torch.add({kept}, change, alpha={op.scale!r})"
    summed = activated(op.activation, total)
    return init, [commented(f"change = {change}", shape), commented(f"return {summed}", shape)]


def graph(parts: Sequence[Part], op: Graph, shape: str) -> Body:
    """Each node is the sum of parts over earlier nodes, or over `in`, what comes into the graph."""
    left, read, last = iter(parts), _read(op), op.nodes[-1][0]
    init: list[str] = []
    forward: list[str] = []
    local = {"in": "x"}
    for name, chains in op.nodes:
        terms = [(source, next(left)) for source, _ in chains]
        local[name] = free(name, local.values())
        modules = [(source, part.made) for source, part in terms if part.made is not None]
        holder, item = _held(name, modules)
        init += holder
        if name not in read:
            continue
        summed = [
            local[source] if part.made is None else f"{item.format(source)}({local[source]})" for source, part in terms
        ]
        said = " + ".join(summed) or "torch.zeros_like(x)"
        result = "return " if name == last else f"{local[name]} = "
        forward += _sum(result, summed, said, terms[0][1].shape if terms else shape)
    return init, forward


def attribute(name: str, made: Expression) -> list[str]:
    """The lines that give a module its part."""
    if is_attribute(name):
        return lines(made, 8, f"self.{name} = ")
    return lines(call("self.add_module", f'"{name}"', made), 8)


def access(name: str) -> str:
    return f"self.{name}" if is_attribute(name) else f'self.get_submodule("{name}")'


def commented(line: str, comment: str) -> str:
    """The line in a method, with a comment if there is room for it."""
    whole = f"{INDENT}{line}  # {comment}"
    return whole if comment and len(whole) <= WIDTH else f"{INDENT}{line}"


def _held(name: str, modules: Sequence[tuple[str, Expression]]) -> tuple[list[str], str]:
    """The lines that give a module named parts in torch's dictionary of modules, and how one of them is read.

    Names that are methods of the dictionary need another container.
    """
    if not modules:
        return [], ""
    if any(each in DICT_METHODS for each, _ in modules):
        made = call("nn.Sequential", call("OrderedDict", dictionary(modules)))
        return attribute(name, made), access(name) + '.get_submodule("{}")'
    return attribute(name, call("nn.ModuleDict", dictionary(modules))), access(name) + '["{}"]'


def _sum(result: str, terms: Sequence[str], said: str, shape: str) -> list[str]:
    if len(INDENT + result + said) <= WIDTH:
        return [commented(result + said, shape)]
    if len(terms) == 1:
        return [INDENT + result + said]
    bracketed = [f"{INDENT}    {'' if i == 0 else '+ '}{term}" for i, term in enumerate(terms)]
    return [f"{INDENT}{result}(", *bracketed, f"{INDENT})"]


def _read(op: Graph) -> set[str]:
    """The nodes that what comes out depends on."""
    read = {op.nodes[-1][0]}
    for name, chains in reversed(op.nodes):
        if name in read:
            read |= {source for source, _ in chains}
    return read
