"""From a trial's parameters to a candidate: sampled, checked, priced and identified."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from optuna.trial import BaseTrial

from nas.architecture import Architecture
from nas.architecture.context import context
from nas.architecture.plan import ShapeError
from nas.cost import Cost, cost
from nas.search.options import Budget
from nas.space.holes import Hole, Integer, Real, Scalar, Suggest
from nas.space.space import Space
from nas.space.suggest import Recorded
from nas.training.recipe import Training


@dataclass(frozen=True)
class TrialSuggest:
    """Lets an Optuna trial fill the holes."""

    trial: BaseTrial

    def __call__(self, name: str, hole: Hole) -> Scalar:
        match hole:
            case Integer(low=low, high=high, step=step, log=log):
                return self.trial.suggest_int(name, low, high, step=step, log=log)
            case Real(low=low, high=high, log=log):
                return self.trial.suggest_float(name, low, high, log=log)
            case _:
                return self.trial.suggest_categorical(name, hole.values)


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
        return {"digest": self.digest, **self.prices(), "key": self.key}

    def prices(self, batch: int | None = None) -> dict[str, int]:
        """What a budget limits, as far as it follows from the document; memory with batches of this size."""
        cost = self.cost
        return {"parameters": cost.parameters, "macs": cost.macs, "depth": cost.depth, "memory": self.memory(batch)}

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


def trained_candidate(space: Space, parameters: Mapping[str, Scalar]) -> Candidate:
    """The candidate of a complete trial with these parameters, made again."""
    candidate = propose(space, Recorded(parameters))
    assert isinstance(candidate, Candidate), "a complete trial was a candidate"
    return candidate


def _key(architecture: Architecture, document: Mapping[str, Any]) -> str:
    """The digest with every other value that matters to training; the digest holds the input shape."""
    rest = {key: value for key, value in document.items() if key != "architecture"}
    text = json.dumps(rest, sort_keys=True)
    return f"{architecture.digest}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def affordable(budget: Budget) -> Callable[[Architecture, Cost], bool]:
    """Whether an architecture is within those limits that follow from it alone, whatever it is trained with."""
    limits = {name: limit for name in ("parameters", "macs", "depth") if (limit := getattr(budget, name))}
    return lambda architecture, price: all(getattr(price, name) <= limit for name, limit in limits.items())


def excess(candidate: Candidate, budget: Budget) -> dict[str, float]:
    """By how much the candidate is over each limit, as a share of it; empty if it is within all.

    Its latency is not known before it is measured.
    """
    prices = candidate.prices(budget.batch).items()
    over = {name: price / limit - 1 for name, price in prices if (limit := getattr(budget, name))}
    return {name: share for name, share in over.items() if share > 0}
