"""The terminal: a live table while a search runs, or plain lines where the output is no terminal."""

from collections.abc import Iterable

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from nas.search.progress import Ended, Progress
from nas.search.states import COMPLETE, STATES
from nas.training.recipe import METRIC

_STYLES = {"complete": "green", "pruned": "yellow", "failed": "red", "infeasible": "magenta", "twin": "cyan"}


def console() -> Console:
    """Where people read; its width is the terminal's, or 100 columns."""
    plain = Console()
    return plain if plain.is_terminal else Console(width=100, highlight=False)


def say(to: Console, line: str = "") -> None:
    """A line as it is: not wrapped, nothing in it taken for markup."""
    to.print(line, markup=False, highlight=False, soft_wrap=True)


class LineDisplay:
    """One line for each trial that ends."""

    def __init__(self, to: Console) -> None:
        self._console = to

    def show(self, progress: Progress) -> None:
        pass

    def tell(self, ended: Ended, progress: Progress) -> None:
        best = (
            f"best {progress.best.value:.4f} (trial {progress.best.number})" if progress.best else "none complete yet"
        )
        say(self._console, f"[{progress.counted}/{progress.trials}] {written(ended)}; {best}")

    def say(self, line: str) -> None:
        say(self._console, line)

    def close(self) -> None:
        pass


class LiveDisplay(LineDisplay):
    """The same lines scroll by above a table of what runs now."""

    def __init__(self, to: Console) -> None:
        super().__init__(to)
        self._live = Live(console=to, refresh_per_second=4, transient=True)
        self._live.start()

    def show(self, progress: Progress) -> None:
        self._live.update(_table(progress))

    def close(self) -> None:
        self._live.stop()


def display(to: Console) -> LineDisplay:
    """The display that suits `to`."""
    return LiveDisplay(to) if to.is_terminal else LineDisplay(to)


def written(ended: Ended) -> str:
    """One trial in a line."""
    value = "" if ended.value is None else f" {ended.value:.4f}"
    size = f" ({count(ended.parameters)} parameters, {count(ended.macs)} MACs)" if ended.parameters else ""
    seconds = f" in {duration(ended.seconds)}" if ended.seconds else ""
    reason = f": {ended.reason}" if ended.reason else ""
    return f"trial {ended.number} {ended.state}{value}{size}{seconds}{reason}"


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


def _table(progress: Progress) -> RenderableType:
    left, now = progress.seconds_left, progress.now
    head = Table.grid(padding=(0, 2))
    for _ in range(4):  # nothing wraps: a table whose height changes would jump
        head.add_column(no_wrap=True)
    head.add_row(
        Text(progress.study, style="bold"),
        ProgressBar(total=progress.trials, completed=progress.counted, width=20),
        f"{progress.counted}/{progress.trials}",
        duration(now - progress.started) + ("" if left is None else f", about {duration(left)} left"),
    )
    counts = Text.assemble(
        *_joined((f"{progress.counts[state]} {state}", _STYLES[state]) for state in STATES if progress.counts[state])
    )
    best = progress.best
    if best is not None and best.value is not None:
        counts.append(f"   best {best.value:.4f}", style="bold green")
        counts.append(f" (trial {best.number}, {count(best.parameters)} parameters, {count(best.macs)} MACs)")
    counts.no_wrap = True
    running = Table(box=None, padding=(0, 2), header_style="dim")
    for column in ("trial", "epoch", METRIC, "parameters", "MACs", "time"):
        running.add_column(column, justify="right", no_wrap=True)
    for job in progress.running.values():
        running.add_row(
            str(job.number),
            f"{job.epoch}/{job.epochs}",
            "" if job.value is None else f"{job.value:.4f}",
            count(job.parameters),
            count(job.macs),
            duration(now - job.started),
        )
    return Group(head, counts, running)


def _joined(parts: Iterable[tuple[str, str]]) -> list[str | tuple[str, str]]:
    joined: list[str | tuple[str, str]] = []
    for part in parts:
        if joined:
            joined.append(", ")
        joined.append(part)
    return joined


def best_table(ended: Iterable[Ended], digests: dict[int, str], most: int = 5, title: str = "best candidates") -> Table:
    """The most accurate complete trials."""
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2))
    for column in ("trial", METRIC, "parameters", "MACs", "seconds", "digest"):
        table.add_column(column, justify="left" if column == "digest" else "right")
    complete = [trial for trial in ended if trial.state == COMPLETE and trial.value is not None]
    for trial in sorted(complete, key=lambda t: (-(t.value or 0), t.number))[:most]:
        table.add_row(
            str(trial.number),
            f"{trial.value:.4f}",
            count(trial.parameters),
            count(trial.macs),
            f"{trial.seconds:.1f}",
            digests.get(trial.number, ""),
        )
    return table
