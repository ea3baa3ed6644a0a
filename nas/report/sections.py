"""The sections of a report: what each says and shows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from nas.report import figures
from nas.report.plotting import Figure
from nas.report.reading import StudyRecord
from nas.report.timeline import Timeline
from nas.report.trade_off import AXES, COSTS, parallel, trade_offs
from nas.report.words import reasons
from nas.search.checklist import checklist
from nas.search.display import count, number_of
from nas.search.importance import LEAST, importances
from nas.study import files
from nas.study.objectives import hypervolumes

BARS, REASONS = 12, 20
"""Parameters, and reasons, that are listed."""


@dataclass(frozen=True)
class Section:
    """A part of the page: title, what it says, figures, HTML below them; `tabs` choose among several figures."""

    name: str
    title: str
    said: str
    figures: Mapping[str, Figure] = field(default_factory=dict)
    more: str = ""
    tabs: Sequence[str] = ()

    @property
    def html(self) -> str:
        plots = "".join(_plot(name, made["layout"]["height"]) for name, made in self.figures.items())
        buttons = "".join(
            f'<button type="button" data-shows="figure-{name}">{escape(tab)}</button>'
            for name, tab in zip(self.figures, self.tabs, strict=False)
        )
        tabs = f'<div class="tabs">{buttons}</div>' if buttons else ""
        said = f'<p class="said">{escape(self.said)}</p>' if self.said else ""
        return f'<section id="{self.name}"><h2>{escape(self.title)}</h2>{said}{tabs}{plots}{self.more}</section>'


def _plot(name: str, height: int) -> str:
    inner = f'<div class="plot" data-figure="{name}" style="height:{height}px"></div>'
    return f'<div id="figure-{name}">{inner}</div>'


def sections(record: StudyRecord, line: Timeline) -> list[Section]:
    """Those that there is something for."""
    objectives = enumerate(record.objectives.names)
    shares = {name: found for index, name in objectives if (found := importances(record.trials, index))}
    made = (
        _history(record),
        _hypervolume(record),
        _curves(record),
        _front(record),
        _gallery(record),
        _importance(shares),
        _parallel(record, shares),
        _proposals(record),
        _slots(line),
        _finals(record),
        _setup(record),
    )
    return [section for section in made if section is not None]


def _table(head: Sequence[str], rows: Iterable[Sequence[object]], numbers: Iterable[int] = ()) -> str:
    """`numbers` are the columns whose cells are set to the right."""
    right = set(numbers)

    def row(cells: Sequence[object], tag: str) -> str:
        kinds = [' class="number"' if index in right else "" for index in range(len(cells))]
        return "".join(f"<{tag}{kind}>{escape(str(cell))}</{tag}>" for cell, kind in zip(cells, kinds, strict=True))

    body = "".join(f"<tr>{row(cells, 'td')}</tr>" for cells in rows)
    return f'<div class="scroll"><table><thead><tr>{row(head, "th")}</tr></thead><tbody>{body}</tbody></table></div>'


def _history(record: StudyRecord) -> Section:
    said = (
        "Every trial in the order in which it was proposed. A pruned one stands at its last accuracy; those that were "
        "never trained, or not to an end, are in the strip below. Click a point to see the candidate."
    )
    return Section("history", "History", said, {"history": figures.history(record)})


def _hypervolume(record: StudyRecord) -> Section | None:
    if not record.objectives.several or not (volumes := hypervolumes(record.study)).steps:
        return None
    corner = zip(volumes.names[1:], volumes.reference[1:], strict=True)
    costs = ", ".join(f"{count(most)} {COSTS[name]}" for name, most in corner)
    said = f"The share of all there is to gain that the Pareto front covers, from accuracy 0 at {costs}."
    return Section("hypervolume", "Hypervolume", said, {"hypervolume": figures.hypervolume(volumes)})


def _curves(record: StudyRecord) -> Section | None:
    made = figures.curves(record)
    if not made["data"]:
        return None
    said = "Accuracy after each epoch; the best candidates in colours of their own."
    said += " At the dotted lines, only the better ones went on." if record.rungs else ""
    return Section("curves", "Learning curves", said, {"curves": made})


def _front(record: StudyRecord) -> Section | None:
    made = trade_offs(record)
    if not made:
        return None
    said = (
        "Complete candidates by what they cost. On the line: those that nothing cheaper beats. Click one to see its "
        "cell and document."
    )
    drawn = {f"front-{name}": figure for name, (figure, _) in made.items()}
    return Section("front", "Accuracy against cost", said, drawn, tabs=[COSTS[name] for name in made])


def _gallery(record: StudyRecord) -> Section | None:
    if record.found.best is None:
        return None
    said = "The most accurate candidates, each architecture once. Click a picture for network and document."
    return Section("gallery", "Best cells", said, more='<div id="cells" class="gallery"></div>')


def _importance(shares: Mapping[str, Mapping[str, float]]) -> Section:
    if not shares:
        return Section("importance", "What mattered", f"Importance is shown from {LEAST} complete candidates on.")
    said = (
        "Which parameters set the best tenth of the complete candidates apart (PED-ANOVA). It describes what was "
        "sampled; a parameter that hardly varied cannot show."
    )
    lists = ""
    for objective, found in shares.items():
        rows = "".join(
            f'<li><span>{escape(name)}</span><i style="width:{100 * share / max(found.values()):.1f}%"></i>'
            f"<b>{share:.2f}</b></li>"
            for name, share in list(found.items())[:BARS]
        )
        heading = f"<h3>for {escape(objective)}</h3>" if len(shares) > 1 else ""
        lists += f'{heading}<ol class="bars">{rows}</ol>'
    return Section("importance", "What mattered", said, more=lists)


def _parallel(record: StudyRecord, shares: Mapping[str, Mapping[str, float]]) -> Section | None:
    names = list(next(iter(shares.values()), {})) or list(record.found.best.params if record.found.best else ())
    made = parallel(record, names[:AXES])
    if made is None:
        return None
    said = (
        f"{'The most important' if shares else 'The first'} parameters of complete candidates; bright lines are "
        "accurate. Drag along an axis to keep some of them; – is a parameter that was not active."
    )
    return Section("parallel", "Parallel coordinates", said, {"parallel": made})


def _proposals(record: StudyRecord) -> Section | None:
    if not record.counts:
        return None
    said = (
        "What became of the proposals. Twins are the same network as an earlier candidate and are not trained again; "
        "infeasible ones exceed a limit, or do not fit."
    )
    rows = [(word, reason, number, f"trial {example}") for word, reason, number, example in reasons(record)[:REASONS]]
    table = _table(("", "reason", "trials", "for example"), rows, numbers=(2,)) if rows else ""
    return Section("proposals", "Twins and rejections", said, {"outcomes": figures.outcomes(record)}, table)


def _slots(line: Timeline) -> Section | None:
    if not line.stays:
        return None
    said = (
        f"Who was in training when: {number_of(line.slots, 'slot')}, busy {line.utilisation:.0%} of the time, as it "
        "follows from when trials began and ended."
    )
    if line.later_runs:
        said += " Pauses between runs are left out; a dotted line is where the search was taken up again."
    return Section("slots", "Slots", said, {"slots": figures.slots(line)})


def _finals(record: StudyRecord) -> Section | None:
    if record.finals is None:
        return None
    seeds = ", ".join(map(str, record.finals["seeds"]))
    said = (
        f"The best candidates and the baselines, trained anew for {number_of(record.finals['epochs'], 'epoch')} under "
        f"the seeds {seeds}: mean ± standard deviation, and the number of seeds."
    )
    head = ("network", "", "in the search", "validation", "test", "parameters", "MACs", "")
    more = _table(head, map(_network, record.finals["networks"]), numbers=range(2, 7))
    more += f"<p>{escape(str(record.finals['conclusion']))}</p>"
    return Section("finals", "Finals", said, {"finals": figures.finals(record.finals["networks"])}, more)


def _network(network: Mapping[str, Any]) -> Sequence[str]:
    notes = [f"over the limit of {name}" for name in network["over_budget"]]
    notes += [f"{network['failed']} failed"] if network["failed"] else []
    return (
        str(network["name"]),
        str(network["kind"]),
        "" if network["search_value"] is None else f"{network['search_value']:.4f}",
        _spread(network["validation"]),
        _spread(network["test"]),
        count(network["parameters"]),
        count(network["macs"]),
        ", ".join(notes),
    )


def _spread(values: Mapping[str, Any] | None) -> str:
    return "" if values is None else f"{values['mean']:.4f} ± {values['std']:.4f} (n {values['n']})"


def _setup(record: StudyRecord) -> Section:
    written = {"Configuration": files.CONFIG, "Environment": files.ENVIRONMENT}
    folded = {title: f"<pre>{escape(_text(record.folder / name))}</pre>" for title, name in written.items()}
    if (record.folder / files.CONFIG).is_file():
        folded["Checklist of best practices"] = _table(("asked", "here"), checklist(record.folder))
    more = "".join(
        f"<details><summary>{escape(title)}</summary>{content}</details>" for title, content in folded.items()
    )
    return Section("setup", "Configuration and environment", "", more=more)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else "not there"
