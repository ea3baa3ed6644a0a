"""What the finals say: their table, what follows from them in words, and the winner's document."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import isfinite
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from nas.data.images import ImageData
from nas.search import files
from nas.search.agreement import LEAST, Agreement, agreement
from nas.search.display import count, number_of, say
from nas.search.finals import BASELINE, FINALIST, Finals, Standing
from nas.search.objectives import BEST
from nas.search.statistics import Spread, spread, standard_error
from nas.training.recipe import METRIC


def write_finals(folder: Path, finals: Finals, document: Mapping[str, Any], data: ImageData) -> None:
    """finals.yaml, and best.yaml with the winner; `document` is the candidate document of the winner's trial."""
    standings = finals.standings()
    written = {
        "seeds": finals.seeds,
        "epochs": standings[0].network.candidate.training.epochs,
        "images": {"val": len(data.val.labels), "test": len(data.test.labels) if data.test else 0},
        "networks": [_written(standing) for standing in standings],
        **_skeleton(finals),
        "conclusion": conclusion(standings, finals, len(data.test.labels) if data.test else 0),
    }
    files.write_atomically(folder / files.FINALS, files.yaml_text(written))
    text = files.yaml_text(winner_document(finals, document))
    study = document["record"]["study"]
    files.write_atomically(folder / files.BEST, f"# The winner of the finals of study {study!r}.\n{text}")


def winner_document(finals: Finals, document: Mapping[str, Any]) -> dict[str, Any]:
    """The winner as it was trained under the first seed of the finals, whose figure a training of it repeats.

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
        "finals": _figures(first.validation, first.values),
    }
    if first.test is not None:
        chosen["test"] = _figures(first.test, first.tests)
    return {**run.candidate.document, "record": {**record, "chosen": chosen}}


def _rule(finals: Finals) -> str:
    best = finals.objectives.best
    return f"highest mean {METRIC}" if best == "accurate" else f"{BEST[best]} (by mean {METRIC} and costs)"


def _skeleton(finals: Finals) -> dict[str, Any]:
    """How those that were placed in a skeleton rank there; empty if none were."""
    pairs = finals.in_skeleton()
    if not pairs:
        return {}
    networks = [
        {**_written(large), "name": small.network.name, "kind": small.network.kind, "here": _mean(small)}
        for small, large in pairs
    ]
    found = {key: value for key, value in asdict(_agreement(pairs)).items() if isfinite(value)} if pairs[1:] else {}
    return {"skeleton": {"name": finals.options.skeleton, "agreement": found, "networks": networks}}


def _agreement(pairs: Sequence[tuple[Standing, Standing]]) -> Agreement:
    return agreement([_mean(small) for small, _ in pairs], [_mean(large) for _, large in pairs])


def _mean(standing: Standing) -> float:
    return standing.validation.mean if standing.validation else 0.0


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
        "validation": _figures(standing.validation, standing.values),
        "test": _figures(standing.test, standing.tests),
        "failed": standing.failed,
        "over_budget": {name: round(share, 4) for name, share in standing.over.items()},
        "ran_on": sorted(map(str, standing.how)),
    }
    if network.weights is not None:
        written["weights"] = {"file": str(network.weights.path), "sha256": network.weights.fingerprint}
    if network.kind == BASELINE:
        written["architecture"] = candidate.document["architecture"]
    return written


def _figures(figures: Spread | None, values: Mapping[int, float]) -> dict[str, Any] | None:
    if figures is None:
        return None
    return {"mean": figures.mean, "std": figures.std, "n": figures.n, "values": {str(k): v for k, v in values.items()}}


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
    standings = finals.standings()
    say(console)
    console.print(finals_table(standings, len(finals.seeds)))
    say(console)
    console.print(conclusion(standings, finals, len(data.test.labels) if data.test else 0), markup=False)
    return standings[0].network.trial


def conclusion(standings: Sequence[Standing], finals: Finals, images: int) -> str:
    """What can be concluded, and what cannot; `images` is the size of the test split."""
    winner, *others = standings
    split = "test" if winner.tests else "validation"
    among = f"the best of {number_of(len(finals.finalists), 'finalist')}"
    if finals.objectives.best != "accurate":
        among = f"of {number_of(len(finals.finalists), 'finalist')} {_rule(finals)}"
    said = [f"{winner.network.name} is {among}, with a mean {METRIC} of {winner.validation} ({_n(winner)})."]
    beside = [network.name for network in finals.compared() or []]
    said += [_compared(winner, other, split) for other in others if other.network.name in beside]
    rivals = [other for other in others if other.network.kind == FINALIST]
    level = [other.network.name for other in rivals if not _is_ahead(winner, other, "validation")]
    if level:
        said.append(f"These seeds do not tell it from {', '.join(level)}.")
    if split == "validation":
        said.append("It was chosen by this very split, so its figure is too good; the test split has not been read.")
    elif winner.test is not None:
        error = standard_error(winner.test.mean, images)
        said.append(f"The {images} test images alone give a standard error of {error:.4f}.")
    said += [*_ranks(winner, finals), *_unequal(standings)]
    searches = "One search and one control say" if finals.control else "One search says"
    said.append(f"{searches} nothing of the method: intervals cover training seeds only, not what a new search finds.")
    return " ".join(said)


def _ranks(winner: Standing, finals: Finals) -> list[str]:
    """What placing candidates in the skeleton has shown."""
    pairs = finals.in_skeleton()
    if len(pairs) < 2:
        return []
    least = f" ({LEAST} are needed for an interval)" if len(pairs) < LEAST else ""
    said = (
        f"Between this network and {finals.options.skeleton}, the candidates' ranks agree by {_agreement(pairs)}{least}"
    )
    there = {small.network.name: _mean(large) for small, large in pairs}
    if winner.network.name in there:
        ahead = sum(mean > there[winner.network.name] for mean in there.values())
        said += f"; {winner.network.name} is number {ahead + 1} of {len(pairs)} there"
    return [f"{said}."]


def _unequal(standings: Sequence[Standing]) -> list[str]:
    """Says so if not all were trained on the same: batch norms see what a device takes at a time."""
    how = {standing.network.name: " and ".join(sorted(map(str, standing.how))) for standing in standings}
    kinds = list(dict.fromkeys(filter(None, how.values())))
    if len(kinds) < 2:
        return []
    listed = "; ".join(f"{', '.join(name for name in how if how[name] == kind)} on {kind}" for kind in kinds)
    return [f"Not all were trained in the same way, so that differences are not the networks' alone: {listed}."]


def _n(standing: Standing) -> str:
    return f"n = {number_of(len(standing.values), 'training seed')}"


def _of(standing: Standing, split: str) -> Mapping[int, float]:
    return standing.tests if split == "test" else standing.values


def _difference(one: Standing, other: Standing, split: str) -> Spread | None:
    """Of the values under the seeds that both have."""
    mine, theirs = _of(one, split), _of(other, split)
    both = [mine[seed] - theirs[seed] for seed in mine if seed in theirs]
    return spread(both) if both else None


def _is_ahead(one: Standing, other: Standing, split: str) -> bool:
    difference = _difference(one, other, split)
    return difference is not None and difference.interval is not None and difference.interval[0] > 0


def _compared(winner: Standing, other: Standing, split: str) -> str:
    difference = _difference(winner, other, split)
    if difference is None:
        return f"It cannot be compared with {other.network.name}: no training seed has gone well for both."
    said = f"Against {other.network.name} it has {difference.mean:+.4f} on {split}"
    if difference.interval is None:
        return f"{said}, under one training seed, which shows no spread."
    low, high = difference.interval
    told = "" if low > 0 or high < 0 else ", which may as well be chance"
    return f"{said} (95 % interval {low:+.4f} to {high:+.4f}{told})."
