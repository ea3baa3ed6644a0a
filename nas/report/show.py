"""`python -m nas show STUDY [TRIAL]`: a candidate's facts, learning curve, cells and document."""

from argparse import Namespace
from collections.abc import Mapping

from optuna.trial import FrozenTrial

from nas.architecture.sketch import sketches
from nas.report.reading import StudyRecord, read_study
from nas.search.display import console, count, duration, say
from nas.study import states
from nas.study.curves import curve
from nas.study.files import yaml_text
from nas.study.objectives import accuracy
from nas.training.recipe import METRIC

BARS = "▁▂▃▄▅▆▇█"


def run(given: Namespace) -> None:
    record = read_study(given.study)
    trial = record.best_trial if given.trial is None else record.trial(given.trial)
    to = console()
    for name, said in facts(record, trial).items():
        say(to, f"{name:<13}{said}")
    candidate = record.candidate(trial)
    if candidate is None:
        say(to, "\nsampled:")
        for name, value in trial.params.items():
            say(to, f"  {name}: {value}")
        return
    say(to)
    for name, text in sketches(candidate.architecture).items():
        say(to, f"{name}: {text}")
    say(to, f"\n{yaml_text(candidate.document)}".rstrip())


def facts(record: StudyRecord, trial: FrozenTrial) -> dict[str, str]:
    """What is known of a trial."""
    attrs, value, own = trial.user_attrs, accuracy(trial), curve(trial)
    word = states.word(trial) or ("in training" if record.running else "interrupted")
    marks = ["the best"] * (record.found.best is not None and record.found.best.number == trial.number)
    marks += ["on the Pareto front"] * (record.objectives.several and trial.number in record.found.numbers)
    rows = {"trial": ", ".join([f"{trial.number} of {record.name}", word, *marks])}
    if value is not None:
        rows[METRIC] = f"{value:.4f}"
    words = {"parameters": "parameters", "macs": "MACs", "depth": "depth"}
    rows |= {word: count(attrs[name]) for name, word in words.items() if name in attrs}
    if "memory" in attrs:
        rows["memory"] = f"{count(attrs['memory'])}B in training"
    if "latency" in attrs:
        rows["latency"] = f"{1000 * attrs['latency']['median']:.3g} ms a batch of {attrs['latency']['batch']}"
    if "seconds" in attrs:
        rows["time"] = duration(attrs["seconds"])
    rows |= {name: str(attrs[name]) for name in ("digest", "reason") if attrs.get(name)}
    if own:
        rows["epochs"] = f"{len(own)}, {own[min(own)]:.4f} {drawn(own)} {own[max(own)]:.4f}"
    return rows


def drawn(curve: Mapping[int, float]) -> str:
    """A bar for each epoch, between the lowest and the highest value.

    >>> drawn({0: 0.1, 1: 0.5, 2: 0.9})
    '▁▅█'
    """
    low, high = min(curve.values()), max(curve.values())
    step = (high - low) / (len(BARS) - 1) or 1.0
    return "".join(BARS[int((curve[epoch] - low) / step + 0.5)] for epoch in sorted(curve))
