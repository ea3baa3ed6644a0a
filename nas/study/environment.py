"""What a search ran on and with, so that its figures can be repeated: environment.yaml in the study's folder."""

import os
import platform
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

import nas
from nas.pool import cores
from nas.pool.devices import Device
from nas.program import program
from nas.study import files
from nas.study.study import shown_url

PACKAGES = ("torch", "pytorch-lightning", "optuna", "hydra-core", "wandb", "numpy")


def record_environment(
    folder: Path,
    command: Sequence[str],
    seeds: Mapping[str, Any],
    devices: Sequence[Device],
    slots: int,
    threads: int,
) -> None:
    """Adds this run of the search to those recorded."""
    before = read_environment(folder)
    run = {
        "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "command": [*program().split(), *map(without_password, command)],
        "code": git_state(Path(nas.__file__).parent),
        "versions": {"python": platform.python_version(), **versions()},
        "machine": {"system": platform.platform(), "processor": processor(), "cores": cores()},
        "devices": dict(Counter(device.kind for device in devices)),
        "slots": slots,
        "threads": threads,
        "seeds": dict(seeds),
    }
    files.write_atomically(folder / files.ENVIRONMENT, files.yaml_text({"runs": [*before, run]}))


def read_environment(folder: Path) -> list[dict[str, Any]]:
    """The runs recorded in a study's folder, oldest first."""
    path = folder / files.ENVIRONMENT
    if not path.exists():
        return []
    runs: list[dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))["runs"]
    return runs


def without_password(argument: str) -> str:
    """A part of a command line as it may be written down."""
    key, _, value = argument.partition("=")
    return f"{key}={shown_url(value)}" if key == "study.storage" and value != "null" else argument


def versions() -> dict[str, str]:
    """Of the packages that figures depend on, as they are installed."""
    return {"inception-nas": nas.__version__, **{name: version(name) for name in PACKAGES}}


def git_state(folder: Path) -> dict[str, Any] | None:
    """Commit of the code in `folder` and whether something in it was changed since; None if git does not track it.

    A folder of installed packages within somebody's checkout is none of its files.
    """
    if _git(folder, "ls-files", "--error-unmatch", "__init__.py") is None:
        return None
    commit, changes = _git(folder, "rev-parse", "HEAD"), _git(folder, "status", "--porcelain", ".")
    return None if commit is None else {"commit": commit, "dirty": bool(changes)}


def _git(folder: Path, *arguments: str) -> str | None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    command = ["git", "--no-optional-locks", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30, env=environment)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def processor() -> str:
    """The processor's name, where it can be had."""
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith(("model name", "Model")):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
