"""A process beside the fork server that ends what the server's jobs have running, should the server be killed.

A job cannot be trusted with its own end: while it is inside C code that holds the interpreter's lock, none of its
Python threads runs. The kernel's offer (PR_SET_PDEATHSIG) is Linux's alone, and ends a job's first process only, not
what that had started, such as loader workers.
"""

from __future__ import annotations

import contextlib
import os
import signal
import struct
from collections.abc import Iterable

_RECORD = struct.Struct("=q")  # n: process group n is to be ended; -n: it has ended


class Guardian:
    """The server's side of its guardian; made before anything large is imported, which keeps that process small.

    `closed` are the server's descriptors that the guardian must not hold open.
    """

    def __init__(self, closed: Iterable[int]) -> None:
        records, self._records = os.pipe()
        if os.fork() == 0:
            try:
                for descriptor in (*closed, self._records):
                    os.close(descriptor)
                _guard(records)
            finally:
                os._exit(0)  # never back into the server
        os.close(records)

    def join(self) -> None:
        """In a new child that leads a process group: be ended with the server from here on.

        Until then the child holds the pipe open, so that there is no moment without a guard.
        """
        self._write(os.getpid())
        os.close(self._records)

    def forget(self, group: int) -> None:
        """In the server: this group has ended, its number may come to mean another's."""
        self._write(-group)

    def _write(self, number: int) -> None:
        with contextlib.suppress(BrokenPipeError):  # somebody killed the guardian: jobs go on without
            os.write(self._records, _RECORD.pack(number))


def _guard(records: int) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    while record := os.read(records, _RECORD.size):  # empty when the server and all who might still join are gone
        (number,) = _RECORD.unpack(record)
        if number > 0:
            groups.add(number)
        else:
            groups.discard(-number)
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
