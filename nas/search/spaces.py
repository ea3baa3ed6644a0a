"""A space at some data, and what is drawn of it at random to see what it holds."""

from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any

from nas.data.images import ImageData
from nas.errors import InputError
from nas.search.proposal import Candidate, Misfit, propose
from nas.space.space import Space
from nas.space.suggest import RandomSuggest
from nas.training.recipe import Training


def at_data(space: Mapping[str, Any], channels: int, size: int | Sequence[int], classes: int, seed: int = 0) -> Space:
    """A space as composed, with the input and classes of some data; `seed` is that of its trainings."""
    own = {"input": {"channels": channels, "size": size}, "classes": classes}
    for key in own:
        if space["architecture"].get(key) is not None:
            raise InputError(f"search.architecture.{key}: comes from the data, so a space leaves it out")
    document = {"architecture": {**own, **space["architecture"]}, "training": space.get("training") or {}, "seed": seed}
    return Space.from_document(document, "search")


def candidate_space(
    space: Mapping[str, Any], training: Mapping[str, Any], data: ImageData, seed: int, max_epochs: int | None
) -> Space:
    """The space of candidate documents for this data: its input and classes, and the recipe with all overrides."""
    recipe = {**Training().to_document(), **(space.get("training") or {}), **training}
    if max_epochs is not None:
        recipe["epochs"] = max_epochs
    composed = {"architecture": space["architecture"], "training": recipe}
    return at_data(composed, data.channels, list(data.size), data.classes, seed)


def drawn(space: Space, number: int) -> Iterator[Candidate | Misfit]:
    """Candidates at random, the same each time; each hole is drawn evenly."""
    return (propose(space, RandomSuggest(Random(f"0 {index}"))) for index in range(number))


def quantile(values: Sequence[int], share: float) -> int:
    """The value that this share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
