"""The numbers of a class that stands for several copies: what they agree in is written, what differs is an argument."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from nas.architecture.plan import Node
from nas.export.layout import is_attribute

Vector = tuple[int, ...]
"""One number of each copy, in their order."""

CHANNELS = "channels"
"""The argument for what comes in."""

TAKEN = {"chain", "float", "functional", "nn", "range", "self", "super", "torch", "without_gamma", "x"}
"""What else is called by name in a class."""


@dataclass
class Numbers:
    """`path` is where the first copy stands; `incoming` are the channels that come into each.

    `wanted` collects the numbers that differ, each with a name for it, until `settle` names the arguments.
    """

    path: str
    incoming: Vector
    names: dict[Vector, str] = field(default_factory=dict)
    wanted: dict[Vector, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _is_constant(self.incoming):
            self.names[self.incoming] = CHANNELS

    def written(self, numbers: Vector, name: str) -> str:
        """The number, or the argument or share of one that it is in every copy."""
        known = self.known(numbers)
        if known is None:
            self.wanted.setdefault(numbers, name)
        return known or name

    def known(self, numbers: Vector) -> str | None:
        """As `written`; None where it would be an argument of its own."""
        if _is_constant(numbers):
            return str(numbers[0])
        if numbers in self.names:
            return self.names[numbers]
        return next((found for base, name in self.names.items() if (found := _share(numbers, base, name))), None)

    def name_for(self, node: Node, argument: str = "") -> str:
        """What a number of a node may be called: by the words of its path within the class, `far_reduce`."""
        words = [word for word in node.path[len(self.path) :].split(".") if word and not word.isdecimal()]
        telling = [word for word in words if not re.fullmatch(r"(conv|branches|residual|graph|body)(_\d+)?", word)]
        argument = "" if argument == "width" and telling else argument
        return "_".join([*(telling or words[-1:]), *([argument] if argument else [])]) or "width"

    def settle(self) -> None:
        """Names the arguments: `width` alone if all are shares of one, else each by what it is."""
        missing = {numbers: name for numbers, name in self.wanted.items() if self.known(numbers) is None}
        if not missing:
            return
        largest = max(missing, key=sum)
        if all(_share(numbers, largest, "") or numbers == largest for numbers in missing):
            self.names[largest] = "width"
            return
        for numbers, name in missing.items():
            if self.known(numbers) is None:
                self.names[numbers] = free(name, self.names.values())


def free(name: str, taken: Iterable[str]) -> str:
    """A name for a variable: `name`, changed where Python does not allow it or it is taken."""
    taken = {*taken, *TAKEN}
    name = name if is_attribute(name) else f"_{name}"
    if name not in taken:
        return name
    return next(other for i in range(2, len(taken) + 3) if (other := f"{name}_{i}") not in taken)


def total(parts: Iterable[str]) -> str:
    """Their sum, with the numbers added up: `64 + 32 + pool` is `pool + 96`."""
    parts = list(parts)
    number = sum(int(part) for part in parts if part.isdecimal())
    words = [part for part in parts if not part.isdecimal()]
    counted = [_times(words.count(word), word) for word in dict.fromkeys(words)]
    return " + ".join([*counted, *([str(number)] if number or not words else [])])


def _times(count: int, word: str) -> str:
    if count == 1:
        return word
    return f"{count} * ({word})" if " " in word else f"{count} * {word}"


def _is_constant(numbers: Vector) -> bool:
    return len(set(numbers)) == 1


def _share(numbers: Vector, base: Vector, name: str) -> str | None:
    """`numbers` as a multiple or a fraction of `base` in every copy."""
    if all(n and b and b % n == 0 and b // n == base[0] // numbers[0] for n, b in zip(numbers, base, strict=True)):
        return f"{name} // {base[0] // numbers[0]}"
    if all(n and b and n % b == 0 and n // b == numbers[0] // base[0] for n, b in zip(numbers, base, strict=True)):
        return f"{numbers[0] // base[0]} * {name}"
    return None
