"""A tracker that keeps nobody waiting: another one does its work, in order, on a thread of its own."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from threading import Thread

from nas.tracking.tracker import Draw, Tracker


class InBackground(Tracker):
    """Hands every call to `tracker` on a thread and returns at once.

    `close` alone waits: `patience` seconds for what is still queued, then it makes `tracker` hurry and waits at most
    three times as long again. `warn` is called from either thread.
    """

    def __init__(self, tracker: Tracker, patience: float, warn: Callable[[str], None]) -> None:
        self._tracker = tracker
        self._patience = patience
        self._warn = warn
        self._told = False
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = Thread(target=self._work, name="tracking", daemon=True)
        self._thread.start()

    def start(
        self, number: int, parameters: Mapping[str, object], facts: Mapping[str, object], draw: Draw | None = None
    ) -> None:
        self._calls.put(partial(self._tracker.start, number, dict(parameters), dict(facts), draw))

    def report(self, number: int, epoch: int, metrics: Mapping[str, float]) -> None:
        self._calls.put(partial(self._tracker.report, number, epoch, dict(metrics)))

    def finish(self, number: int, state: str, summary: Mapping[str, object], marks: Sequence[str] = ()) -> None:
        self._calls.put(partial(self._tracker.finish, number, state, dict(summary), tuple(marks)))

    def stand(self, ended: int, values: Callable[[], Mapping[str, object]]) -> None:
        self._calls.put(partial(self._tracker.stand, ended, values))

    def best(self, number: int, files: Callable[[], Mapping[str, bytes | Path]], facts: Mapping[str, object]) -> None:
        self._calls.put(partial(self._tracker.best, number, files, dict(facts)))

    def conclude(self, values: Callable[[], Mapping[str, object]]) -> None:
        self._calls.put(partial(self._tracker.conclude, values))

    def close(self) -> None:
        self._calls.put(self._tracker.close)
        self._calls.put(None)
        self._thread.join(self._patience)
        if self._thread.is_alive():
            self._tracker.hurry()
            self._thread.join(3 * self._patience)
        if self._thread.is_alive():
            self._warn("tracking does not come to an end; its last records may be missing")

    def where(self) -> str | None:
        return self._tracker.where()

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            self._attempt(call)

    def _attempt(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception as error:  # a mirror's defect must not end a search that runs well
            if not self._told:
                self._warn(f"tracking is incomplete: {type(error).__name__}: {error}")
            self._told = True
