"""A folder made once and shared by all processes: whole or absent, never half."""

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from nas.errors import InputError


def default_cache() -> Path:
    """`inception-nas` in the user's cache folder: $XDG_CACHE_HOME, or ~/.cache."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(home) / "inception-nas"


def made_once(root: Path, entry: str, make: Callable[[Path], None]) -> Path:
    """The folder `root/entry`; if it is absent, `make` fills an empty folder that then takes this name.

    Several processes may ask at once: one makes, the others wait for it. A process that is killed leaves
    nothing that is ever taken for the entry, and its rest is removed by the next one that makes it.
    `InputError` if the cache cannot be written.
    """
    folder = root / entry
    if folder.is_dir():
        return folder
    try:
        root.mkdir(parents=True, exist_ok=True)
        with open(root / f"{entry}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # ends with the process, however that ends
            if folder.is_dir():
                return folder
            part = root / f"{entry}.part"
            shutil.rmtree(part, ignore_errors=True)  # of a process that was killed
            part.mkdir()
            try:
                make(part)
                part.rename(folder)
            except BaseException:
                shutil.rmtree(part, ignore_errors=True)
                raise
    except OSError as error:
        raise InputError(
            f"{root}: cannot keep decoded images here ({error}); choose another place with data.cache"
        ) from error
    return folder
