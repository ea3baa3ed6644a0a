"""Names, values, pictures and tables in the form that W&B can hold, whatever text a study or an error carries."""

from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from nas.tracking.tracker import Picture, Table


def safe_name(text: str) -> str:
    """`text` as a W&B project or group: at most 128 characters, none that break its URLs; letters of any script stay.

    >>> safe_name("tiny/100% é")
    'tiny-100- é'
    """
    kept = "".join(c if c.isprintable() and c not in "/\\#?%:\"'<>" else "-" for c in text)
    return kept[:128].strip() or "study"


def label(name: str) -> str:
    """The path name of a parameter as W&B can plot it: it takes dots for steps into nested values.

    >>> label("cells.normal.width")
    'cells/normal/width'
    """
    return name.replace(".", "/")


def plain(values: Mapping[str, object]) -> dict[str, object]:
    """`values` as numbers, text, None, lists and mappings of them; a key ``_wandb``, which is W&B's own, is renamed."""
    return {_key(key): _value(value) for key, value in values.items()}


def media(values: Mapping[str, object], folder: Path) -> dict[str, Any]:
    """The same with pictures and tables, as a run can log them; W&B copies pictures from files in `folder`."""
    return {_key(key): _medium(value, folder) for key, value in values.items()}


def scratch(folder: Path) -> TemporaryDirectory[str]:
    """A folder for pictures on their way into a run; gone when the context is left."""
    folder.mkdir(parents=True, exist_ok=True)
    return TemporaryDirectory(dir=folder, prefix="picture-")


def _medium(value: object, folder: Path) -> Any:
    import wandb  # here, as it takes most of a second

    match value:
        case Picture(content=bytes() as png):
            path = folder / f"{len(list(folder.iterdir()))}.png"
            path.write_bytes(png)
            return wandb.Image(str(path))
        case Picture(content=svg):
            return wandb.Html(str(svg), inject=False)
        case Table(columns=columns, rows=rows):
            table = wandb.Table(columns=list(columns), allow_mixed_types=True)
            for row in rows:
                table.add_data(*[_medium(cell, folder) for cell in row])
            return table
    return _value(value)


def _key(key: str) -> str:
    return "wandb" if key == "_wandb" else _text(key)


def _value(value: object) -> object:
    match value:
        case None | bool():
            return value
        case Integral():
            return int(value)
        case Real():
            return float(value)
        case str():
            return _text(value).replace("wandb-artifact://", "wandb-artifact:")  # would be asked of the server
        case Mapping():
            return {_text(str(key)): _value(inner) for key, inner in value.items()}
        case Sequence():
            return [_value(inner) for inner in value]
        case _:
            return _text(str(value))


def _text(text: str) -> str:
    return text.encode("utf-8", "replace").decode()  # lone surrogates cannot be written
