"""`python -m nas sync STUDY`: what W&B has kept on disk goes to its server, as a sweep and with a workspace."""

import subprocess
import sys
from argparse import Namespace
from pathlib import Path
from threading import Event

from nas.errors import InputError
from nas.tracking.connection import Connection
from nas.tracking.creation import create, keep, recall
from nas.tracking.offline import kept_runs, values

PATIENCE = 300.0
"""Seconds for a sweep and a workspace of a large study."""


def run(given: Namespace) -> None:
    """Uploads the runs in the study's folder ``wandb``, then makes a sweep of them unless they belong to one.

    Raises:
        InputError: there are no runs, nobody is logged in, or the server refuses them.
    """
    folders = [path / "wandb" for path in (Path(given.study).expanduser(), Path("studies") / given.study)]
    folder = next((path for path in folders if path.is_dir()), folders[0])
    runs = kept_runs(folder)
    if not runs:
        raise InputError(f"{given.study}: W&B has kept no runs there")
    searches = [run for run in runs.values() if run.job_type == "search"]
    project = next(iter(runs.values())).project
    link = Connection(folder, print, project)
    try:
        link.open()
        if not link.logged_in:
            raise InputError("nobody is logged in to W&B: wandb login, or WANDB_API_KEY")
        print(f"uploading {len(runs)} runs")
        command = [sys.executable, "-m", "wandb", "sync", "--include-online", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            lines = (done.stderr or done.stdout).strip().splitlines()
            raise InputError(f"{folder}: W&B does not take them: {lines[-1] if lines else 'it does not say why'}")
        made = recall(folder, link.place)
        if made.sweep is None and searches:
            spec = values(searches[0].config.update)["sweep"]
            ids = [run.run_id for run in runs.values() if run.job_type == "candidate"]
            made = create(spec, searches[0].run_group, link.entity, project, ids, PATIENCE, Event())
            keep(folder, link.place, made)
    finally:
        link.close()
    for what, there in (("sweep", made.sweep), ("workspace", made.workspace)):
        if there:
            print(f"{what}: {there}")
    if made.problem:
        raise InputError(made.problem)
