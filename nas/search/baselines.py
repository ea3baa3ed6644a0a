"""What a search's winner is held against: published networks and cells, or the user's own, by the winner's recipe."""

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from nas.architecture import Architecture
from nas.architecture.context import context
from nas.cost import Cost, cost
from nas.errors import InputError
from nas.search.proposal import Candidate
from nas.search.start import cell_point, read_source
from nas.space.holes import Scalar
from nas.space.space import Space
from nas.space.suggest import Recorded, first
from nas.training.recipe import Training
from nas.training.starting import fingerprint, tried

SMALL = 64
"""Images of at most so many pixels take a network's variant `small`, if it offers one and no other is asked for."""

PLACE = "search.finals.baselines"


@dataclass(frozen=True)
class Weights:
    """A file of weights to begin with; `about` says what the network takes from it."""

    path: Path
    fingerprint: str
    about: str


@dataclass(frozen=True)
class Baseline:
    """A network, by its document; or a cell, by the parameters that a space has for it."""

    source: str
    architecture: Mapping[str, Any] | None
    parameters: Mapping[str, Scalar]
    weights: Weights | None = None

    @property
    def name(self) -> str:
        own = Path(self.source).stem if self.source.endswith((".yaml", ".yml")) else self.source
        return own if self.weights is None else f"{own} from {self.weights.path.name}"


def read_baselines(
    space: Space, sources: Sequence[str | Mapping[str, str]], imports: Sequence[str] = ()
) -> list[Baseline]:
    """The baselines that the sources name, each checked to fit the images.

    A source is a published network, `resnet18`, or the file of a document, with `:VARIANT` behind it if one is wanted;
    or a published cell such as `inception_v3.a` or the file of an op, which then takes the place of the cell in the
    winner's network. A network with weights, `{architecture: ..., weights: FILE}`, is fine-tuned; whether they fit is
    tried in a process of its own, which `imports` modules that register ops.

    Raises:
        InputError: there is no such source, or it does not fit the images or the space; says why.
    """
    found = [_read(space, source, imports) for source in sources]
    names = [baseline.name for baseline in found]
    if len(set(names)) < len(names):
        raise InputError(f"{PLACE}: two are called alike: {', '.join(names)}")
    return found


def _read(space: Space, given: str | Mapping[str, str], imports: Sequence[str]) -> Baseline:
    source, weights = (given, None) if isinstance(given, str) else (given["architecture"], given["weights"])
    try:
        name, variant = _named(source)
        document = read_source(name)
        if "op" in document:
            if weights is not None:
                raise InputError("a cell has no weights of its own; give a whole network with them")
            return Baseline(source, None, cell_point(space, source, document).parameters)
        architecture = {**document["architecture"]}
        own = space.document["architecture"]
        if variant is None and "small" in (architecture.get("variants") or {}) and max(own["input"]["size"]) <= SMALL:
            variant = "small"
        architecture |= {} if variant is None else {"variant": variant}
        cost(Architecture.from_document(architecture), _shape(space), own["classes"])
        begin = None if weights is None else _weights(space, architecture, Path(weights).expanduser(), imports)
        return Baseline(source, architecture, {}, begin)
    except InputError as error:
        raise InputError(f"{PLACE}: {source}: {error}") from None


def _named(source: str) -> tuple[str, str | None]:
    """What a source names, and the variant that it asks for."""
    name, colon, variant = source.rpartition(":")
    return (name, variant) if colon and not Path(source).exists() else (source, None)


def _weights(space: Space, architecture: Mapping[str, Any], path: Path, imports: Sequence[str]) -> Weights:
    if not path.is_file():
        raise InputError(f"weights: no file {str(path)!r}")
    classes = space.document["architecture"]["classes"]
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:  # this one does without torch
        about = process.submit(tried, architecture, _shape(space), classes, path, imports).result()
    return Weights(path.resolve(), fingerprint(path), about)


def _shape(space: Space) -> tuple[int, int, int]:
    given = space.document["architecture"]["input"]
    return given["channels"], *given["size"]


def candidate_of(
    baseline: Baseline, space: Space, winner: Candidate, parameters: Mapping[str, Scalar], equal: str | None
) -> Candidate:
    """The baseline as it is trained beside `winner`, which has these parameters in the space: by the same recipe.

    With `equal` (parameters or macs), all its widths are multiplied by what brings it nearest to the winner's from
    below, unless it begins with weights.

    Raises:
        InputError: it cannot be made so; says why.
    """
    filled = Recorded({**parameters, **baseline.parameters}, first)
    document = baseline.architecture or space.sample(filled, context)["architecture"]
    classes = space.document["architecture"]["classes"]

    def made(times: float) -> tuple[Architecture, Cost]:
        architecture = Architecture.from_document(document if times == 1 else _widened(document, times))
        return architecture, cost(architecture, _shape(space), classes)

    times = 1.0
    if equal is not None and baseline.weights is None:
        times = _largest(lambda times: getattr(made(times)[1], equal), getattr(winner.cost, equal))
    architecture, price = made(times)
    return under(replace(winner, architecture=architecture, cost=price), winner.training, winner.document["seed"])


def under(candidate: Candidate, training: Training, seed: int) -> Candidate:
    """The candidate under this recipe and seed, with everything in its document written out."""
    architecture = candidate.architecture.to_document()
    document = {"architecture": architecture, "training": training.to_document(), "seed": seed}
    return replace(candidate, document=document, training=training)


def _widened(document: Mapping[str, Any], times: float) -> dict[str, Any]:
    own = document.get("width_multiplier", 1.0)
    scaling = own if isinstance(own, Mapping) else {"times": own}
    return {**document, "width_multiplier": {**scaling, "times": scaling.get("times", 1.0) * times}}


def _largest(measure: Callable[[float], int], limit: int) -> float:
    """The largest factor, to four digits, with which what is measured is not over the limit.

    Where it cannot be measured, ops have become too narrow.
    """
    low, high, found = math.log(1 / 64), math.log(64), None
    for _ in range(17):
        middle = (low + high) / 2
        try:
            fits = measure(math.exp(middle)) <= limit
        except InputError:
            low = middle
            continue
        low, high, found = (middle, high, math.exp(middle)) if fits else (low, middle, found)
    if found is None:
        raise InputError(f"it cannot be made as small as the winner's {limit:,}")
    return found
