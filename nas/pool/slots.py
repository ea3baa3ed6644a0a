"""Which job runs on which devices: whole ones for a group of ranks, or a share of one; nothing here starts a job."""

from __future__ import annotations

import math
from collections.abc import Sequence
from heapq import nsmallest

from nas.pool.devices import Device
from nas.pool.events import Need

ROUNDING = 1e-9  # three shares of a third fill a device


class Slots:
    """Devices, and the jobs that hold them.

    A job goes to the least loaded devices: small jobs spread while there are idle devices, since a device kept idle
    for a group that may come trains nothing. A group that waits gets its devices because the driver starts nothing
    else until it has.
    """

    def __init__(self, devices: Sequence[Device]) -> None:
        self._devices = tuple(devices)
        self._shares: list[dict[int, float]] = [{} for _ in devices]  # of each device, by job

    def capacity(self, need: Need) -> int:
        """How many jobs of this need all devices together hold."""
        return len(self._usable(need)) // need.devices * math.floor(1 / need.share + ROUNDING)

    def room(self, need: Need) -> bool:
        """Whether the devices for one more job are free."""
        return self._find(need) is not None

    def take(self, key: int, need: Need) -> tuple[Device, ...] | None:
        """Give a job its devices; None if they are not free."""
        found = self._find(need)
        if found is None:
            return None
        for position in found:
            self._shares[position][key] = need.share
        return tuple(self._devices[position] for position in found)

    def give_back(self, key: int) -> None:
        """Free the devices of a job that has ended."""
        for shares in self._shares:
            shares.pop(key, None)

    def _usable(self, need: Need) -> list[int]:
        return [position for position, device in enumerate(self._devices) if need.devices == 1 or device.joins]

    def _find(self, need: Need) -> list[int] | None:
        loads = [math.fsum(shares.values()) for shares in self._shares]
        free = [position for position in self._usable(need) if loads[position] <= 1 - need.share + ROUNDING]
        if len(free) < need.devices:
            return None
        return nsmallest(need.devices, free, key=loads.__getitem__)
