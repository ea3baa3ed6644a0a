"""The one error for input that is refused: it names the place, the value and the choices."""

from collections.abc import Iterable
from difflib import get_close_matches


class InputError(ValueError):
    """Something the user gave cannot be used. ``str()`` of it is fit to be shown without a traceback."""


def unknown(place: str, kind: str, value: object, choices: Iterable[object]) -> InputError:
    """An `InputError` for a value that is none of `choices`, with the nearest choice suggested.

    >>> str(unknown("network.3.cell", "cell", "norml", ["normal", "reduction"]))
    "network.3.cell: no cell 'norml'; did you mean 'normal'? There are: normal, reduction"
    """
    names = [str(choice) for choice in choices]
    near = get_close_matches(str(value), names, n=1)
    hint = f" did you mean {near[0]!r}?" if near else ""
    listed = ", ".join(names) if names else "none"
    return InputError(f"{place}: no {kind} {value!r};{hint} There are: {listed}")


def check_whole(place: str, value: object, low: int, high: int) -> None:
    """Raises `InputError` for anything but a whole number within these bounds."""
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise InputError(f"{place}: expected a whole number from {low} to {high}; got {value!r:.80}")


def need_one_of(place: str, kind: str, value: object, choices: Iterable[object]) -> None:
    """Raises the error of `unknown` if the value is none of `choices`."""
    if value not in (choices if isinstance(choices, list | tuple) else tuple(choices)):
        raise unknown(place, kind, value, choices)
