"""Which candidates have been trained or are being trained, so that none is trained twice."""

from collections import defaultdict
from dataclasses import dataclass, field

from nas.search.proposal import Candidate


@dataclass
class Known:
    """`per_architecture` is how many settings of the rest (a learning rate, say) one architecture may have."""

    per_architecture: int
    _keys: dict[str, int] = field(default_factory=dict)
    _settings: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def add(self, key: str, number: int) -> None:
        """Trial `number` has the candidate of that key; of equals, the first counts."""
        if key not in self._keys:
            self._keys[key] = number
            self._settings[_digest(key)].append(number)

    def has_failed(self, key: str) -> None:
        """Its architecture may be tried with other settings; this very candidate need not be tried again."""
        if key in self._keys and self._keys[key] in self._settings[_digest(key)]:
            self._settings[_digest(key)].remove(self._keys[key])

    def forget(self, key: str, number: int) -> None:
        """Trial `number` does not have the candidate any more, so that it is new once again."""
        if self._keys.get(key) == number:
            self.has_failed(key)
            del self._keys[key]

    def equals(self, candidate: Candidate, number: int) -> list[int]:
        """The trial that trains like that of this `number`; or, if its architecture has had all its settings, the
        trials with these. Empty: the candidate is new."""
        if candidate.key in self._keys:
            return [same] if (same := self._keys[candidate.key]) != number else []
        others = self._settings[candidate.digest]
        return list(others) if len(others) >= self.per_architecture else []


def _digest(key: str) -> str:
    return key.partition("-")[0]
