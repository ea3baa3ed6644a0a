"""What a value of a space is in few words: a number, or all that its hole offers."""

from collections.abc import Mapping
from typing import Any

from nas.drawing.text import clean
from nas.space.conditions import OnContext, OnParameter, Test, is_conditional, read_conditional
from nas.space.holes import Alternatives, Choice, Hole, Integer, Real, is_hole, read_hole


def shown(value: Any) -> str:
    """A value: `3`, `3|5|7`, `1…3`, `$width · 0.25|0.5`."""
    match value:
        case dict() if is_conditional(value):
            conditional = read_conditional(value, "")
            then, otherwise = shown(conditional.then), shown(conditional.otherwise)
            return f"{then} if {said_of(conditional.test)}, else {otherwise}"
        case dict() if is_hole(value):
            return offered(read_hole(value, ""))
        case {"of": of}:
            return shown(of) + _scaled(value)
        case {"ref": ref}:
            return f"that of {ref}" + _scaled(value)
        case {"op": op}:
            kernel = value.get("kernel")
            return f"{op} {kernel}×{kernel}" if isinstance(kernel, int) else str(op)
        case dict():
            return ", ".join(f"{key} {shown(inner)}" for key, inner in value.items())
        case []:
            return "identity"
        case list():
            return " → ".join(map(shown, value)) if isinstance(value[0], dict) else "×".join(map(shown, value))
        case None:
            return "absent"
        case bool():
            return str(value).lower()
        case float():
            return f"{value:g}"
        case _:
            return clean(str(value), 48)


def offered(hole: Hole) -> str:
    """All that a hole offers."""
    match hole:
        case Choice(options=options):
            return "|".join(map(shown, options))
        case Alternatives(options=options):
            return "|".join(_alternative(name, option) for name, option in options.items())
        case Integer(low=low, high=high, step=step):
            return f"{low}…{high}" + (f" by {step}" if step > 1 else "")
        case Real(low=low, high=high):
            return f"{low:g}…{high:g}"


def _alternative(name: str, option: Any) -> str:
    """Its name, with what is open in it."""
    inner = ", ".join(f"{key} {shown(value)}" for key, value in _open_fields(option))
    return f"{clean(name)} ({inner})" if inner else clean(name)


def _open_fields(option: Any) -> list[tuple[str, Any]]:
    if not isinstance(option, Mapping):
        return []
    return [(key, value) for key, value in option.items() if is_hole(value) or is_conditional(value)]


def _scaled(scaling: Mapping[str, Any]) -> str:
    times = f" · {shown(scaling['times'])}" if "times" in scaling else ""
    rest = [f"{key} {shown(value)}" for key, value in scaling.items() if key not in ("of", "ref", "times")]
    return times + (f" ({', '.join(rest)})" if rest else "")


def said_of(test: Test) -> str:
    """A condition in words."""
    match test:
        case OnParameter(name=name, accepted=tuple() as accepted):
            return f"{name} is {' or '.join(map(shown, accepted))}"
        case OnParameter(name=what, at_least=low, at_most=high) | OnContext(asks=what, at_least=low, at_most=high):
            return what + _range(low, high)


def _range(low: float | None, high: float | None) -> str:
    match low, high:
        case None, _:
            return f" ≤ {high:g}"
        case _, None:
            return f" ≥ {low:g}"
        case _:
            return f" {low:g}…{high:g}"
