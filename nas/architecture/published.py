"""Where published networks lie, and which there are."""

from pathlib import Path

import search_spaces
from nas.errors import InputError, unknown

FOLDER = Path(search_spaces.__file__).parent / "published"
BASELINES = FOLDER.parent / "baselines"
"""Networks of other families, to hold those of this one against."""


def published_names() -> list[str]:
    """The networks of the family, which are loaded by name."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def published_path(source: str) -> Path:
    """The file that `source` means: itself if it looks like a path, else the published network of that name.

    Raises:
        InputError: there is no such file or network.
    """
    if source.endswith((".yaml", ".yml")) or "/" in source:
        path = Path(source).expanduser()
        if not path.is_file():
            raise InputError(f"architecture: no file {source!r}")
        return path
    others = {path.stem: path for path in BASELINES.glob("*.yaml")}
    if source in others:
        return others[source]
    if source not in published_names():
        raise unknown("architecture", "published network", source, [*published_names(), *others])
    return FOLDER / f"{source}.yaml"
