"""What a study has on W&B's server beside its runs: a sweep that they belong to, and a workspace that shows them.

Both are made by a process of its own, since W&B's functions for it print, change the environment and may wait long.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any

from nas.tracking.connection import line
from nas.tracking.tracker import About
from nas.tracking.values import label, plain, safe_name
from nas.tracking.workspace import save

FILE = "sweep.json"
"""In W&B's folder of a study: what has been made where."""


@dataclass(frozen=True)
class Created:
    """The sweep's id and the workspace's address; `problem` says why one of them is missing."""

    sweep: str | None = None
    workspace: str | None = None
    problem: str = ""


def described(about: About) -> dict[str, object]:
    """The study as a sweep's configuration.

    Its controller is a local one, so that no agent of W&B's is ever given a candidate of its own.
    """
    return {
        "name": safe_name(about.study),
        "description": "driven by Optuna; a parameter that a candidate does not have is 'inactive' in its run",
        "method": "random",
        "controller": {"type": "local"},
        "metric": {"name": about.metric, "goal": "maximize"},
        "parameters": plain({label(name): values for name, values in about.parameters.items()}),
    }


def recall(folder: Path, place: str) -> Created:
    """What was made there, if anything; `place` is that of the project."""
    try:
        kept = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return Created(**kept[place])
    except (OSError, ValueError, KeyError, TypeError):
        return Created()


def keep(folder: Path, place: str, made: Created) -> Created:
    """Remembers what was made, for runs that come later; gives it back."""
    if made.sweep or made.workspace:
        kept = {}
        with suppress(OSError, ValueError):
            kept = dict(json.loads((folder / FILE).read_text(encoding="utf-8")))
        kept[place] = {"sweep": made.sweep, "workspace": made.workspace}
        folder.mkdir(parents=True, exist_ok=True)
        (folder / FILE).write_text(json.dumps(kept, indent=1), encoding="utf-8")
    return made


def create(
    spec: Mapping[str, object],
    group: str,
    entity: str,
    project: str,
    runs: Sequence[str],
    patience: float,
    stop: Event,
) -> Created:
    """Makes the sweep of `spec` and a workspace of the runs of `group`, in `patience` seconds or not at all.

    `runs` are ids of runs on the server, which come to belong to the sweep. An empty `entity` is the user's own. Ends
    early if `stop` is set.
    """
    asked = {"spec": spec, "group": group, "entity": entity, "project": project, "runs": list(runs)}
    variables = {name: value for name, value in os.environ.items() if name != "WANDB_SERVICE"}
    process = subprocess.Popen(
        [sys.executable, "-c", "from nas.tracking.creation import main; main()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**variables, "WANDB_SILENT": "true"},
        start_new_session=True,  # Ctrl-C is for the search
        text=True,
    )
    end = monotonic() + patience
    told: str | None = json.dumps(asked)
    while True:
        try:
            answer, _ = process.communicate(told, timeout=0.1)
            break
        except subprocess.TimeoutExpired:
            told = None
            if monotonic() > end or stop.is_set():
                process.kill()
                process.communicate()
                return Created(problem="the server is too slow to make a sweep")
    try:
        return Created(**json.loads(answer))
    except ValueError:
        return Created(problem="the sweep could not be made")


def main() -> None:
    """What the process does: it is asked on its standard input, and answers on its standard output."""
    asked = json.load(sys.stdin)
    with redirect_stdout(sys.stderr):
        made = _make(**asked)
    print(json.dumps(asdict(made)))


def _make(spec: dict[str, Any], group: str, entity: str, project: str, runs: list[str]) -> Created:
    import wandb  # here, as it takes most of a second

    sweep, workspace, problems = None, None, []
    try:
        entity = entity or wandb.Api().default_entity or ""
    except Exception as error:
        return Created(problem=f"no sweep: {line(error)}")
    try:
        sweep = wandb.sweep(spec, entity=entity, project=project, prior_runs=runs or None)
    except Exception as error:
        problems.append(f"no sweep: {line(error)}")
    try:
        workspace = save(entity, project, group, spec)
    except Exception as error:
        problems.append(f"no workspace: {line(error)}")
    return Created(sweep, workspace, "; ".join(problems))
