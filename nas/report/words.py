"""A study in words and figures: what was searched, what was found, what became of the proposals."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from nas.architecture.sketch import sketches
from nas.report.reading import StudyRecord
from nas.report.timeline import Timeline
from nas.search.display import count, duration, number_of
from nas.search.summary import early_agreement
from nas.study import states
from nas.study.objectives import accuracy
from nas.training.recipe import METRIC


def summary(record: StudyRecord, line: Timeline) -> list[str]:
    """A few sentences."""
    data = record.pin.get("data", {}).get("name", "its data")
    space = record.config.get("space")
    looked = f"The search over {space} on {data}" if space else f"The search on {data}"
    status = {"running": "is running", "ended": "has ended", "stopped": "has stopped before its end"}
    said = [
        f"{looked} {status[record.state]}: {record.counted} of {number_of(record.budget, 'candidate')} trained in "
        f"{duration(line.seconds)}, {number_of(record.slots, 'slot')} at a time that were busy {line.utilisation:.0%} "
        "of it."
    ]
    said += [_best(record)]
    said += [_proposals(record)]
    if early := early_agreement(record.trials):
        said.append(f"{early[0].upper()}{early[1:]}.")
    if record.finals is not None:
        said.append(f"The finals: {record.finals.get('conclusion', '')}")
    return said


def _best(record: StudyRecord) -> str:
    best = record.found.best
    if best is None:
        return "No candidate is complete yet."
    facts = best.user_attrs
    which = "The best of its Pareto front" if record.objectives.several else "The best"
    return (
        f"{which}, trial {best.number}, has {METRIC} {accuracy(best):.4f} with {count(facts['parameters'])} "
        f"parameters and {count(facts['macs'])} MACs: {_cells(record)}."
    )


def _cells(record: StudyRecord) -> str:
    best = record.found.best
    candidate = None if best is None else record.candidate(best)
    if candidate is None:
        return "its space is not here to say what it is"
    return "; ".join(f"{name} = {line}" for name, line in sketches(candidate.architecture).items())


def _proposals(record: StudyRecord) -> str:
    total = sum(record.counts.values())
    parts = [f"{number} {word}" for word, number in record.counts.items() if number]
    return (
        f"{number_of(total, 'proposal')} came to {number_of(len(record.found.architectures), 'trained architecture')}: "
        f"{', '.join(parts) or 'none has ended'}."
    )


def reasons(record: StudyRecord) -> list[tuple[str, str, int, int]]:
    """Why trials were not trained, or not to an end: the word, the reason, how many, and the number of one of them.

    Reasons are told apart by their words: figures in them are left out.
    """
    found: Counter[tuple[str, str]] = Counter()
    examples: dict[tuple[str, str], int] = {}
    for trial in record.trials:
        word, reason = states.word(trial), str(trial.user_attrs.get("reason", ""))
        if word is not None and word not in states.COUNTED and reason:
            key = word, _kind(reason)
            found[key] += 1
            examples[key] = trial.number
    return [(word, reason, number, examples[word, reason]) for (word, reason), number in found.most_common()]


def _kind(reason: str) -> str:
    without_log = reason.partition(" (see ")[0]
    words = ["…" if any(char.isdigit() for char in word) else word for word in without_log.split()]
    return " ".join(words)[:160]


def tiles(record: StudyRecord, line: Timeline) -> Iterable[tuple[str, str]]:
    """A few figures with their names."""
    best = record.found.best
    if best is not None:
        yield f"best {METRIC}", f"{best.values[0]:.4f}"
    yield "candidates trained", f"{record.counted} of {record.budget}"
    yield "architectures", str(len(record.found.architectures))
    if record.objectives.several:
        yield "on the Pareto front", str(len(record.found.front))
    yield "time", duration(line.seconds)
    yield "slots busy", f"{line.utilisation:.0%}"
    for word, title in ((states.TWIN, "twins"), (states.INFEASIBLE, "infeasible"), (states.FAILED, "failed")):
        if record.counts[word]:
            yield title, str(record.counts[word])


def written(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S %Z").strip()
