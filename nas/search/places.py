"""Where a study's folder keeps the log of each trial, and its checkpoints while it is in training."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

CHECKPOINTS, LOGS = "checkpoints", "logs"


@dataclass(frozen=True)
class Places:
    folder: Path
    """The study's."""

    def log(self, number: int) -> Path:
        return self.folder / LOGS / f"{number:04d}.log"

    def checkpoint(self, number: int) -> Path:
        return self.folder / CHECKPOINTS / f"{number:04d}.pt"

    def remove_checkpoints(self, number: int) -> None:
        for path in (self.checkpoint(number), brief_checkpoint(self.checkpoint(number))):
            path.unlink(missing_ok=True)
            path.with_name(f"{path.name}.part").unlink(missing_ok=True)  # half written by a process that died

    def close(self) -> None:
        """Removes the folder for checkpoints, unless some of interrupted candidates are in it."""
        with suppress(OSError):
            (self.folder / CHECKPOINTS).rmdir()


def brief_checkpoint(checkpoint: Path) -> Path:
    """Of the brief training that gives a candidate its score, beside that of the whole one."""
    return checkpoint.with_suffix(".screen.pt")
