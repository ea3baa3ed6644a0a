"""A table of the ops of a network: what each is, what comes out, its parameters and MACs (`python -m nas describe`)."""

from argparse import Namespace
from collections.abc import Sequence

from nas.architecture import Architecture
from nas.architecture.ops import Aux
from nas.architecture.plan import Node, ShapeError, plan
from nas.architecture.shapes import written
from nas.architecture.sketch import sketch
from nas.cost import cost_of

HEADER = ("op", "what", "output", "parameters", "MACs")


def run(given: Namespace) -> None:
    architecture = Architecture.load(given.network, given.variant)
    shape = architecture.input if given.size is None else (architecture.input[0], given.size, given.size)
    classes = given.classes or architecture.classes
    try:
        root = plan(architecture.network, shape, classes)
    except ShapeError:
        root = plan(architecture.network, shape, classes, aux=False)  # refused if more than a head is at fault
        print("(its aux heads do not fit this input)\n")
    print(table(root), end="")


def table(root: Node) -> str:
    """The lines of the table, of a network's plan; aux heads stand apart, as they are there in training only."""
    sections = [_section(root, "total")]
    price = cost_of(root)
    titles = [f"input {written(root.input)}, depth {price.depth}, training keeps {price.activations:,} bytes an image"]
    for node in root.children:
        if isinstance(node.op, Aux) and node.children:  # planned without its heads, it has none
            sections.append(_section(node.children[0], f"total of {node.name}"))
            titles.append(f"aux head {node.name} on {written(node.input)}, weight {node.op.weight:g}, in training only")
    widths = [max(map(len, column)) for column in zip(HEADER, *(row for rows in sections for row in rows), strict=True)]
    lines: list[str] = []
    for title, rows in zip(titles, sections, strict=True):
        rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
        body = [_line(row, widths) for row in rows]
        lines += ["", title, "", _line(HEADER, widths), rule, *body[:-1], rule, body[-1]]
    return "\n".join(lines[1:]) + "\n"


def _section(root: Node, total: str) -> list[tuple[str, ...]]:
    """A row for each op, then one for all."""
    rows = [
        (node.path, sketch(node), written(node.output), f"{node.parameters:,}", f"{node.macs:,}")
        for node in root.leaves()
    ]
    price = cost_of(root)
    return [*rows, (total, "", written(root.output), f"{price.parameters:,}", f"{price.macs:,}")]


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    """Words to the left, numbers to the right."""
    words = [cell.ljust(width) for cell, width in zip(row[:3], widths[:3], strict=True)]
    numbers = [cell.rjust(width) for cell, width in zip(row[3:], widths[3:], strict=True)]
    return "  ".join([*words, *numbers]).rstrip()
