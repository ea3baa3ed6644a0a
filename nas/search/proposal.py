"""From a trial's parameters to a candidate: sampled, checked, priced and identified."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from nas.architecture import Architecture
from nas.architecture.context import context
from nas.architecture.plan import ShapeError
from nas.cost import Cost, cost
from nas.search.options import Budget
from nas.space.holes import Scalar, Suggest
from nas.space.space import Space
from nas.training.recipe import Training


class OptunaTrial(Protocol):
    """What is asked of a trial of Optuna's, live or re-adopted."""

    def suggest_categorical(self, name: str, choices: Sequence[Scalar]) -> Any: ...

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int: ...

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float: ...


@dataclass(frozen=True)
class TrialSuggest:
    """Lets an Optuna trial fill the holes."""

    trial: OptunaTrial

    def choice(self, name: str, options: Sequence[Scalar]) -> Scalar:
        chosen: Scalar = self.trial.suggest_categorical(name, options)
        return chosen

    def integer(self, name: str, low: int, high: int, step: int, log: bool) -> int:
        return self.trial.suggest_int(name, low, high, step=step, log=log)

    def real(self, name: str, low: float, high: float, log: bool) -> float:
        return self.trial.suggest_float(name, low, high, log=log)


@dataclass(frozen=True)
class Candidate:
    """A document that can be trained, with its price. `key` is equal for candidates that would train alike."""

    document: Mapping[str, Any]
    architecture: Architecture
    training: Training
    cost: Cost
    key: str

    @property
    def digest(self) -> str:
        return self.architecture.digest

    @property
    def facts(self) -> dict[str, Any]:
        """What is recorded with the trial before it is trained."""
        return {
            "digest": self.digest,
            "parameters": self.cost.parameters,
            "macs": self.cost.macs,
            "depth": self.cost.depth,
            "memory": self.memory(),
            "key": self.key,
        }

    def memory(self, batch: int | None = None) -> int:
        """Bytes in training on batches of this size; None: of its own."""
        return self.cost.memory(batch or self.training.batch_size, _copies(self.training))


def _copies(training: Training) -> int:
    """Numbers for each parameter: itself, its gradient, its average (EMA), and what the optimizer remembers of it."""
    momentum = int(training.momentum > 0)
    remembered = {"adamw": 2, "sgd": momentum, "rmsprop": 1 + momentum}[training.optimizer]
    return 2 + int(training.ema > 0) + remembered


@dataclass(frozen=True)
class Misfit:
    """A sampled document whose ops do not fit one another, or the input."""

    reason: str


def propose(space: Space, suggest: Suggest) -> Candidate | Misfit:
    """The candidate that `suggest` makes of the space.

    Raises:
        InputError: the document is wrong in itself (an unknown op or field, a wrong recipe), which no other choice
            would mend.
    """
    try:
        document = space.sample(suggest, context)
        architecture = Architecture.from_document(document["architecture"])
    except ShapeError as error:
        return Misfit(str(error))
    training = Training.from_document(document.get("training", {}))
    return Candidate(document, architecture, training, cost(architecture), _key(architecture, document))


def _key(architecture: Architecture, document: Mapping[str, Any]) -> str:
    """The digest with every other value that matters to training; the digest holds the input shape."""
    rest = {key: value for key, value in document.items() if key != "architecture"}
    text = json.dumps(rest, sort_keys=True)
    return f"{architecture.digest}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


LIMITED: dict[str, Callable[[Candidate, Budget], int]] = {
    "parameters": lambda candidate, budget: candidate.cost.parameters,
    "macs": lambda candidate, budget: candidate.cost.macs,
    "depth": lambda candidate, budget: candidate.cost.depth,
    "memory": lambda candidate, budget: candidate.memory(budget.batch),
}
"""What a budget's limits are held against, as far as it follows from the document."""


def affordable(budget: Budget) -> Callable[[Architecture, Cost], bool]:
    """Whether an architecture is within those limits that follow from it alone, whatever it is trained with."""
    limits = {name: limit for name in ("parameters", "macs", "depth") if (limit := getattr(budget, name))}
    return lambda architecture, price: all(getattr(price, name) <= limit for name, limit in limits.items())


def excess(candidate: Candidate, budget: Budget) -> dict[str, float]:
    """By how much the candidate is over each limit, as a share of it; empty if it is within all.

    Its latency is not known before it is measured.
    """
    limits = {name: getattr(budget, name) for name in LIMITED}
    over = {name: LIMITED[name](candidate, budget) / limit - 1 for name, limit in limits.items() if limit}
    return {name: share for name, share in over.items() if share > 0}
