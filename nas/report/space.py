"""`python -m nas space NAME ...`: what a search space holds, in figures and pictures."""

from argparse import Namespace
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from nas.architecture.context import context
from nas.architecture.shapes import written
from nas.compose import configuration
from nas.drawing import draw
from nas.drawing.space import draw_space
from nas.errors import InputError
from nas.overrides import quoted
from nas.report.contained import published_cells_in, published_networks_in
from nas.report.distinct import architectures, distinct
from nas.search.display import count as rounded
from nas.search.options import Budget
from nas.search.proposal import Candidate, Misfit, excess
from nas.search.spaces import at_data, drawn, quantile
from nas.space.count import count
from nas.space.space import Space

UNITS = {"parameters": "parameters", "macs": "MACs", "depth": "layers", "memory": "bytes"}
QUANTILES = {"least": 0.0, "5 %": 0.05, "25 %": 0.25, "median": 0.5, "75 %": 0.75, "95 %": 0.95, "most": 1.0}
PICTURES = 10


def run(given: Namespace) -> None:
    config = configuration([f"+search={quoted(given.space)}", *given.overrides])
    assert config.space is not None, "a space was added"
    name, space = str(config.space_name), at_data(config.space, given.channels, given.data_size, given.classes)
    limits = ("parameters", "macs", "depth", "memory", "batch")
    budget = Budget(**{limit: getattr(given, f"budget_{limit}") for limit in limits})
    print(f"{name} at {written((given.channels, given.data_size, given.data_size))}, {given.classes} classes")
    for lines in (_counted(space, given.enumerate), _priced(space, given.samples, budget), _published(space)):
        print()
        for line in lines:
            print(line, flush=True)
    if given.draw:
        for path in _draw(space, name, given.draw):
            print(path)


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
    proposals = list(drawn(space, samples))
    candidates = [each for each in proposals if isinstance(each, Candidate)]
    misfits = [each.reason for each in proposals if isinstance(each, Misfit)]
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


def _draw(space: Space, name: str, folder: Path) -> Iterator[Path]:
    """Pictures of the space and of random candidates, written into `folder` one by one."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.svg").write_text(draw_space(space.document, name), encoding="utf-8")
        yield folder / f"{name}.svg"
        fitting = (each for each in drawn(space, 100 * PICTURES) if isinstance(each, Candidate))
        for index, candidate in enumerate(islice(fitting, PICTURES), 1):
            path = folder / f"candidate_{index:02d}.svg"
            path.write_text(draw(candidate.architecture, title=f"{name} {index}"), encoding="utf-8")
            yield path
    except OSError as error:
        raise InputError(f"--draw: cannot write {str(folder)!r}: {error.strerror}") from None
