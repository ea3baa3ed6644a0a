"""What a driver asks of a pool, whatever it trains on: this machine, a cluster, or a simulation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from nas.pool.events import Event, Need


class AnyPool(Protocol):
    """Runs jobs side by side and tells what becomes of them; see `Pool`, whose methods these are."""

    slots: int
    threads: int
    clock: Callable[[], float]

    @property
    def running(self) -> tuple[int, ...]: ...

    def room(self, need: Need) -> bool: ...

    def start(self, key: int, argument: object, log: Path, need: Need = ...) -> None: ...

    def answer(self, key: int, answer: int) -> None: ...

    def stop(self, key: int) -> None: ...

    def wait(self, timeout: float | None = None) -> list[Event]: ...

    def close(self) -> None: ...
