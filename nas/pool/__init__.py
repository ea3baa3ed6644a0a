"""Processes that train candidates: a pool of devices, forked processes for each job on them; imports no torch."""

from nas.pool.base import AnyPool
from nas.pool.devices import Device, cores, find_devices
from nas.pool.events import Died, Done, Event, Failed, Need, Report
from nas.pool.fork_server import PoolError
from nas.pool.pool import Pool

__all__ = [
    "AnyPool",
    "Device",
    "Died",
    "Done",
    "Event",
    "Failed",
    "Need",
    "Pool",
    "PoolError",
    "Report",
    "cores",
    "find_devices",
]
