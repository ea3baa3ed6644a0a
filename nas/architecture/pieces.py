"""A normal form in pieces that can be compared one by one, without regard to the order of branches."""

from dataclasses import dataclass
from typing import Any, TypeAlias

from nas.architecture.graph_form import form_text
from nas.architecture.normal_form import normal_form
from nas.architecture.plan import Node

Blur = tuple[str, ...]
"""Fields that make no difference."""

STRUCTURE: Blur = ("bias", "ceil", "count_padding", "norm", "padding", "rate", "scale", "width")
"""What may differ among cells of one structure: same kernels, strides, pools, activations and wiring."""


@dataclass(frozen=True)
class Parts:
    """Branches within branches: some of `parts` are to be made, or (`taken`) have been and these are left."""

    parts: list["Pieces"]
    taken: bool = False


Pieces: TypeAlias = list[Any]
"""Forms of ops in a row, of which branches are sorted; or `Parts` of them, which one branch is to make."""


def pieces(node: Node, blur: Blur = ()) -> Pieces:
    """The pieces of a plan, side classifiers left out."""
    return [_blurred(form, blur) for form in normal_form(node) if form["op"] != "aux"]


def heads(node: Node) -> list[Pieces]:
    """The pieces of a network's side classifiers."""
    return [_blurred(form["chain"], ()) for form in normal_form(node) if form["op"] == "aux"]


def _blurred(value: Any, blur: Blur) -> Any:
    match value:
        case {"op": "branches", "branches": branches}:
            alike = [_blurred(branch, blur) for branch in branches]
            return {"op": "branches", "branches": sorted(alike, key=lambda branch: [*map(form_text, branch)])}
        case dict():
            return {key: _blurred(inner, blur) for key, inner in value.items() if key not in blur}
        case list():
            return [_blurred(inner, blur) for inner in value]
        case _:
            return value


def less(target: Pieces, made: Pieces) -> Pieces | None:
    """What is left of `target` behind what has been `made`; None if that is not what it begins with."""
    match target, made:
        case [Parts(parts=parts, taken=False), *rest], [{"op": "branches", "branches": some}]:
            left = list(parts)
            for part in some:
                if part not in left:
                    return None
                left.remove(part)
            return [Parts(left, taken=True), *rest]
        case _:
            return target[len(made) :] if target[: len(made)] == made else None


def said(piece: Any) -> str:
    """A piece in words: `conv kernel 5, width 64`."""
    match piece:
        case Parts():
            return "branches"
        case {"op": "branches", "branches": branches}:
            return f"{len(branches)} branches"
        case {"op": "residual"}:
            return "a residual"
        case _:
            fields = ", ".join(f"{key} {value}" for key, value in sorted(piece.items()) if key != "op")
            return f"{piece['op']} {fields}".strip()
