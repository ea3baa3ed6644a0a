"""What makes one process of a job a rank among others: its environment, its log, the port where they meet."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Collection, Sequence
from pathlib import Path

from nas.pool.devices import CUDA, Device

# Below the numbers that systems hand out by themselves (from 32768 on Linux, 49152 on macOS), so that nobody is given
# a port between its choice here and the moment at which rank 0 listens there.
PORTS = range(20000, 32768)


def free_port(taken: Collection[int]) -> int:
    """A port that nobody listens on and that is not among `taken`. Raises OSError if there seems to be none."""
    for _ in range(1000):
        port = secrets.choice(PORTS)
        if port not in taken and _can_listen(port):
            return port
    raise OSError(f"no free port found from {PORTS.start} to {PORTS.stop - 1}")


def rank_variables(rank: int, devices: Sequence[Device], port: int | None) -> dict[str, str]:
    """Environment variables of one process of a job; `port` is None for a job of one process.

    Every rank sees all GPUs of its job: LOCAL_RANK says which one is its own.
    """
    variables = {}
    if devices[0].kind == CUDA:
        variables["CUDA_VISIBLE_DEVICES"] = ",".join(device.id for device in devices)
    if port is not None:
        variables |= {
            "LOCAL_RANK": str(rank),
            "WORLD_SIZE": str(len(devices)),
            "LOCAL_WORLD_SIZE": str(len(devices)),
            "NODE_RANK": "0",
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
        }
    return variables


def log_of(rank: int, log: Path) -> Path:
    """The log of a rank beside that of its job, which is rank 0's.

    >>> log_of(1, Path("logs/0007.log")).name
    '0007.rank1.log'
    """
    return log if rank == 0 else log.with_name(f"{log.stem}.rank{rank}{log.suffix}")


def _can_listen(port: int) -> bool:
    with socket.socket() as listener:
        try:
            listener.bind(("", port))
        except OSError:
            return False
        return True
