"""What a pool tells about its jobs: a report on the way, then exactly one of done, failed or died."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Report:
    """Metrics after a step. The job waits until `Pool.answer` says whether it goes on."""

    key: int
    step: int
    metrics: dict[str, float]


@dataclass(frozen=True)
class Done:
    """The function returned, and its process has ended."""

    key: int
    result: Any


@dataclass(frozen=True)
class Failed:
    """The function raised, and its process has ended."""

    key: int
    reason: str  # one line
    traceback: str


@dataclass(frozen=True)
class Died:
    """The process ended without a result: it crashed, was killed, or took too long."""

    key: int
    exit_code: int  # -n: ended by signal n
    how: str  # one line, e.g. "killed by signal 11 (SIGSEGV)"


Event = Report | Done | Failed | Died
