"""What is in a space, in figures: holes, documents, networks, prices of random candidates, and what is published."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

from nas.architecture.context import context
from nas.architecture.shapes import written
from nas.drawing import draw
from nas.drawing.space import draw_space
from nas.errors import InputError
from nas.search.contained import published_cells_in, published_networks_in
from nas.search.display import count as rounded
from nas.search.distinct import architectures, distinct
from nas.search.options import Budget
from nas.search.proposal import Candidate, Misfit, excess, propose
from nas.space.count import count
from nas.space.space import Space
from nas.space.suggest import RandomSuggest

UNITS = {"parameters": "parameters", "macs": "MACs", "depth": "layers", "memory": "bytes"}
QUANTILES = {"least": 0.0, "5 %": 0.05, "25 %": 0.25, "median": 0.5, "75 %": 0.75, "95 %": 0.95, "most": 1.0}


def at_data(space: Mapping[str, Any], channels: int, size: int | Sequence[int], classes: int, seed: int = 0) -> Space:
    """A space as composed, with the input and classes of some data; `seed` is that of its trainings."""
    own = {"input": {"channels": channels, "size": size}, "classes": classes}
    for key in own:
        if space["architecture"].get(key) is not None:
            raise InputError(f"search.architecture.{key}: comes from the data, so a space leaves it out")
    document = {"architecture": {**own, **space["architecture"]}, "training": space.get("training") or {}, "seed": seed}
    return Space.from_document(document, "search")


def quantile(values: Sequence[int], share: float) -> int:
    """The value that this share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def described(space: Space, name: str, samples: int, budget: Budget, enumerated: int) -> Iterator[str]:
    """Lines that say what is in the space; what takes longest comes last.

    Raises:
        InputError: none of `samples` random candidates fits the images; says why the first does not.
    """
    own = space.document["architecture"]
    size = own["input"]["size"]
    height, width = size if isinstance(size, list | tuple) else (size, size)
    yield f"{name} at {written((own['input']['channels'], height, width))}, {own['classes']} classes"
    yield ""
    yield from _counted(space, enumerated)
    yield ""
    yield from _priced(space, samples, budget)
    yield ""
    yield from _published(space)


def _counted(space: Space, enumerated: int) -> Iterator[str]:
    sections = Counter(_section(path) for path in space.holes)
    listed = ", ".join(f"{number} in {section}" for section, number in sections.items())
    yield f"holes       {len(space.holes)}" + (f": {listed}" if listed else "")
    everything, only = count(space, context), count(architectures(space), context)
    yield f"documents   {everything}"
    if everything != only:
        yield f"            {only} without training"
    networks = distinct(space, enumerated)
    yield f"networks    {'infinite' if networks is None else networks}"
    if networks and networks.at_least and only.documents <= 100_000:
        yield f"            (--enumerate {only.documents} makes them all, which takes minutes)"


def _section(path: str) -> str:
    words = path.split(".")
    return " ".join(words[:2]) if words[0] == "cells" else words[0]


def _priced(space: Space, samples: int, budget: Budget) -> Iterator[str]:
    drawn = list(_drawn(space, samples))
    candidates = [each for each in drawn if isinstance(each, Candidate)]
    misfits = [each.reason for each in drawn if isinstance(each, Misfit)]
    if not candidates:
        raise InputError(f"none of {samples} random candidates fits the images: {misfits[0]}")
    yield f"{samples:,} random candidates, each hole drawn evenly"
    yield "            " + "".join(f"{name:>10}" for name in QUANTILES)
    priced = [candidate.prices(budget.batch) for candidate in candidates]
    for name in priced[0]:
        values = [prices[name] for prices in priced]
        figures = "".join(f"{rounded(quantile(values, share)):>10}" for share in QUANTILES.values())
        yield f"{'MACs' if name == 'macs' else name:<12}{figures}"
    repeated = len(candidates) - len({candidate.digest for candidate in candidates})
    yield f"repeated    {_share(repeated, len(candidates))} are the same network as one before"
    if misfits:
        yield f"unfit       {_share(len(misfits), samples)} do not fit the images; the first: {misfits[0]}"
    over = [shares for candidate in candidates if (shares := excess(candidate, budget))]
    limits = {name: limit for name in priced[0] if (limit := getattr(budget, name))}
    if limits:
        listed = ", ".join(
            f"{_share(sum(name in each for each in over), samples)} over {rounded(limit)} {UNITS[name]}"
            for name, limit in limits.items()
        )
        both = f"{_share(len(over), samples)} in all: " if len(limits) > 1 else ""
        yield f"rejected    {both}{listed}"


def _drawn(space: Space, number: int) -> Iterator[Candidate | Misfit]:
    return (propose(space, RandomSuggest(Random(f"0 {index}"))) for index in range(number))


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.3g} %"


def _published(space: Space) -> Iterator[str]:
    networks = published_networks_in(space)
    yield f"published networks in it: {', '.join(networks) or 'none'}"
    cells = {place: names for place, names in published_cells_in(space).items() if names}
    yield "published cells in it, but for widths, norms and padding:" + ("" if cells else " none")
    for place, names in cells.items():
        by_network: dict[str, list[str]] = {}
        for name in names:
            network, _, part = name.partition(".")
            by_network.setdefault(network, []).append(part)
        yield f"  {place}"
        yield from (f"    {network:<28}{' '.join(parts)}" for network, parts in by_network.items())


def draw_candidates(space: Space, name: str, folder: Path, number: int = 10) -> Iterator[Path]:
    """Writes a picture of the space and of random candidates into `folder`; gives back the files, one by one.

    Raises:
        InputError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.svg").write_text(draw_space(space.document, name), encoding="utf-8")
        yield folder / f"{name}.svg"
        fitting = (each for each in _drawn(space, 100 * number) if isinstance(each, Candidate))
        for index, candidate in enumerate(islice(fitting, number), 1):
            path = folder / f"candidate_{index:02d}.svg"
            path.write_text(draw(candidate.architecture, title=f"{name} {index}"), encoding="utf-8")
            yield path
    except OSError as error:
        raise InputError(f"--draw: cannot write {str(folder)!r}: {error.strerror}") from None
