"""What driver, fork server and children say to each other."""

from __future__ import annotations

import signal
import struct
from dataclasses import dataclass

from nas.pool.events import Done, Failed

# Driver → server: (process number, signal). The pool numbers processes and never uses a number twice. Signal 0 asks
# for a child; the record then carries two file descriptors, the child's end of its pipe and its log. Any other signal
# goes to the child's process group.
COMMAND = struct.Struct("!qi")
FORK = 0

SHOW_STACKS = signal.SIGUSR2  # a child writes its threads' stacks to its log, though its interpreter be stuck


@dataclass(frozen=True)
class Ready:
    """Server → driver: everything is imported."""


@dataclass(frozen=True)
class Broken:
    """Server → driver: an import failed; the server ends."""

    traceback: str


@dataclass(frozen=True)
class Forked:
    """Server → driver: the child exists."""

    number: int
    pid: int


@dataclass(frozen=True)
class Ended:
    """Server → driver: the child has ended, and everything it had started with it."""

    number: int
    exit_code: int
    problem: str = ""  # why there never was a child


News = Ready | Broken | Forked | Ended


@dataclass(frozen=True)
class Task:
    """Driver → child, over its pipe: what to do and under which conditions."""

    key: int
    rank: int
    argument: bytes  # pickled: reading it may import modules, which must find the environment set
    threads: int
    environment: dict[str, str]  # all of it: the server's own dates from when it started
    directory: str


@dataclass(frozen=True)
class Outcome:
    """Child → driver, its last message: what came of its task, and when by the clock of all processes."""

    event: Done | Failed
    moment: float  # of time.monotonic
