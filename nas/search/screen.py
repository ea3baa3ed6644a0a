"""Looks at several candidates before one is trained: of `of` proposals, the one that a zero-cost proxy likes best."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nas.errors import InputError, unknown
from nas.training.job import PROXIES


@dataclass(frozen=True)
class Screen:
    """`search.screen={proxy: naswot, of: 8}`.

    The driver asks the study for `of` candidates that are new and within the budget, has a `Screening` job measure them
    all, trains the best and lets the others go, telling the study nothing of their accuracy.
    """

    proxy: str
    of: int

    @classmethod
    def from_option(cls, value: Any) -> "Screen | None":
        """None for null. Raises `InputError` for a proxy that there is not, or fewer than two candidates."""
        if value is None:
            return None
        if not isinstance(value, Mapping) or set(value) != {"proxy", "of"}:
            raise InputError(f"search.screen: expected {{proxy: ..., of: ...}}, or null for none; got {value!r:.80}")
        if value["proxy"] not in PROXIES:
            raise unknown("search.screen.proxy", "proxy", value["proxy"], PROXIES)
        of = value["of"]
        if not isinstance(of, int) or isinstance(of, bool) or not 2 <= of <= 1000:
            raise InputError(f"search.screen.of: expected a whole number from 2 to 1000; got {of!r:.80}")
        return cls(value["proxy"], of)

    def best(self, candidates: Sequence[Mapping[str, float]]) -> int:
        """The index of the candidate to train, given each one's proxies; of equal ones the first.

        Raises:
            ValueError: there are no candidates.
        """
        return max(range(len(candidates)), key=lambda index: candidates[index][self.proxy])
