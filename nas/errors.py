"""The one error for input that is refused: it names the place, the value and the choices."""

from collections.abc import Collection, Iterable, Sequence
from difflib import get_close_matches


class InputError(ValueError):
    """Something the user gave cannot be used. ``str()`` of it is fit to be shown without a traceback."""


def unknown(place: str, kind: str, value: object, choices: Iterable[object]) -> InputError:
    """An `InputError` for a value that is none of `choices`, with the nearest choice suggested.

    >>> str(unknown("network.3.cell", "cell", "norml", ["normal", "reduction"]))
    "network.3.cell: no cell 'norml'; did you mean 'normal'? There are: normal, reduction"
    >>> str(unknown("network.3.cell", "cell", "x", []))
    "network.3.cell: no cell 'x'; there are: none"
    """
    names = [str(choice) for choice in choices]
    near = get_close_matches(str(value), names, n=1)
    there = f"did you mean {near[0]!r}? There are" if near else "there are"
    return InputError(f"{place}: no {kind} {value!r}; {there}: {', '.join(names) or 'none'}")


def need_one_of(place: str, kind: str, value: object, choices: Collection[object]) -> None:
    """Raises the error of `unknown` if the value is none of `choices`."""
    try:
        there = value in choices
    except TypeError:  # such as a list, which is no key
        there = False
    if not there:
        raise unknown(place, kind, value, choices)


def refuse_unknown(place: str, kind: str, given: Iterable[object], choices: Sequence[object]) -> None:
    """Raises the error of `unknown` for the first value that is none of `choices`."""
    for value in given:
        need_one_of(place, kind, value, choices)


def check_whole(place: str, value: object, low: int, high: int) -> None:
    """Raises `InputError` for anything but a whole number within these bounds."""
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise InputError(f"{place}: expected a whole number from {low} to {high}; got {value!r:.80}")
