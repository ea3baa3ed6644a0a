"""What driver, fork server and children say to each other."""

from __future__ import annotations

import struct
from dataclasses import dataclass

# Driver → server: (job key, signal). Signal 0 asks for a child; the record then carries two file
# descriptors, the child's end of its pipe and its log. Any other signal goes to the child's process group.
COMMAND = struct.Struct("!qi")
FORK = 0


@dataclass(frozen=True)
class Ready:
    """Server → driver: everything is imported."""


@dataclass(frozen=True)
class Broken:
    """Server → driver: an import failed; the server ends."""

    traceback: str


@dataclass(frozen=True)
class Forked:
    """Server → driver: the job's child exists."""

    key: int
    pid: int


@dataclass(frozen=True)
class Ended:
    """Server → driver: the job's child has ended, and everything it had started with it."""

    key: int
    exit_code: int
    problem: str = ""  # why there never was a child


News = Ready | Broken | Forked | Ended


@dataclass(frozen=True)
class Task:
    """Driver → child, over its pipe: what to do and under which conditions."""

    key: int
    argument: bytes  # pickled: reading it may import modules, which must find the environment set
    threads: int
    environment: dict[str, str]  # all of it: the server's own dates from when it started
    directory: str
    silence_limit: float | None
