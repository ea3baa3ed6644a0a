"""`python -m nas status STUDY`: where a search stands, from another shell; after it, where it ended."""

from argparse import Namespace
from datetime import datetime

from nas.report.reading import StudyRecord, read_study
from nas.report.timeline import timeline
from nas.search.display import console, number_of, say, standing
from nas.search.progress import Progress, Running
from nas.search.summary import sketched
from nas.study import states
from nas.study.curves import curve

AROUND = 10
"""Lines of the terminal that are no candidates in training."""


def run(given: Namespace) -> None:
    record = read_study(given.study)
    to = console()
    best = record.found.best
    sketch = "" if best is None else sketched(record.space, best.params)
    to.print(standing(progress(record, datetime.now()), sketch, most=max(1, to.height - AROUND)))
    cut = f" with {number_of(len(record.in_flight), 'candidate')} in training" if record.in_flight else ""
    said = {"stopped": f"stopped{cut}; the command that began it goes on with it"}
    say(to, said.get(record.state, record.state))


def progress(record: StudyRecord, now: datetime) -> Progress:
    """What a display shows, as far as the study says it; one that has stopped stands where it did."""
    line = timeline(record, now)
    begins = {stay.number: stay.begin for stay in line.stays}
    made = Progress(record.name, record.budget, line.slots, started=0.0, devices=float(line.slots), now=line.seconds)
    made.counts, made.found = record.counts, record.found
    made.ended = sum(record.counts[word] for word in (*states.COUNTED, states.FAILED))
    made.busy = sum(stay.end - stay.begin for stay in line.stays if record.trials[stay.number].state.is_finished())
    for trial in record.in_flight if record.running else []:
        own = curve(trial)
        made.running[trial.number] = Running(
            trial.number,
            record.epochs(trial),
            trial.user_attrs.get("parameters", 0),
            trial.user_attrs.get("macs", 0),
            begins.get(trial.number, line.seconds),
            len(own),
            own[max(own)] if own else None,
        )
    return made
