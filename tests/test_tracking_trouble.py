"""W&B down, slow, with a wrong key or over its quota: the search goes on, says so once, and nothing is lost."""

from argparse import Namespace

import pytest
from tracking_parts import arrived, log_in, measured, on_disk, one_candidate, synced, tracker_of
from wandb_server import serving

from nas.errors import InputError
from nas.tracking.upload import run

pytestmark = pytest.mark.usefixtures("own_home")


@pytest.fixture
def study(tmp_path):
    return tmp_path / "studies" / "tiny"


def test_a_key_that_cannot_be_one_means_offline_and_is_not_repeated(study, monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "secret but too short")
    told = []
    tracker = tracker_of(study, told.append)
    one_candidate(tracker)
    assert len(told) == 1
    assert told[0].startswith("W&B stays offline: WANDB_API_KEY invalid")
    assert "secret" not in told[0]
    assert len(on_disk(study)) == 1


NEVER = 0
"""An answer that does not come."""


@pytest.mark.parametrize("answer", ["nobody there", "no answer", 401, 429], ids=str)
def test_without_a_server_the_runs_are_on_disk_and_can_be_uploaded_later(answer, study, monkeypatch, capfd):
    told = []
    with serving() as server:
        server.refuse = {"*": {"no answer": NEVER}.get(answer, answer)}
        log_in(monkeypatch, server)
        if answer == "nobody there":
            monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
        tracker = tracker_of(study, told.append, patience=0.5)
        for n in range(3):
            tracker.start(n, {"width": n}, {})
            tracker.report(n, 1, {"val/accuracy": 0.5})
        for n in range(3):
            tracker.finish(n, "complete", {"value": 0.5})
        tracker.close()
    assert len(told) == 1
    assert told[0].startswith("W&B goes on offline: ")
    assert "\n" not in told[0]
    assert [measured(run) for run in on_disk(study)] == [[{"_step": 1, "val/accuracy": 0.5}]] * 3
    assert capfd.readouterr() == ("", "")
    if answer == 429:  # an upload takes seconds, and is the same for all
        with serving() as server:
            log_in(monkeypatch, server)
            assert synced(tracker.where()) == 0
        assert [run.config["width"] for run in arrived(server)] == [0, 1, 2]
        assert [measured(run) for run in arrived(server)] == [[{"_step": 1, "val/accuracy": 0.5}]] * 3


def test_a_key_that_is_not_at_hand_later_uploads_nothing_and_says_so(study, monkeypatch):
    one_candidate(tracker_of(study))
    with serving() as server:
        monkeypatch.setenv("WANDB_BASE_URL", server.url)
        with pytest.raises(InputError, match="nobody is logged in"):
            run(Namespace(study=study))
    assert server.operations == []


@pytest.mark.parametrize("answer", [429, NEVER])
def test_data_that_the_server_takes_no_more_is_told_once_and_kept(answer, study, monkeypatch):
    """Its quota is used up, or it does not answer, from some moment on."""
    told = []
    with serving() as server:
        log_in(monkeypatch, server, study)
        tracker = tracker_of(study, told.append, patience=1.0)
        for n in range(3):
            tracker.start(n, {"width": n}, {})
            tracker.report(n, 1, {"loss": 1.0})
            server.refuse = {"*": answer}
            tracker.report(n, 2, {"loss": 0.5})
            tracker.finish(n, "complete", {})
        tracker.close()
    assert len(told) == 1
    assert told[0].startswith("W&B goes on offline: ")
    with serving() as server:
        log_in(monkeypatch, server)
        assert synced(tracker.where()) == 0
    whole = [{"_step": 1, "loss": 1.0}, {"_step": 2, "loss": 0.5}]
    assert [measured(run) for run in on_disk(study)] == [whole] * 3
    assert [(measured(run), run.exit_code) for run in arrived(server)] == [(whole, 0)] * 3


def test_a_server_lost_in_mid_search_costs_no_data_and_later_uploads_complete_the_runs(study, monkeypatch, capfd):
    told = []
    tracker = tracker_of(study, told.append, patience=1.0)
    with serving() as server:
        log_in(monkeypatch, server, study)
        for n in range(2):
            tracker.start(n, {"width": n}, {})
            tracker.report(n, 1, {"loss": 2.0})
    tracker.finish(0, "failed", {"reason": "loss is NaN"})
    tracker.report(1, 2, {"loss": 1.0})
    tracker.start(2, {"width": 2}, {})
    for n in (1, 2):
        tracker.finish(n, "complete", {})
    tracker.close()
    assert len(told) == 1
    assert capfd.readouterr() == ("", "")
    with serving() as server:
        log_in(monkeypatch, server)
        assert synced(tracker.where()) == 0
    runs = arrived(server)
    assert [[(row["_step"], row["loss"]) for row in run.history] for run in runs] == [
        [(1, 2.0)],
        [(1, 2.0), (2, 1.0)],
        [],
    ]
    assert [run.exit_code for run in runs] == [1, 0, 0]
    assert [run.tags for run in runs] == [("failed",), ("complete",), ("complete",)]


def test_data_that_the_server_refuses_is_told_once_and_kept(study, monkeypatch):
    told = []
    with serving() as server:
        server.refuse = {"file_stream": 403}
        log_in(monkeypatch, server, study)
        tracker = tracker_of(study, told.append, patience=5.0)
        for n in range(3):
            tracker.start(n, {"width": n}, {})
            tracker.report(n, 1, {"loss": 1.0})
            tracker.finish(n, "complete", {})
        tracker.close()
    assert told == ["W&B goes on offline: the server is too slow or refuses data"]
    assert "wandb sync --include-online" in tracker.where()
    assert [measured(run) for run in on_disk(study)] == [[{"_step": 1, "loss": 1.0}]] * 3


def test_runs_that_cannot_even_be_written_are_left_out_and_told_once(study, monkeypatch):
    def refuse(**settings):
        raise OSError("no space left")

    monkeypatch.setattr("wandb.init", refuse)
    told = []
    tracker = tracker_of(study, told.append)
    one_candidate(tracker)
    assert told == ["W&B misses the study: no space left"]
    assert on_disk(study) == []
