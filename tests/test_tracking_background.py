"""The search never waits for a tracker."""

from threading import Event, get_ident

from nas.tracking import InBackground, Tracker


class Slow(Tracker):
    """Does nothing before it is released, and remembers what it was told."""

    def __init__(self):
        self.released = Event()
        self.told = []
        self.threads = set()

    def start(self, number, parameters, facts, draw):
        self.released.wait(20)
        self._note("start", number, parameters, facts)

    def report(self, number, epoch, metrics):
        self._note("report", number, epoch, metrics)

    def finish(self, number, state, summary, marks):
        self._note("finish", number, state, summary, *marks)

    def stand(self, ended, values):
        self._note("stand", ended, values())

    def best(self, number, files, facts):
        self._note("best", number, files(), facts)

    def conclude(self, values):
        self._note("conclude", values())

    def close(self):
        self._note("close")

    def hurry(self):
        self.released.set()

    def where(self):
        return f"heard {len(self.told)}"

    def _note(self, *what):
        self.told.append(what)
        self.threads.add(get_ident())


class Broken(Slow):
    def report(self, number, epoch, metrics):
        raise RuntimeError("broken inside")


def in_background(tracker, patience=20.0):
    warnings = []
    return InBackground(tracker, patience, warnings.append), warnings


def test_calls_return_while_the_tracker_is_still_busy_with_the_first():
    slow = Slow()
    tracker, warnings = in_background(slow)
    metrics = {"val/accuracy": 0.5}
    tracker.start(0, {"width": 8}, {"macs": 3})
    tracker.report(0, 1, metrics)
    metrics["val/accuracy"] = 0.0  # what was reported stays as it was
    tracker.finish(0, "complete", {"value": 0.5}, ["retried"])
    asked = []
    tracker.best(0, lambda: asked.append("files") or {}, {"macs": 3})
    tracker.stand(1, lambda: asked.append("values") or {"best": 0.5})
    tracker.conclude(lambda: {"best": 0.5})
    assert slow.told == asked == []
    slow.released.set()
    tracker.close()
    assert slow.told == [
        ("start", 0, {"width": 8}, {"macs": 3}),
        ("report", 0, 1, {"val/accuracy": 0.5}),
        ("finish", 0, "complete", {"value": 0.5}, "retried"),
        ("best", 0, {}, {"macs": 3}),
        ("stand", 1, {"best": 0.5}),
        ("conclude", {"best": 0.5}),
        ("close",),
    ]
    assert asked == ["files", "values"]
    assert slow.threads.isdisjoint({get_ident()})
    assert tracker.where() == "heard 7"
    assert warnings == []


def test_close_hurries_a_tracker_that_takes_too_long_and_loses_nothing():
    slow = Slow()
    tracker, warnings = in_background(slow, patience=0.05)
    tracker.start(0, {}, {})
    tracker.finish(0, "pruned", {})
    tracker.close()
    tracker.close()
    slow.released.wait(5)
    assert slow.released.is_set()
    assert [what[0] for what in slow.told] == ["start", "finish", "close"]
    assert warnings == []


def test_close_gives_up_on_a_tracker_that_never_ends_and_says_so():
    slow = Slow()
    slow.hurry = lambda: None
    tracker, warnings = in_background(slow, patience=0.02)
    tracker.start(0, {}, {})
    tracker.close()
    slow.released.set()
    assert warnings == ["tracking does not come to an end; its last records may be missing"]


def test_a_defect_of_the_tracker_is_told_once_and_ends_nothing():
    broken = Broken()
    broken.released.set()
    tracker, warnings = in_background(broken)
    for epoch in (1, 2):
        tracker.report(0, epoch, {})
    tracker.finish(0, "complete", {})
    tracker.close()
    assert warnings == ["tracking is incomplete: RuntimeError: broken inside"]
    assert broken.told == [("finish", 0, "complete", {}), ("close",)]
