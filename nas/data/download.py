"""Published data sets: found where they are, or fetched with torchvision when asked to."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from nas.errors import InputError

Found = TypeVar("Found")

TORCHVISION = {"cifar10": "CIFAR10", "cifar100": "CIFAR100", "fashion_mnist": "FashionMNIST"}
"""Its names for our sets."""

CODE = """
import sys
import torchvision.datasets as sets
try:
    getattr(sets, sys.argv[1])(sys.argv[2], download=True)
except Exception as error:
    sys.exit(print(f"{type(error).__name__}: {error}") or 1)
"""


def here_or_fetched(
    name: str, path: str | Path, find: Callable[[Path], Found | None], download: bool, expected: Sequence[str]
) -> Found:
    """What `find` finds of the set `name` below `path`; if that is nothing, torchvision `download`s it there first.

    Raises `InputError`, which names what is `expected`, if there is nothing in the end.
    """
    root = Path(os.path.expanduser(path))
    found = find(root)
    if found is None and download:
        _fetch(TORCHVISION[name], root)
        found = find(root)
    if found is None:
        there = "" if root.exists() else " (there is no such file or folder)"
        raise InputError(
            f"{root}: no files of {name} here{there}; expected {', '.join(expected)}; data.download=true fetches them"
        )
    return found


def _fetch(torchvision_name: str, root: Path) -> None:
    """In a process of its own: this one stays free of torch."""
    if importlib.util.find_spec("torchvision") is None:
        raise InputError("data.download needs torchvision: pip install torchvision")
    # its standard error, where the progress is shown, goes to the terminal
    command = [sys.executable, "-c", CODE, torchvision_name, str(root)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, errors="replace", check=False)
    if done.returncode:
        reason = "".join(done.stdout.strip().splitlines()[-1:])
        raise InputError(f"{root}: {torchvision_name} could not be downloaded: {reason or 'see above'}")
