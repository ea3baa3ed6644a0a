"""A normal form in pieces that can be compared one by one, without regard to the order of branches."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from nas.architecture.normal_form import Form, normal_form
from nas.architecture.plan import Node

Blur = tuple[str, ...]
"""Fields that make no difference."""

STRUCTURE: Blur = ("bias", "ceil", "count_padding", "norm", "padding", "rate", "scale", "width")
"""What may differ among cells of one structure: same kernels, strides, pools, activations and wiring."""


@dataclass(frozen=True)
class Leaf:
    """An op as its form is written."""

    form: str


@dataclass(frozen=True)
class Side:
    """Branches side by side, sorted."""

    parts: tuple[tuple["Element", ...], ...]


@dataclass(frozen=True)
class Sum:
    """A residual; without a scale if that makes no difference."""

    scale: float | None
    activation: str
    body: tuple["Element", ...]
    shortcut: tuple["Element", ...]


@dataclass(frozen=True)
class Parts:
    """Branches within branches: some of `parts` are to be made, or (`taken`) have been and these are left."""

    parts: tuple[tuple["Element", ...], ...]
    taken: bool = False


Element: TypeAlias = Leaf | Side | Sum | Parts


def elements(node: Node, blur: Blur = ()) -> tuple[Element, ...]:
    """The pieces of a plan's normal form, side classifiers left out."""
    return _elements([form for form in normal_form(node) if form["op"] != "aux"], blur)


def heads(node: Node, blur: Blur = ()) -> list[tuple[Element, ...]]:
    """The pieces of a network's side classifiers."""
    return [_elements(form["chain"], blur) for form in normal_form(node) if form["op"] == "aux"]


def _elements(forms: Sequence[Form], blur: Blur) -> tuple[Element, ...]:
    return tuple(_element(form, blur) for form in forms)


def _element(form: Form, blur: Blur) -> Element:
    match form:
        case {"op": "branches", "branches": branches}:
            return Side(tuple(sorted((_elements(branch, blur) for branch in branches), key=repr)))
        case {"op": "residual", "body": body, **rest}:
            scale = None if "scale" in blur else rest["scale"]
            shortcut = _elements(rest.get("shortcut", []), blur)
            return Sum(scale, rest["activation"], _elements(body, blur), shortcut)
        case _:
            return Leaf(_written(form, blur))


def _written(form: Form, blur: Blur) -> str:
    return json.dumps(_blurred(form, blur), sort_keys=True)


def _blurred(value: Any, blur: Blur) -> Any:
    match value:
        case dict():
            return {key: _blurred(inner, blur) for key, inner in value.items() if key not in blur}
        case list():
            return [_blurred(inner, blur) for inner in value]
        case _:
            return value


def less(target: tuple[Element, ...], made: tuple[Element, ...]) -> tuple[Element, ...] | None:
    """What is left of `target` behind what has been `made`; None if that is not what it begins with."""
    match target, made:
        case (Parts(parts=parts, taken=False), *rest), (Side(parts=some),):
            left = list(parts)
            for part in some:
                if part not in left:
                    return None
                left.remove(part)
            return (Parts(tuple(left), taken=True), *rest)
        case _:
            return target[len(made) :] if target[: len(made)] == made else None


def is_graph(element: Element) -> bool:
    """Whether it is what a `graph` op gives."""
    return isinstance(element, Leaf) and json.loads(element.form)["op"] == "graph"


def said(element: Element | None) -> str:
    """An element in words: `conv kernel 5, width 64`; None is the end."""
    match element:
        case None:
            return "nothing more"
        case Leaf(form=form):
            fields: dict[str, Any] = json.loads(form)
            op = fields.pop("op")
            return " ".join([op, ", ".join(f"{key} {value}" for key, value in sorted(fields.items()))]).strip()
        case Side(parts=parts):
            return f"{len(parts)} branches"
        case Sum():
            return "a residual"
        case Parts():
            return "branches"


def numbers(forms: object) -> set[float]:
    """All numbers in plain data."""
    match forms:
        case bool() | str() | None:
            return set()
        case int() | float():
            return {forms}
        case dict():
            return {number for value in forms.values() for number in numbers(value)}
        case list():
            return {number for value in forms for number in numbers(value)}
        case _:
            return set()
