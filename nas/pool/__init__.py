"""Processes that train candidates: a pool of slots, one forked process per job; imports no torch."""

from nas.pool.events import Died, Done, Event, Failed, Report
from nas.pool.fork_server import PoolError
from nas.pool.pool import Pool

__all__ = ["Died", "Done", "Event", "Failed", "Pool", "PoolError", "Report"]
