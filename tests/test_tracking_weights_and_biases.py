"""Tests of nas.tracking and its W&B tracker; they talk to nobody but this machine."""

import math
import os
import pty
import re
import shlex
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from wandb_server import forget_account, serving

from nas.errors import InputError
from nas.tracking import NoTracker, WandbTracker, open_tracker
from nas.tracking.offline import read_runs
from nas.tracking.plain import safe_name

KEY = "a" * 40


@pytest.fixture(autouse=True)
def _alone(monkeypatch, tmp_path):
    forget_account(monkeypatch, tmp_path)


@pytest.fixture
def study(tmp_path):
    return tmp_path / "studies" / "tiny"


def one_candidate(tracker):
    tracker.start(0, {"width": 8}, {"macs": 3})
    tracker.report(0, 1, {"val/accuracy": 0.5})
    tracker.finish(0, "complete", {"value": 0.5})
    tracker.close()


def synced(line):
    """Run the command that a tracker's `where` gives; returns W&B's own exit status."""
    command = shlex.split(line.split("upload them: ")[1].removeprefix("wandb login && "))
    return subprocess.run([sys.executable, "-m", *command], capture_output=True, timeout=60).returncode


def measured(run):
    return [{key: value for key, value in row.items() if key[0] != "_" or key == "_step"} for row in run.history]


def test_candidates_in_flight_together_become_runs_of_one_group(study, capfd):
    tracker = open_tracker("wandb", study="tiny", identity="id", folder=study, warn=pytest.fail)
    parameters = [{"cells.normal.width": 8 * n, "training.lr": 0.1, "pool": "max", "se": n == 1} for n in range(3)]
    facts = [{"parameters": 1000 + n, "macs": 10**10 + n, "digest": f"d{n}"} for n in range(3)]
    for n in range(3):
        tracker.start(n, parameters[n], facts[n])
    for epoch in (1, 2):
        for n in range(3):
            if not (n == 1 and epoch == 2):
                tracker.report(n, epoch, {"val/accuracy": epoch / (n + 2), "train/loss": math.nan if n == 2 else 1.5})
    tracker.finish(1, "pruned", {"value": 1 / 3, "seconds": 1.5})
    tracker.finish(2, "failed", {"value": None, "reason": "loss is NaN"})
    tracker.finish(0, "complete", {"value": 1.0, "seconds": 2.5})
    tracker.close()

    runs = sorted(read_runs(study / "wandb").values(), key=lambda run: run.name)
    assert [run.name for run in runs] == ["trial-0000", "trial-0001", "trial-0002"]
    assert [dict(run.config) for run in runs] == [{**parameters[n], **facts[n]} for n in range(3)]
    assert [run.tags for run in runs] == [("complete",), ("pruned",), ("failed",)]
    assert [run.exit_code for run in runs] == [0, 0, 1]
    assert [run.summary["state"] for run in runs] == ["complete", "pruned", "failed"]
    assert [run.summary["value"] for run in runs] == [1.0, 1 / 3, None]
    assert runs[2].summary["reason"] == "loss is NaN"
    assert {(run.group, run.job_type, run.project) for run in runs} == {("tiny", "candidate", "inception-nas")}
    assert measured(runs[0]) == [
        {"_step": 1, "val/accuracy": 0.5, "train/loss": 1.5},
        {"_step": 2, "val/accuracy": 1.0, "train/loss": 1.5},
    ]
    assert [row["_step"] for row in runs[1].history] == [1]
    assert all(math.isnan(row["train/loss"]) for row in runs[2].history)
    assert f"wandb login && wandb sync {study}/wandb" in tracker.where()
    assert os.listdir(study) == ["wandb"]
    assert capfd.readouterr() == ("", "")


def test_what_is_told_of_unknown_candidates_is_ignored(study):
    tracker = WandbTracker("tiny", "id", study, warn=pytest.fail)
    tracker.report(3, 1, {"loss": 1.0})
    tracker.finish(3, "twin", {})
    tracker.close()
    tracker.close()
    assert not study.exists()
    assert tracker.where() is None


def netrc(server, home):
    (home / ".netrc").write_text(f"machine {server.url.removeprefix('http://')} login user password {KEY}\n")


def settings_file(server, home):
    path = home / ".config" / "wandb" / "settings"
    path.parent.mkdir(parents=True)
    path.write_text(f"[default]\nbase_url = {server.url}\napi_key = {KEY}\n")


WHERE_A_KEY_CAN_BE = {
    "nowhere": lambda server, home, patch: None,
    "environment": lambda server, home, patch: patch.setenv("WANDB_API_KEY", KEY),
    "netrc": lambda server, home, patch: netrc(server, home),
    "settings": lambda server, home, patch: settings_file(server, home),
}


@pytest.mark.parametrize(
    ("key", "mode", "outcome"),
    [
        ("nowhere", None, "offline"),
        ("nowhere", "online", "offline, told"),
        ("nowhere", "disabled", "off"),
        ("environment", None, "online"),
        ("environment", "offline", "offline"),
        ("environment", "disabled", "off"),
        ("environment", "dryrun", "offline"),
        ("environment", "someday", "off, told"),
        ("netrc", None, "online"),
        ("settings", None, "online"),
    ],
)
def test_runs_are_online_exactly_if_a_key_is_at_hand_and_nothing_forbids_it(
    key, mode, outcome, study, monkeypatch, capfd
):
    told = []
    with serving() as server:
        monkeypatch.setenv("WANDB_BASE_URL", server.url)
        WHERE_A_KEY_CAN_BE[key](server, Path.home(), monkeypatch)
        if mode:
            monkeypatch.setenv("WANDB_MODE", mode)
        tracker = WandbTracker("tiny", "id", study, warn=told.append)
        one_candidate(tracker)
    where = tracker.where() or "off"
    arrived = "online" if server.runs else "offline" if "wandb sync" in where else where
    assert arrived + (", told" if told else "") == outcome
    assert len(told) <= 1
    assert server.operations == [] or arrived == "online"
    assert bool(read_runs(study / "wandb")) == (arrived != "off")
    assert capfd.readouterr() == ("", "")


def test_a_key_that_cannot_be_one_means_offline_and_is_not_repeated(study, monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "secret but too short")
    told = []
    tracker = WandbTracker("tiny", "id", study, warn=told.append)
    one_candidate(tracker)
    assert len(told) == 1
    assert told[0].startswith("W&B stays offline: WANDB_API_KEY invalid")
    assert "secret" not in told[0]
    assert len(read_runs(study / "wandb")) == 1


def test_online_runs_arrive_with_config_history_summary_and_exit(study, monkeypatch, capfd):
    with serving() as server:
        monkeypatch.setenv("WANDB_BASE_URL", server.url)
        monkeypatch.setenv("WANDB_API_KEY", KEY)
        tracker = open_tracker("wandb", study="tiny", identity="id", folder=study, warn=pytest.fail)
        for n in range(2):
            tracker.start(n, {"cells.normal.width": 8 + n}, {"macs": 5})
            for epoch in (1, 2, 3):
                tracker.report(n, epoch, {"val/accuracy": epoch / 4})
        tracker.finish(0, "complete", {"value": 0.75})
        tracker.finish(1, "failed", {"reason": "out of memory"})
        tracker.close()
    first, second = server.runs.values()
    assert (first.name, first.group, first.job_type, first.tags) == ("trial-0000", "tiny", "candidate", ("complete",))
    assert first.config["cells.normal.width"] == 8
    assert first.config["macs"] == 5
    assert measured(first) == [{"_step": epoch, "val/accuracy": epoch / 4} for epoch in (1, 2, 3)]
    assert (first.summary["state"], first.summary["value"], first.exit_code) == ("complete", 0.75, 0)
    assert (second.tags, second.exit_code, second.summary["reason"]) == (("failed",), 1, "out of memory")
    assert tracker.where() == f"W&B: {server.url}/tester/inception-nas/groups/tiny"
    assert server.unknown == []
    assert capfd.readouterr() == ("", "")


def test_a_candidate_that_goes_on_continues_its_run_online(study, monkeypatch):
    with serving() as server:
        monkeypatch.setenv("WANDB_BASE_URL", server.url)
        monkeypatch.setenv("WANDB_API_KEY", KEY)
        first = WandbTracker("tiny", "id", study, warn=pytest.fail)
        first.start(4, {"width": 8}, {})
        first.report(4, 1, {"loss": 3.0})
        first.report(4, 2, {"loss": 2.0})
        first.close()
        (run,) = server.runs.values()
        assert (run.tags, run.exit_code) == (("interrupted",), 255)
        then = WandbTracker("tiny", "id", study, warn=pytest.fail)
        then.start(4, {"width": 8}, {})
        then.report(4, 2, {"loss": 2.0})
        then.report(4, 3, {"loss": 1.0})
        then.finish(4, "complete", {})
        then.close()
    (run,) = server.runs.values()
    assert [(row["_step"], row["loss"]) for row in run.history] == [(1, 3.0), (2, 2.0), (3, 1.0)]
    assert (run.tags, run.exit_code) == (("complete",), 0)


@pytest.mark.parametrize("answer", ["refuses", "never comes", "is 'wrong key'"])
def test_without_a_server_the_runs_are_on_disk_and_can_be_uploaded_later(answer, study, monkeypatch, capfd):
    told = []
    with socket.socket() as deaf, serving() as refusing:
        deaf.bind(("127.0.0.1", 0))
        if answer == "never comes":
            deaf.listen()  # connections are made, and that is all
        refusing.refuse = {"RunResumeStatus": 401, "UpsertBucket": 401}
        deaf_url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        monkeypatch.setenv("WANDB_BASE_URL", refusing.url if answer == "is 'wrong key'" else deaf_url)
        monkeypatch.setenv("WANDB_API_KEY", KEY)
        tracker = WandbTracker("tiny", "id", study, warn=told.append, patience=0.5)
        for n in range(3):
            tracker.start(n, {"width": n}, {})
            tracker.report(n, 1, {"val/accuracy": 0.5})
        for n in range(3):
            tracker.finish(n, "complete", {"value": 0.5})
        tracker.close()
    assert len(told) == 1
    assert told[0].startswith("W&B goes on offline: ")
    assert "\n" not in told[0]
    assert len(read_runs(study / "wandb")) == 3
    assert capfd.readouterr() == ("", "")
    if answer == "refuses":
        with serving() as server:
            monkeypatch.setenv("WANDB_BASE_URL", server.url)
            assert synced(tracker.where()) == 0
        assert sorted(run.config["width"] for run in server.runs.values()) == [0, 1, 2]
        assert all(measured(run) == [{"_step": 1, "val/accuracy": 0.5}] for run in server.runs.values())


def test_a_server_lost_in_mid_search_costs_no_data_and_later_uploads_complete_the_runs(study, monkeypatch, capfd):
    told = []
    tracker = WandbTracker("tiny", "id", study, warn=told.append, patience=1.0)
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    with serving() as server:
        monkeypatch.setenv("WANDB_BASE_URL", server.url)
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
        monkeypatch.setenv("WANDB_BASE_URL", server.url)
        assert synced(tracker.where()) == 0
    runs = sorted(server.runs.values(), key=lambda run: run.name)
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
        monkeypatch.setenv("WANDB_BASE_URL", server.url)
        monkeypatch.setenv("WANDB_API_KEY", KEY)
        tracker = WandbTracker("tiny", "id", study, warn=told.append, patience=5.0)
        for n in range(3):
            tracker.start(n, {"width": n}, {})
            tracker.report(n, 1, {"loss": 1.0})
            tracker.finish(n, "complete", {})
        tracker.close()
    assert told == ["W&B goes on offline: the server is too slow or refuses data"]
    assert "wandb sync --include-online" in tracker.where()
    runs = read_runs(study / "wandb").values()
    assert [measured(run) for run in runs] == [[{"_step": 1, "loss": 1.0}]] * 3


def test_hostile_names_and_values_do_no_harm(tmp_path):
    hostile = ["../../up\\c?d#e%f:g", "q\"u'o<t>e\n\x00\x1b[31m", "ünï 木 " * 60, "\ud800"]
    folder = tmp_path / 'stu\'dy; touch x & "é" $(x)'
    for study in hostile:
        tracker = WandbTracker(study, study, folder, warn=pytest.fail)
        tracker.start(0, {study: study, "_wandb": "x", "a.b": "wandb-artifact://x/y:v0"}, {"macs": np.int64(7)})
        tracker.report(0, 0, {study: np.float32(0.5)})
        tracker.finish(0, "complete", {study: study, "path": Path("/x"), "shape": (1, [2])})
        tracker.close()
    runs = read_runs(folder / "wandb")
    assert len(runs) == len(hostile)
    for name, run in runs.items():
        assert re.fullmatch(r"[0-9a-f]{16}-0", name)
        assert 1 <= len(run.group) <= 128
        assert run.config["macs"] == 7
        assert run.config["wandb"] == "x"
        assert run.summary["shape"] == [1, [2]]
    assert {run.group for run in runs.values()} == {safe_name(study) for study in hostile}
    assert sorted(os.listdir(tmp_path)) == ["home", folder.name]
    assert os.listdir(folder) == ["wandb"]
    assert shlex.split(tracker.where())[-1] == str(folder / "wandb")


def test_two_studies_of_one_name_share_no_run(study):
    for identity in ("first", "second"):
        one_candidate(WandbTracker("tiny", identity, study, warn=pytest.fail))
    assert len(read_runs(study / "wandb")) == 2


def test_without_tracking_wandb_is_not_imported():
    program = """
import sys
from pathlib import Path
from nas.tracking import open_tracker
for name in ("none", "wandb"):
    tracker = open_tracker(name, study="s", identity="i", folder=Path("s"), warn=print)
    if name == "none":
        tracker.start(0, {}, {})
        tracker.report(0, 1, {})
        tracker.finish(0, "complete", {})
    tracker.close()
    assert tracker.where() is None
print("wandb" in sys.modules, "torch" in sys.modules, Path("s").exists())
"""
    root = Path(__file__).parents[1]
    answer = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(root)},
        check=True,
        capture_output=True,
        text=True,
    )
    assert answer.stdout == "False False False\n"


def test_nothing_is_asked_or_shown_even_on_a_terminal(study):
    program = """
import sys
from pathlib import Path
from nas.tracking import open_tracker
tracker = open_tracker("wandb", study="s", identity="i", folder=Path(sys.argv[1]), warn=print)
tracker.start(0, {}, {})
tracker.finish(0, "complete", {})
tracker.close()
"""
    root = Path(__file__).parents[1]
    ours, theirs = pty.openpty()
    try:
        subprocess.run(
            [sys.executable, "-c", program, str(study)],
            env={**os.environ, "PYTHONPATH": str(root), "TERM": "xterm"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            check=True,
            timeout=60,
        )
        os.write(theirs, b"end")
        assert os.read(ours, 1000) == b"end"
    finally:
        os.close(ours)
        os.close(theirs)
    assert len(read_runs(study / "wandb")) == 1


def test_there_is_no_third_tracker(study):
    assert isinstance(open_tracker("none", study="s", identity="i", folder=study, warn=print), NoTracker)
    with pytest.raises(InputError, match=r"tracking: no tracking 'wandd'; did you mean 'wandb'"):
        open_tracker("wandd", study="s", identity="i", folder=study, warn=print)
