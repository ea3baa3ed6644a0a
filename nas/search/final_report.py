"""What the finals say: their table, what follows from them in words, and the winner's document."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from math import isfinite
from typing import Any

from rich.console import Console
from rich.table import Table

from nas.data.images import ImageData
from nas.search.agreement import LEAST, Agreement, agreement
from nas.search.display import count, number_of, say
from nas.search.finals import BASELINE, FINALIST, Finals, Standing
from nas.search.statistics import Spread, spread, standard_error
from nas.search.summary import best_document
from nas.study import files
from nas.study.objectives import BEST
from nas.study.study import trials
from nas.training.recipe import METRIC


def write_finals(finals: Finals, data: ImageData) -> None:
    """finals.yaml, and best.yaml with the winner."""
    driver, standings = finals.driver, finals.standings()
    written = {
        "seeds": finals.seeds,
        "epochs": standings[0].network.candidate.training.epochs,
        "images": {"val": len(data.val.labels), "test": len(data.test.labels) if data.test else 0},
        "networks": [_written(standing) for standing in standings],
        **_skeleton(finals),
        "conclusion": conclusion(finals, data),
    }
    files.write_atomically(driver.folder / files.FINALS, files.yaml_text(written))
    winner, study = standings[0].network, driver.study
    assert winner.trial is not None, "finalists are trials"
    document = best_document(trials(study)[winner.trial], driver.space, data.record, study.study_name)
    text = f"# The winner of the finals of study {study.study_name!r}.\n"
    text += files.yaml_text(winner_document(finals, document))
    files.write_atomically(driver.folder / files.BEST, text)


def winner_document(finals: Finals, document: Mapping[str, Any]) -> dict[str, Any]:
    """The winner as it was trained under the first seed of the finals, whose figure a training of it repeats; its trial
    has given `document`.

    Its record says how it was chosen: its value in the search, and mean, standard deviation and number of its values
    in the finals.
    """
    first, *_ = finals.standings()
    run = finals.best()
    assert run is not None, "some training went well"
    trained = finals.trainings.trained[run.key]
    record = dict(document["record"])
    search = {"seed": document["seed"], METRIC: record[METRIC]}
    record |= {METRIC: trained.value, "epochs": trained.epochs, "threads": trained.threads, "device": trained.device}
    record |= {"seconds": trained.seconds, "versions": trained.versions}
    for key, value, usual in (("devices", trained.devices, 1), ("micro_batch", trained.micro_batch, None)):
        record.pop(key, None)
        if value != usual:
            record[key] = value
    chosen = {
        "by": f"{_rule(finals)} of {number_of(len(finals.finalists), 'finalist')}",
        "search": search,
        "finals": _figures(first.values),
    }
    if first.tests:
        chosen["test"] = _figures(first.tests)
    return {**run.candidate.document, "record": {**record, "chosen": chosen}}


def _rule(finals: Finals) -> str:
    best = finals.driver.objectives.best
    return f"highest mean {METRIC}" if best == "accurate" else f"{BEST[best]} (by mean {METRIC} and costs)"


def _skeleton(finals: Finals) -> dict[str, Any]:
    """How those that were placed in a skeleton rank there; empty if none were."""
    pairs = finals.pairs()
    if not pairs:
        return {}
    networks = [
        {**_written(large), "name": small.network.name, "kind": small.network.kind, "here": small.mean}
        for small, large in pairs
    ]
    found = {key: value for key, value in asdict(_agreement(pairs)).items() if isfinite(value)} if pairs[1:] else {}
    return {"skeleton": {"name": finals.options.skeleton, "agreement": found, "networks": networks}}


def _agreement(pairs: Sequence[tuple[Standing, Standing]]) -> Agreement:
    return agreement([small.mean for small, _ in pairs], [large.mean for _, large in pairs])


def _written(standing: Standing) -> dict[str, Any]:
    network = standing.network
    candidate = network.candidate
    written: dict[str, Any] = {
        "name": network.name,
        "kind": network.kind,
        "digest": candidate.digest,
        "parameters": candidate.cost.parameters,
        "macs": candidate.cost.macs,
        "lr": candidate.training.lr,
        "weight_decay": candidate.training.weight_decay,
        "search_value": network.search_values[0] if network.search_values else None,
        "validation": _figures(standing.values),
        "test": _figures(standing.tests),
        "failed": standing.failed,
        "over_budget": {name: round(share, 4) for name, share in standing.over.items()},
        "ran_on": standing.how,
    }
    if network.weights is not None:
        written["weights"] = {"file": str(network.weights.path), "sha256": network.weights.fingerprint}
    if network.kind == BASELINE:
        written["architecture"] = candidate.document["architecture"]
    return written


def _figures(values: Mapping[int, float]) -> dict[str, Any] | None:
    """Of values by seed; None if there are none."""
    if not values:
        return None
    return {**asdict(spread(list(values.values()))), "values": {str(seed): value for seed, value in values.items()}}


def finals_table(standings: Sequence[Standing], seeds: int) -> Table:
    title = f"finals: {METRIC} of {number_of(seeds, 'training seed')}, mean ± standard deviation"
    table = Table(title=title, title_justify="left", box=None, padding=(0, 1))
    tested = any(standing.tests for standing in standings)
    for column in ("network", "search", "validation", *(["test"] if tested else []), "parameters", "MACs"):
        table.add_column(column, justify="left" if column == "network" else "right", no_wrap=True)
    table.add_column("")
    for standing in standings:
        network, cost = standing.network, standing.network.candidate.cost
        notes = [f"over the limit of {name}" for name in standing.over]
        notes += [f"{standing.failed} failed"] if standing.failed else []
        notes += ["fine-tuned"] if network.weights else []
        table.add_row(
            network.name,
            f"{network.search_values[0]:.4f}" if network.search_values else "",
            str(standing.validation or ""),
            *([str(standing.test or "")] if tested else []),
            count(cost.parameters),
            count(cost.macs),
            ", ".join(notes),
        )
    return table


def print_finals(console: Console, finals: Finals, data: ImageData) -> int | None:
    """Gives back the number of the winner's trial."""
    say(console)
    console.print(finals_table(finals.standings(), len(finals.seeds)))
    say(console)
    console.print(conclusion(finals, data), markup=False)
    return finals.compared[0].trial


def conclusion(finals: Finals, data: ImageData) -> str:
    """What can be concluded, and what cannot."""
    return " ".join(_conclusions(finals, len(data.test.labels) if data.test else 0))


def _conclusions(finals: Finals, images: int) -> Iterator[str]:
    """A sentence each; `images` is the size of the test split."""
    winner, *others = standings = finals.standings()
    number = number_of(len(finals.finalists), "finalist")
    accurate = finals.driver.objectives.best == "accurate"
    among = f"the best of {number}" if accurate else f"of {number} {_rule(finals)}"
    seeds = number_of(len(winner.values), "training seed")
    yield f"{winner.network.name} is {among}, with a mean {METRIC} of {winner.validation} (n = {seeds})."
    for other in standings[1 : len(finals.compared)]:
        yield _compared(winner, other)
    rivals = [other for other in others if other.network.kind == FINALIST]
    level = [other.network.name for other in rivals if not _is_ahead(_difference(winner.values, other.values))]
    if level:
        yield f"These seeds do not tell it from {', '.join(level)}."
    if winner.test is None:
        yield "It was chosen by this very split, so its figure is too good; the test split has not been read."
    else:
        error = standard_error(winner.test.mean, images)
        yield f"The {images} test images alone give a standard error of {error:.4f}."
    yield from _ranks(winner, finals)
    yield from _unequal(standings)
    searches = "One search and one control say" if finals.control else "One search says"
    yield f"{searches} nothing of the method: intervals cover training seeds only, not what a new search finds."


def _compared(winner: Standing, other: Standing) -> str:
    split = "test" if winner.tests else "validation"
    found = _difference(winner.tests, other.tests) if winner.tests else _difference(winner.values, other.values)
    if found is None:
        return f"It cannot be compared with {other.network.name}: no training seed has gone well for both."
    said = f"Against {other.network.name} it has {found.mean:+.4f} on {split}"
    if found.interval is None:
        return f"{said}, under one training seed, which shows no spread."
    low, high = found.interval
    told = "" if low > 0 or high < 0 else ", which may as well be chance"
    return f"{said} (95 % interval {low:+.4f} to {high:+.4f}{told})."


def _difference(mine: Mapping[int, float], theirs: Mapping[int, float]) -> Spread | None:
    """Of the values under the seeds that both have."""
    both = [mine[seed] - theirs[seed] for seed in mine if seed in theirs]
    return spread(both) if both else None


def _is_ahead(difference: Spread | None) -> bool:
    return difference is not None and difference.interval is not None and difference.interval[0] > 0


def _ranks(winner: Standing, finals: Finals) -> Iterator[str]:
    """What placing candidates in the skeleton has shown."""
    pairs = finals.pairs()
    if len(pairs) < 2:
        return
    least = f" ({LEAST} are needed for an interval)" if len(pairs) < LEAST else ""
    said = (
        f"Between this network and {finals.options.skeleton}, the candidates' ranks agree by {_agreement(pairs)}{least}"
    )
    there = {small.network.name: large.mean for small, large in pairs}
    if winner.network.name in there:
        ahead = sum(mean > there[winner.network.name] for mean in there.values())
        said += f"; {winner.network.name} is number {ahead + 1} of {len(pairs)} there"
    yield f"{said}."


def _unequal(standings: Sequence[Standing]) -> Iterator[str]:
    """Says so if not all were trained on the same: batch norms see what a device takes at a time."""
    how = {standing.network.name: " and ".join(standing.how) for standing in standings if standing.how}
    kinds = list(dict.fromkeys(how.values()))
    if len(kinds) > 1:
        listed = "; ".join(f"{', '.join(name for name in how if how[name] == kind)} on {kind}" for kind in kinds)
        yield f"Not all were trained in the same way, so that differences are not the networks' alone: {listed}."
