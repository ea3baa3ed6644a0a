"""How many different networks a space holds: exactly where it is small, else an estimate with an interval."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from random import Random

from nas.architecture import Architecture
from nas.architecture.context import context
from nas.architecture.derivation import GaveUp
from nas.architecture.matching import multiplicity
from nas.architecture.plan import ShapeError
from nas.space.count import count, uniform_parameters
from nas.space.enumeration import enumerate_documents
from nas.space.holes import Scalar
from nas.space.space import Space
from nas.space.suggest import Recorded

Z = 1.96
"""Of an interval that holds 95 % of a normal distribution."""


@dataclass(frozen=True)
class Distinct:
    """The number of different networks, those left out that do not fit the images.

    `low` and `high` are the ends of a 95 % interval, and equal where the number is exact; `method` says how it came
    about. If `at_least`, the number is a lower bound by its method, and the interval is one of that bound.
    """

    number: int
    low: int
    high: int
    method: str
    at_least: bool = False

    def __str__(self) -> str:
        if self.low == self.high == self.number and not self.at_least:
            return f"{self.number:,} ({self.method})"
        least = "at least " if self.at_least else ""
        return f"{least}{_short(self.number)} ({_short(self.low)} to {_short(self.high)}; {self.method})"


def distinct(space: Space, enumerated: int = 2_000, drawn: int = 30, seed: int = 0) -> Distinct | None:
    """The number of digests among the space's architectures; None if a range of real numbers makes them infinite.

    Up to `enumerated` documents, all are made. Beyond, of `drawn` documents, each as likely as any other, it is
    counted how many documents are the same network (m): the number of networks is the number of documents times the
    mean of 1/m, or of 0 for a document that does not fit (a Horvitz-Thompson estimate). The mean has a Wilson
    interval, which is on the safe side for what lies between 0 and 1. Where m takes too long to count, 20 times as
    many documents are drawn, and their repetitions give Chao's lower bound (1984) with his interval (1987).
    """
    only = architectures(space)
    total = count(only, context)
    if total.ranges:
        return None
    if total.documents <= enumerated:
        digests = set(_digests(only, enumerate_documents(only, context)))
        return Distinct(len(digests), len(digests), len(digests), f"all {total.documents:,} documents made")
    try:
        shares = [_share(only, uniform_parameters(only, Random(f"{seed} {index}"), context)) for index in range(drawn)]
    except GaveUp:
        many = (uniform_parameters(only, Random(f"{seed} {index}"), context) for index in range(20 * drawn))
        return chao(Counter(_digests(only, many)), total.documents)
    mean = sum(shares) / drawn
    low, high = wilson(mean, drawn)
    number, least, most = (round(total.documents * share) for share in (mean, low, high))
    return Distinct(number, least, most, f"95 % interval from {drawn} documents and all that are the same network")


def architectures(space: Space) -> Space:
    """The space of architectures alone, which depend on nothing else."""
    return Space.from_document({"architecture": space.document["architecture"]})


def _share(space: Space, parameters: Mapping[str, Scalar]) -> float:
    architecture = _architecture(space, parameters)
    return 0.0 if architecture is None else 1 / multiplicity(space, architecture)


def _digests(space: Space, documents: Iterable[Mapping[str, Scalar]]) -> Iterator[str]:
    for parameters in documents:
        architecture = _architecture(space, parameters)
        if architecture is not None:
            yield architecture.digest


def _architecture(space: Space, parameters: Mapping[str, Scalar]) -> Architecture | None:
    try:
        return Architecture.from_document(space.sample(Recorded(parameters), context)["architecture"])
    except ShapeError:
        return None


def wilson(mean: float, number: int) -> tuple[float, float]:
    """The interval around the mean of `number` values between 0 and 1 (Wilson 1927)."""
    centre = (mean + Z**2 / (2 * number)) / (1 + Z**2 / number)
    half = Z / (1 + Z**2 / number) * math.sqrt(mean * (1 - mean) / number + Z**2 / (4 * number**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def chao(seen: Counter[str], most: int) -> Distinct:
    """A lower bound of the number of kinds from how often each was seen, bias-corrected, and no more than `most`."""
    number = len(seen)
    once = sum(times == 1 for times in seen.values())
    twice = sum(times == 2 for times in seen.values())
    unseen = once * (once - 1) / (2 * (twice + 1))
    method = f"Chao's bound from {seen.total():,} documents, {number:,} of them different"
    if not unseen:
        return Distinct(number, number, min(most, number), method, at_least=True)
    ratio = once / max(twice, 1)
    variance = (
        max(twice, 1) * (ratio**2 / 2 + ratio**3 + ratio**4 / 4)
        if twice
        else unseen + once * (2 * once - 1) ** 2 / 4 - once**4 / (4 * (number + unseen))
    )
    spread = math.exp(Z * math.sqrt(math.log(1 + variance / unseen**2)))
    low, high = number + unseen / spread, number + unseen * spread
    return Distinct(round(number + unseen), round(low), min(most, round(high)), method, at_least=True)


def _short(number: int) -> str:
    """Few digits of a large number: `2.82e11`, `15,625`."""
    return f"{number:,}" if number < 1_000_000 else f"{number:.2e}".replace("e+", "e").replace("e0", "e")
