"""What tests of the W&B tracker share: trackers, a candidate's way through them, and what came of it."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from wandb_answers import ArrivedRun
from wandb_files import TrackedRun, read_runs
from wandb_server import WandbServer

from nas.tracking import About, Tracker, WandbTracker

KEY = "a" * 40
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"/>'


def tracker_of(study: Path, warn: Callable[[str], None] = pytest.fail, **options: Any) -> WandbTracker:
    return WandbTracker(About("tiny", "id", study), warn, **options)


def one_candidate(tracker: Tracker) -> None:
    tracker.start(0, {"width": 8}, {"macs": 3})
    tracker.report(0, 1, {"val/accuracy": 0.5})
    tracker.finish(0, "complete", {"value": 0.5})
    tracker.close()


def log_in(patch: pytest.MonkeyPatch, server: WandbServer, study: Path | None = None) -> None:
    """Gives the process a key for the server; where a study is given, it has had its sweep, which takes seconds."""
    patch.setenv("WANDB_BASE_URL", server.url)
    patch.setenv("WANDB_API_KEY", KEY)
    if study is not None:
        (study / "wandb").mkdir(parents=True, exist_ok=True)
        kept = {f"{server.url}//inception-nas": {"sweep": "made-before", "workspace": None}}
        (study / "wandb" / "sweep.json").write_text(json.dumps(kept))


def synced(line: str) -> int:
    """Runs the command that a tracker's `where` gives; returns W&B's own exit status."""
    command = shlex.split(line.splitlines()[0].split("upload them: ")[1].removeprefix("wandb login && "))
    return subprocess.run([sys.executable, "-m", *command], capture_output=True, timeout=60).returncode


def run_program(program: str, study: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Runs a program that imports this project and is given the study's folder."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "TERM": "xterm"}
    return subprocess.run(
        [sys.executable, "-c", program, str(study)], env=environment, text=True, timeout=60, **options
    )


def measured(run: TrackedRun | ArrivedRun) -> list[dict[str, Any]]:
    """The rows of a run's history, without W&B's own columns and without pictures."""
    rows = [{key: value for key, value in row.items() if key[0] != "_" or key == "_step"} for row in run.history]
    return [{key: value for key, value in row.items() if key.split(".")[0] != "cell"} for row in rows]


def on_disk(study: Path) -> list[TrackedRun]:
    """The candidates' runs as their files tell them, in order."""
    runs = read_runs(study / "wandb").values()
    return sorted((run for run in runs if run.job_type == "candidate"), key=lambda run: run.name)


def arrived(server: WandbServer) -> list[ArrivedRun]:
    """The candidates' runs as the server has them, in order."""
    return sorted((run for run in server.runs.values() if run.job_type == "candidate"), key=lambda run: run.name)


def of_study(runs: Iterator[Any]) -> Any:
    (run,) = (run for run in runs if run.job_type == "search")
    return run
