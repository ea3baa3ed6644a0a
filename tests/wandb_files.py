"""Runs as W&B's files on disk tell them; one that went on after an interruption is put together."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nas.tracking.offline import records, values


@dataclass(frozen=True)
class TrackedRun:
    """`history` has a row for each step; `exit_code` is None while the run has not ended."""

    id: str = ""
    name: str = ""
    group: str = ""
    job_type: str = ""
    project: str = ""
    sweep_id: str = ""
    tags: tuple[str, ...] = ()
    started: float = 0.0  # seconds since the epoch
    config: Mapping[str, Any] = field(default_factory=dict)
    history: tuple[Mapping[str, Any], ...] = ()
    summary: Mapping[str, Any] = field(default_factory=dict)
    exit_code: int | None = None


def read_runs(folder: Path) -> dict[str, TrackedRun]:
    """All runs below W&B's folder of a study, by id."""
    parts = [read_run(path) for path in folder.glob("*run-*/run-*.wandb")]
    begun = [part for part in parts if part.id]  # else its first record has not been written yet
    runs: dict[str, TrackedRun] = {}
    for part in sorted(begun, key=lambda run: run.started):
        runs[part.id] = _continued(runs[part.id], part) if part.id in runs else part
    return runs


def read_run(path: Path) -> TrackedRun:
    """The run in one ``.wandb`` file, as far as it has been written."""
    about: dict[str, Any] = {}
    config: dict[str, Any] = {}
    history: list[Mapping[str, Any]] = []
    summary: dict[str, Any] = {}
    exit_code: int | None = None
    for record in records(path):
        match record.WhichOneof("record_type"):
            case "run":
                run = record.run
                about = {
                    "id": run.run_id,
                    "name": run.display_name,
                    "group": run.run_group,
                    "job_type": run.job_type,
                    "project": run.project,
                    "sweep_id": run.sweep_id,
                    "tags": tuple(run.tags),
                    "started": run.start_time.seconds + run.start_time.nanos / 1e9,
                }
                config |= values(run.config.update)
            case "config":
                config |= values(record.config.update)
            case "history":
                history.append(values(record.history.item))
            case "summary":
                summary |= values(record.summary.update)
            case "exit":
                exit_code = record.exit.exit_code
    return TrackedRun(**about, config=config, history=tuple(history), summary=summary, exit_code=exit_code)


def _continued(first: TrackedRun, then: TrackedRun) -> TrackedRun:
    rows = {int(row.get("_step", 0)): row for row in (*first.history, *then.history)}
    return replace(
        then,
        started=first.started,
        config={**first.config, **then.config},
        history=tuple(rows[step] for step in sorted(rows)),
        summary={**first.summary, **then.summary},
    )
