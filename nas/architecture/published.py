"""Where published networks lie, and which there are."""

from pathlib import Path

import search_spaces
from nas.errors import InputError, need_one_of

FOLDER = Path(search_spaces.__file__).parent / "published"
BASELINES = FOLDER.parent / "baselines"
"""Networks of other families, to hold those of this one against."""


def published_names() -> list[str]:
    """The networks of the family, which are loaded by name."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def is_path(source: str) -> bool:
    """Whether a source is a file; else it is a name."""
    return source.endswith((".yaml", ".yml")) or "/" in source


def published_path(source: str) -> Path:
    """The file that `source` means: itself if it looks like a path, else the published network of that name.

    Raises:
        InputError: there is no such file or network.
    """
    if is_path(source):
        path = Path(source).expanduser()
        if not path.is_file():
            raise InputError(f"architecture: no file {source!r}")
        return path
    others = {path.stem: path for path in BASELINES.glob("*.yaml")}
    if source in others:
        return others[source]
    need_one_of("architecture", "published network", source, [*published_names(), *others])
    return FOLDER / f"{source}.yaml"
