"""Who holds what in a study that several drivers share, changed by compare-and-set."""

import os
import socket
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Protocol


class Claims(Protocol):
    """Names, each with the one who holds it."""

    def take(self, name: str, holder: str, instead_of: str | None = None) -> bool:
        """Makes `holder` the holder of `name` if the holder is `instead_of` (None: nobody); says whether it did.

        Of several who try at once with the same `instead_of`, exactly one succeeds.
        """

    def holders(self, names: Iterable[str]) -> dict[str, str]:
        """By name; names that nobody holds are left out."""


@dataclass
class Alone:
    """Of a study with one driver, in its memory."""

    _holders: dict[str, str] = field(default_factory=dict)

    def take(self, name: str, holder: str, instead_of: str | None = None) -> bool:
        if self._holders.get(name) != instead_of:
            return False
        self._holders[name] = holder
        return True

    def holders(self, names: Iterable[str]) -> dict[str, str]:
        return {name: self._holders[name] for name in names if name in self._holders}


def new_holder() -> str:
    """A name for this driver, as no other has had it: host, process, where its number holds, and something random."""
    return ":".join((socket.gethostname()[:60].replace(":", "."), str(os.getpid()), _place(), uuid.uuid4().hex[:8]))


def is_gone(holder: str) -> bool:
    """Whether a driver was a process of this machine that is no more."""
    _, process, place, _ = holder.split(":")
    if not place or place != _place():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # it lives, and is another user's
        pass
    return False


def _place() -> str:
    """The boot and the namespace in which a process number means what it means here; empty where that is not known."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
        return sha256(f"{boot} {os.readlink('/proc/self/ns/pid')}".encode()).hexdigest()[:8]
    except OSError:
        return ""
