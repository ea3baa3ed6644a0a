"""The terminal: a live table while a search runs, or plain lines where the output is no terminal."""

from collections.abc import Callable, Iterable, Mapping

from optuna.trial import FrozenTrial
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from nas.search.progress import Progress
from nas.space.holes import Scalar
from nas.study.objectives import accuracy
from nas.study.states import COMPLETE, STATES, word
from nas.training.recipe import METRIC

Sketch = Callable[[Mapping[str, Scalar]], str]
"""Says in a line what the parameters of a candidate stand for."""

LINES = 8
"""Of a terminal, that are no candidates in training."""

_STYLES = {
    "complete": "green",
    "pruned": "yellow",
    "failed": "red",
    "infeasible": "magenta",
    "twin": "cyan",
    "screened": "blue",
}


def console() -> Console:
    """Where people read; its width is the terminal's, or 100 columns."""
    plain = Console()
    return plain if plain.is_terminal else Console(width=100, highlight=False)


def say(to: Console, line: str = "") -> None:
    """A line as it is: not wrapped, nothing in it taken for markup."""
    to.print(line, markup=False, highlight=False, soft_wrap=True)


class LineDisplay:
    """Shows a search while it runs: one line for each trial that ends."""

    def __init__(self, to: Console) -> None:
        self._console = to

    def show(self, progress: Progress) -> None:
        """Called often; what is shown of a search that goes on follows `progress`."""

    def tell(self, ended: FrozenTrial, progress: Progress) -> None:
        """A trial has ended."""
        best = progress.found.best
        said = "none complete yet" if best is None else f"best {accuracy(best):.4f} (trial {best.number})"
        say(self._console, f"[{progress.counted}/{progress.trials}] {written(ended)}; {said}")

    def say(self, line: str) -> None:
        """A line worth reading."""
        say(self._console, line)

    def close(self) -> None:
        """The search has ended."""


class LiveDisplay(LineDisplay):
    """The same lines scroll by above a table of what runs now."""

    def __init__(self, to: Console, sketch: Sketch) -> None:
        super().__init__(to)
        self._sketch = sketch
        self._sketched = (-1, "")  # the best trial's number and line
        self._live = Live(console=to, refresh_per_second=4, transient=True)
        self._live.start()

    def show(self, progress: Progress) -> None:
        best = progress.found.best
        if best is not None and best.number != self._sketched[0]:
            self._sketched = (best.number, self._sketch(best.params))
        self._live.update(standing(progress, self._sketched[1], max(1, self._console.height - LINES)))

    def close(self) -> None:
        self._live.stop()


def display(to: Console, sketch: Sketch = lambda choices: "") -> LineDisplay:
    """The display that suits `to`."""
    return LiveDisplay(to, sketch) if to.is_terminal else LineDisplay(to)


def written(trial: FrozenTrial) -> str:
    """A trial that has ended, in a line."""
    facts = trial.user_attrs
    line = f"trial {trial.number} {word(trial)}"
    if trial.values:
        line += f" {accuracy(trial):.4f}"
    if facts.get("parameters"):
        line += f" ({_size(trial)})"
    if facts.get("seconds"):
        line += f" in {duration(facts['seconds'])}"
    return line + (f": {facts['reason']}" if facts.get("reason") else "")


def _size(trial: FrozenTrial) -> str:
    return f"{count(trial.user_attrs['parameters'])} parameters, {count(trial.user_attrs['macs'])} MACs"


def count(number: float) -> str:
    """1234567 as 1.23 M."""
    for size, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= 0.9995 * size:  # what rounds to the unit is written in it
            return f"{number / size:.3g} {unit}"
    return f"{number:.3g}"


def number_of(number: int, things: str) -> str:
    """2 and "epoch" as 2 epochs."""
    return f"{number} {things}" if number == 1 else f"{number} {things}s"


def duration(seconds: float) -> str:
    """83 as 1 min 23 s."""
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    if whole >= 60:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole} s" if whole >= 10 else f"{seconds:.1f} s"


def standing(progress: Progress, sketch: str, most: int) -> RenderableType:
    """Where a search stands; `sketch` is the best candidate's, and no more than `most` in training are listed."""
    head = Table.grid(padding=(0, 2))
    for _ in range(3):  # nothing wraps: a table whose height changes would jump
        head.add_column(no_wrap=True)
    head.add_row(
        Text(progress.study, style="bold"),
        ProgressBar(total=progress.trials, completed=progress.counted, width=24),
        f"{progress.counted}/{progress.trials}",
    )
    lines = [Text(", ".join(_pace(progress))), _counts(progress)]
    best = progress.found.best
    if best is not None:
        said = (f"best {accuracy(best):.4f}", "bold green")
        lines.append(Text.assemble(said, f" (trial {best.number}, {_size(best)})"))
        lines.append(Text(sketch, style="green"))
    for line in lines:
        line.no_wrap, line.overflow = True, "ellipsis"
    running = Table(box=None, padding=(0, 2), header_style="dim")
    for column in ("trial", "epoch", METRIC, "parameters", "MACs", "time"):
        running.add_column(column, justify="right", no_wrap=True)
    for job in list(progress.running.values())[:most]:
        running.add_row(
            str(job.number),
            f"{job.epoch}/{job.epochs}" if job.epochs else str(job.epoch),
            "" if job.value is None else f"{job.value:.4f}",
            count(job.parameters),
            count(job.macs),
            duration(progress.now - job.started),
        )
    more = len(progress.running) - most
    below = [running] if progress.running else []
    return Group(head, *(line for line in lines if line), *below, *([f"and {more} more"] if more > 0 else []))


def _pace(progress: Progress) -> Iterable[str]:
    yield duration(progress.elapsed)
    if progress.seconds_left is not None and progress.running:
        yield f"about {duration(progress.seconds_left)} left"
    if progress.rate is None:
        return
    yield f"{progress.rate:.3g} candidates an hour"
    if progress.utilisation is not None:
        yield f"slots {progress.utilisation:.0%} busy"


def _counts(progress: Progress) -> Text:
    states = dict.fromkeys([*STATES, *progress.counts])
    parts = [(f"{number} {state}", _STYLES.get(state, "")) for state in states if (number := progress.counts[state])]
    return Text(", ").join(Text(said, style) for said, style in parts)


def best_table(trials: Iterable[FrozenTrial], most: int = 5, title: str = "best candidates") -> Table:
    """The most accurate complete trials."""
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2))
    for column in ("trial", METRIC, "parameters", "MACs", "seconds", "digest"):
        table.add_column(column, justify="left" if column == "digest" else "right")
    complete = [trial for trial in trials if word(trial) == COMPLETE]
    for trial in sorted(complete, key=lambda trial: (-(accuracy(trial) or 0), trial.number))[:most]:
        facts = trial.user_attrs
        table.add_row(
            str(trial.number),
            f"{accuracy(trial):.4f}",
            count(facts["parameters"]),
            count(facts["macs"]),
            f"{facts['seconds']:.1f}",
            facts["digest"],
        )
    return table
