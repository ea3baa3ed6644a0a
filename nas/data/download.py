"""Fetches a published data set with torchvision, when asked to."""

import importlib.util
import subprocess
import sys
from pathlib import Path

from nas.errors import InputError

CODE = """
import sys
import torchvision.datasets as sets
try:
    getattr(sets, sys.argv[1])(sys.argv[2], download=True)
except Exception as error:
    sys.exit(print(f"{type(error).__name__}: {error}") or 1)
"""


def fetch(torchvision_name: str, root: Path) -> None:
    """Let torchvision download a set below `root`, in a process of its own: this one stays free of torch."""
    if importlib.util.find_spec("torchvision") is None:
        raise InputError("data.download needs torchvision: pip install 'inception-nas[vision]'")
    # its standard error, where the progress is shown, goes to the terminal
    command = [sys.executable, "-c", CODE, torchvision_name, str(root)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, errors="replace", check=False)
    if done.returncode:
        reason = "".join(done.stdout.strip().splitlines()[-1:])
        raise InputError(f"{root}: {torchvision_name} could not be downloaded: {reason or 'see above'}")


def nothing_there(name: str, root: Path, expected: list[str]) -> InputError:
    """What to say when nothing of the set `name` is below `root`."""
    there = "" if root.exists() else " (there is no such file or folder)"
    return InputError(
        f"{root}: no files of {name} here{there}; expected {', '.join(expected)}; data.download=true fetches them"
    )
