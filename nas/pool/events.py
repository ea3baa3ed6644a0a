"""What a job of a pool runs on, and what the pool tells of it: reports, then exactly one of done, failed or died."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nas.errors import InputError


@dataclass(frozen=True)
class Need:
    """What a job runs on: `devices` whole ones (with a process, a rank, for each), or a share of one."""

    devices: int = 1
    share: float = 1.0  # of one device; 0.5: two such jobs fit one device

    def __post_init__(self) -> None:
        if self.devices < 1 or not 0 < self.share <= 1 or (self.devices > 1 and self.share != 1):
            raise InputError(
                f"pool.devices_per_candidate: {self.devices} devices with a share of {self.share:g} of each; "
                "there are whole devices (1, 2, ...) and a share of one (0.5, for example)"
            )


ONE_DEVICE = Need()


@dataclass(frozen=True)
class Report:
    """Metrics after a step. The job waits until `Pool.answer` says how it goes on."""

    key: int
    step: int
    metrics: dict[str, float]


@dataclass(frozen=True)
class Done:
    """The function returned, and all processes of the job have ended."""

    key: int
    result: Any


@dataclass(frozen=True)
class Failed:
    """The function raised, and all processes of the job have ended."""

    key: int
    reason: str  # one line
    traceback: str
    kind: str  # the exception's class, such as "builtins.ValueError" or "torch.OutOfMemoryError"


@dataclass(frozen=True)
class Died:
    """A process of the job ended without a result: it crashed, was killed, or took too long. All have ended."""

    key: int
    exit_code: int  # -n: ended by signal n
    how: str  # one line, e.g. "killed by signal 11 (SIGSEGV)"
    over_time: bool = False  # the pool has ended it at its time limit


def class_name(error: BaseException) -> str:
    """What `Failed.kind` says of an exception."""
    return f"{type(error).__module__}.{type(error).__qualname__}"


Event = Report | Done | Failed | Died
