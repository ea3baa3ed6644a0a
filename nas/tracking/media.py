"""Pictures and tables as W&B takes them."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from nas.tracking.plain import plain
from nas.tracking.tracker import Picture, Table


def media(values: Mapping[str, object], folder: Path) -> dict[str, Any]:
    """`values` as a run can log them; pictures pass through files in `folder`, from where W&B copies them."""
    shown = {key: value for key, value in values.items() if isinstance(value, Picture | Table)}
    rest = plain({key: value for key, value in values.items() if key not in shown})
    return rest | {key: _medium(value, folder) for key, value in shown.items()}


def _medium(value: object, folder: Path) -> Any:
    import wandb

    match value:
        case Picture(content=bytes() as png):
            folder.mkdir(parents=True, exist_ok=True)
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
    return plain({"": value})[""]


def scratch(folder: Path) -> TemporaryDirectory[str]:
    """A folder for pictures on their way into a run; gone when the context is left."""
    folder.mkdir(parents=True, exist_ok=True)
    return TemporaryDirectory(dir=folder, prefix="picture-")
