"""How well cheap looks at a candidate rank it as a whole training does: early epochs, brief trainings, proxies.

    python benchmarks/fidelity.py [--quick] [--children 32] [--parents 6] [--epochs 8] [--data digits] [OVERRIDE ...]

Parents are random candidates of a space, trained whole; children are mutations of them. Each child is trained whole
under two seeds, and looked at in every way. Printed is how each way agrees with the first whole training, over all
children and over the better half; the second whole training shows what agreement chance leaves. Overrides change the
space, such as search.architecture.network.stem.values.width=8. One thread for each of `--processes`.
"""

import argparse
import multiprocessing
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from environment import described
from nas.architecture import Architecture
from nas.architecture.context import context
from nas.architecture.plan import ShapeError
from nas.compose import configuration
from nas.cost import cost
from nas.search.agreement import agreement
from nas.search.display import number_of
from nas.search.proposal import Candidate, propose
from nas.search.screen import INHERITED, TRAINING, Screen
from nas.search.spaces import candidate_space
from nas.space.holes import Parameters
from nas.space.operators import mutate, random_parameters
from nas.space.space import Space
from nas.space.suggest import Recorded
from nas.training.candidate import run
from nas.training.job import PROXIES, Job
from nas.training.recipe import METRIC
from nas.training.result import Answer, Result, Score

WHOLE = "whole"


def brief(size: int) -> dict[str, Screen]:
    """Brief trainings, where images have so many pixels on the shorter side."""
    return {
        "1 epoch, annealed": Screen(TRAINING, 2, epochs=1),
        "2 epochs, annealed": Screen(TRAINING, 2, epochs=2),
        "2 epochs of half the images": Screen(TRAINING, 2, epochs=2, share=0.5),
        "2 epochs at half the size": Screen(TRAINING, 2, epochs=2, size=size // 2),
        "1 epoch, inherited": Screen(INHERITED, 2, epochs=1),
    }


@dataclass(frozen=True)
class Work:
    """A candidate to be trained in a folder, where its weights are called by its number."""

    document: Mapping[str, Any]
    data: str
    folder: Path
    number: int

    @property
    def weights(self) -> Path:
        return self.folder / f"{self.number}.pt"

    def job(self, way: str, document: Mapping[str, Any]) -> Job:
        load = configuration([f"data={self.data}"]).data
        return Job(document, load, "cpu", "32-true", self.folder / f"{self.number} {way}.checkpoint")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="2 parents, 4 children, 3 epochs")
    parser.add_argument("--children", type=int, default=32)
    parser.add_argument("--parents", type=int, default=6)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--data", default="digits")
    parser.add_argument("--space", default="inception_cell")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("overrides", nargs="*")
    options = parser.parse_args()
    if options.quick:
        options.parents, options.children, options.epochs = 2, 4, 3
    started = time.monotonic()
    print(described())
    composed = configuration([f"+search={options.space}", f"data={options.data}", *options.overrides])
    assert composed.space is not None
    space = candidate_space(composed.space, composed.training, composed.data(), 0, options.epochs)
    parents, children = families(space, options.parents, options.children)
    with TemporaryDirectory() as folder, multiprocessing.get_context("spawn").Pool(options.processes) as pool:
        make = partial(Work, data=options.data, folder=Path(folder))
        older = [make(each, number=number) for number, each in enumerate(parents)]
        pool.map(trained, older, chunksize=1)
        look = partial(looked_at, parents=tuple(work.weights for work in older))
        works = [make(each, number=number) for number, each in enumerate(children, len(older))]
        rows = []
        for row in pool.imap_unordered(look, works, chunksize=1):
            rows.append(row)
            print(f"{len(rows)} of {len(children)} children, {time.monotonic() - started:.0f} s", flush=True)
    rows.sort(key=lambda row: -row[WHOLE])
    print(
        f"{len(rows)} mutations of {len(parents)} random candidates of {options.space} on {options.data}\n"
        f"accuracy after {options.epochs} epochs: {rows[-1][WHOLE]:.3f} to {rows[0][WHOLE]:.3f}\n"
        "agreement with it, of all and of the better half:"
    )
    half = rows[: len(rows) // 2]
    for name in (name for name in rows[0] if name != WHOLE):
        some, all_ = (agreement([row[name] for row in of], [row[WHOLE] for row in of]) for of in (half, rows))
        print(f"{name:<32}{all_}; {some}")


def families(space: Space, parents: int, children: int) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """Documents of parents and their children, no two of which are one network."""
    found: dict[str, Candidate] = {}
    drawn: list[Parameters] = []
    for number in count():
        random = Random(number)
        older = len(found) < parents
        try:
            if older:
                one = random_parameters(space, random, context)
            else:
                one = mutate(space, random.choice(drawn), random, context)
        except ShapeError:
            continue
        proposed = propose(space, Recorded(one))
        if isinstance(proposed, Candidate) and proposed.digest not in found:
            found[proposed.digest] = proposed
            drawn += [one] if older else []
        if len(found) == parents + children:
            break
    documents = [each.document for each in found.values()]
    return documents[:parents], documents[parents:]


def trained(work: Work) -> None:
    run(replace(work.job("parent", work.document), weights=work.weights), go_on, threads=1)


def looked_at(work: Work, parents: tuple[Path, ...]) -> dict[str, float]:
    """A child's accuracy when it is trained whole, and what every way makes of it."""
    whole = run(work.job(WHOLE, work.document), go_on, threads=1)
    again = run(work.job("again", {**work.document, "seed": 1}), go_on, threads=1)
    assert isinstance(whole, Result)
    assert isinstance(again, Result)
    row = {WHOLE: whole.value, "whole, another seed": again.value}
    for epoch in {1, 2, 3, whole.epochs // 2, whole.epochs - 1}:
        row[f"{number_of(epoch, 'epoch')} of the whole training"] = whole.history[epoch - 1][METRIC]
    for way, screen in brief(min(work.document["architecture"]["input"]["size"])).items():
        job = replace(work.job(way, screen.brief(work.document)), size=screen.size, share=screen.share)
        looked = run(replace(job, parents=parents if screen.by == INHERITED else ()), go_on, threads=1)
        assert isinstance(looked, Result)
        row[way] = looked.value
    for proxy in PROXIES:
        score = run(replace(work.job(proxy, work.document), proxy=proxy), go_on, threads=1)
        assert isinstance(score, Score)
        row[proxy] = score.value
    price = cost(Architecture.from_document(work.document["architecture"]))
    return {**row, "parameters": price.parameters, "macs": price.macs}


def go_on(epoch: int, metrics: dict[str, float]) -> int:
    return Answer.GO_ON


if __name__ == "__main__":
    main()
