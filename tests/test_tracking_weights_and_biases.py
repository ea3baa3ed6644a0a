"""Tests of nas.tracking and its W&B tracker; they talk to nobody but this machine."""

import math
import os
import pty
import re
import shlex
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from tracking_parts import (
    KEY,
    SVG,
    arrived,
    log_in,
    measured,
    of_study,
    on_disk,
    one_candidate,
    run_program,
    synced,
    tracker_of,
)
from wandb_files import read_runs
from wandb_server import serving

from nas.tracking import About, Picture, Table, WandbTracker, open_tracker
from nas.tracking.values import safe_name

pytestmark = pytest.mark.usefixtures("own_home")


@pytest.fixture
def study(tmp_path):
    return tmp_path / "studies" / "tiny"


def test_candidates_in_flight_together_become_runs_of_one_group(study, capfd):
    tracker = open_tracker("wandb", About("tiny", "id", study), pytest.fail)
    parameters = [{"cells.normal.width": 8 * n, "training.lr": 0.1, "pool": "max", "se": n == 1} for n in range(3)]
    facts = [{"parameters": 1000 + n, "macs": 10**10 + n, "digest": f"d{n}"} for n in range(3)]
    for n in range(3):
        tracker.start(n, parameters[n], facts[n])
    for epoch in (1, 2):
        for n in range(3):
            if not (n == 1 and epoch == 2):
                tracker.report(n, epoch, {"val/accuracy": epoch / (n + 2), "train/loss": math.nan if n == 2 else 1.5})
    tracker.finish(1, "pruned", {"value": 1 / 3, "seconds": 1.5}, ["retried"])
    tracker.finish(2, "failed", {"value": None, "reason": "loss is NaN"})
    tracker.finish(0, "complete", {"value": 1.0, "seconds": 2.5})
    tracker.close()

    runs = on_disk(study)
    assert [run.name for run in runs] == ["trial-0000", "trial-0001", "trial-0002"]
    names = {"cells.normal.width": "cells/normal/width", "training.lr": "training/lr"}
    sampled = [{names.get(name, name): value for name, value in each.items()} for each in parameters]
    assert [dict(run.config) for run in runs] == [{**sampled[n], **facts[n]} for n in range(3)]
    assert [run.tags for run in runs] == [("complete",), ("pruned", "retried"), ("failed",)]
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
    tracker = tracker_of(study)
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
        log_in(monkeypatch, server, study)
        monkeypatch.delenv("WANDB_API_KEY")
        WHERE_A_KEY_CAN_BE[key](server, Path.home(), monkeypatch)
        if mode:
            monkeypatch.setenv("WANDB_MODE", mode)
        tracker = tracker_of(study, told.append)
        one_candidate(tracker)
    where = tracker.where() or "off"
    mode = "online" if server.runs else "offline" if "wandb sync" in where else where
    assert mode + (", told" if told else "") == outcome
    assert len(told) <= 1
    assert server.operations == [] or mode == "online"
    assert bool(read_runs(study / "wandb")) == (mode != "off")
    assert capfd.readouterr() == ("", "")


def test_online_runs_arrive_with_config_history_summary_and_exit(study, monkeypatch, capfd):
    with serving() as server:
        log_in(monkeypatch, server, study)
        tracker = open_tracker("wandb", About("tiny", "id", study), pytest.fail)
        for n in range(2):
            tracker.start(n, {"cells.normal.width": 8 + n}, {"macs": 5})
            for epoch in (1, 2, 3):
                tracker.report(n, epoch, {"val/accuracy": epoch / 4})
        tracker.finish(0, "complete", {"value": 0.75})
        tracker.finish(1, "failed", {"reason": "out of memory"})
        tracker.close()
    first, second = arrived(server)
    assert (first.name, first.group, first.job_type, first.tags) == ("trial-0000", "tiny", "candidate", ("complete",))
    assert first.config["cells/normal/width"] == 8
    assert first.config["macs"] == 5
    assert measured(first) == [{"_step": epoch, "val/accuracy": epoch / 4} for epoch in (1, 2, 3)]
    assert (first.summary["state"], first.summary["value"], first.exit_code) == ("complete", 0.75, 0)
    assert (second.tags, second.exit_code, second.summary["reason"]) == (("failed",), 1, "out of memory")
    assert tracker.where() == f"W&B: {server.url}/tester/inception-nas/sweeps/made-before"
    assert (first.sweep, second.sweep) == ("made-before", "made-before")
    assert server.unknown == []
    assert capfd.readouterr() == ("", "")


def test_a_candidate_that_goes_on_continues_its_run_online(study, monkeypatch):
    with serving() as server:
        log_in(monkeypatch, server, study)
        first = tracker_of(study)
        first.start(4, {"width": 8}, {})
        first.report(4, 1, {"loss": 3.0})
        first.report(4, 2, {"loss": 2.0})
        first.close()
        (run,) = arrived(server)
        assert (run.tags, run.exit_code) == (("interrupted",), 255)
        then = tracker_of(study)
        then.start(4, {"width": 8}, {})
        then.report(4, 2, {"loss": 2.0})
        then.report(4, 3, {"loss": 1.0})
        then.finish(4, "complete", {})
        then.close()
    (run,) = arrived(server)
    assert [(row["_step"], row["loss"]) for row in run.history] == [(1, 3.0), (2, 2.0), (3, 1.0)]
    assert (run.tags, run.exit_code) == (("complete",), 0)


def test_parameters_that_a_candidate_does_not_have_are_inactive_and_null_is_no_lack(study):
    parameters = {"op": {"values": ["conv", None]}, "conv.width": {"min": 1, "max": 8}}
    tracker = WandbTracker(About("tiny", "id", study, parameters), pytest.fail)
    tracker.start(0, {"op": "conv", "conv.width": 4}, {})
    tracker.start(1, {"op": None}, {})
    tracker.close()
    assert [dict(run.config) for run in on_disk(study)] == [
        {"op": "conv", "conv/width": 4},
        {"op": "null", "conv/width": "inactive"},
    ]


def test_a_run_has_one_picture_also_if_it_reported_nothing(study):
    drawn = []

    def draw():
        drawn.append(len(drawn))
        return Picture(SVG)

    tracker = tracker_of(study)
    for n in range(2):
        tracker.start(n, {}, {}, draw)
    for epoch in range(3):
        tracker.report(0, epoch, {"loss": 1.0})
    tracker.finish(0, "complete", {})
    tracker.finish(1, "twin", {"reason": "trains like trial 0"})
    tracker.close()
    assert len(drawn) == 2
    for run in on_disk(study):
        assert [row.get("cell._type") for row in run.history][:1] == ["html-file"]
        assert sum("cell._type" in row for row in run.history) == 1
        (folder,) = (study / "wandb").glob(f"*-{run.id}")
        assert SVG in (folder / "files" / run.history[0]["cell.path"]).read_text()


def test_a_candidate_that_goes_on_offline_is_one_complete_run_after_the_upload(study, monkeypatch):
    first = tracker_of(study)
    first.start(4, {"width": 8}, {}, lambda: Picture(SVG))
    first.stand(3, lambda: {"best/value": 0.25})
    for epoch in range(2):
        first.report(4, epoch, {"val/accuracy": epoch / 4, "train/loss": 1.0})
    first.close()
    then = tracker_of(study)
    then.start(4, {"width": 8}, {}, lambda: Picture(SVG))
    for epoch in range(2):
        then.report(4, epoch, {"val/accuracy": epoch / 4})  # as a study remembers them
    for epoch in range(2, 4):
        then.report(4, epoch, {"val/accuracy": epoch / 4, "train/loss": 1.0})
    then.finish(4, "complete", {"value": 0.75})
    then.stand(5, lambda: {"best/value": 0.75})
    then.close()
    whole = [{"_step": epoch, "val/accuracy": epoch / 4, "train/loss": 1.0} for epoch in range(4)]
    assert len(list((study / "wandb").glob("offline-run-*/run-*-4.wandb"))) == 2
    (run,) = on_disk(study)
    assert measured(run) == whole
    with serving() as server:
        log_in(monkeypatch, server)
        assert synced(then.where()) == 0
    (run,) = arrived(server)
    assert (measured(run), run.tags, run.exit_code) == (whole, ("complete",), 0)
    assert sum("cell" in row for row in run.history) == 1
    steps = [(row["_step"], row["best/value"]) for row in of_study(server.runs.values()).history]
    assert steps == [(3, 0.25), (5, 0.75)]


def test_the_study_has_a_run_with_its_course_its_tables_and_versions_of_its_best(study, monkeypatch):
    versions = [b"width: 1", b"width: 1", b"width: 2"]
    weights = study.parent / "weights.pt"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"weights")
    with serving() as server:
        log_in(monkeypatch, server, study)
        tracker = WandbTracker(About("tiny", "id", study, settings={"sampler": "tpe"}), pytest.fail)
        for n, document in enumerate(versions):
            tracker.start(n, {}, {})
            tracker.finish(n, "complete", {"value": 0.5})
            tracker.best(n // 2, partial(dict, {"best.yaml": document, "weights.pt": weights}), {})
            tracker.stand(n + 1, lambda n=n: {"best/value": n / 10, "front/trials": [n]})
        tracker.conclude(lambda: {"cells": Table(["trial", "cell"], [[2, Picture(SVG)]]), "value": 1})
        tracker.close()
    run = of_study(server.runs.values())
    assert (run.name, run.group, run.sweep, run.exit_code, run.config["sampler"]) == ("tiny", "tiny", "", 0, "tpe")
    assert [(row["_step"], row["best/value"]) for row in run.history] == [(1, 0.0), (2, 0.1), (3, 0.2)]
    assert (run.summary["cells"]["_type"], run.summary["cells"]["nrows"]) == ("table-file", 1)
    best = [each for each in server.artifacts if each.type == "architecture"]
    assert [each.committed and "best" in each.aliases for each in best] == [True, True]
    assert {each.name for each in best} == {f"tiny-{next(iter(server.runs))[:6]}"}
    uploaded = [{name: server.uploads[path] for name, path in each.files.items()} for each in best]
    assert uploaded == [{"best.yaml": text, "weights.pt": b"weights"} for text in (b"width: 1", b"width: 2")]
    assert server.unknown == []


def test_hostile_names_and_values_do_no_harm(tmp_path):
    hostile = ["../../up\\c?d#e%f:g", "q\"u'o<t>e\n\x00\x1b[31m", "ünï 木 " * 60, "\ud800"]
    folder = tmp_path / 'stu\'dy; touch x & "é" $(x)'
    for study in hostile:
        tracker = WandbTracker(About(study, study, folder), pytest.fail)
        tracker.start(0, {study: study, "_wandb": "x", "a.b": "wandb-artifact://x/y:v0"}, {"macs": np.int64(7)})
        tracker.report(0, 0, {study: np.float32(0.5)})
        shown = {study: study, "cells": Table([study], [[study]])}
        tracker.best(0, partial(dict, {"best.yaml": b"a: 1"}), {study: study})
        tracker.stand(1, partial(dict, shown))
        tracker.finish(0, "complete", {study: study, "path": Path("/x"), "shape": (1, [2])})
        tracker.close()
    runs = {run.id: run for run in on_disk(folder)}
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
    assert shlex.split(tracker.where().splitlines()[0])[-1] == str(folder / "wandb")


def test_two_studies_of_one_name_share_no_run(study):
    for identity in ("first", "second"):
        one_candidate(WandbTracker(About("tiny", identity, study), pytest.fail))
    assert len(on_disk(study)) == 2
    assert len(read_runs(study / "wandb")) == 4


def test_without_tracking_wandb_is_not_imported(tmp_path):
    program = """
import sys
from pathlib import Path
from nas.tracking import About, open_tracker
study = Path(sys.argv[1])
for name in ("none", "wandb"):
    tracker = open_tracker(name, About("s", "i", study), print)
    if name == "none":
        tracker.start(0, {}, {})
        tracker.report(0, 1, {})
        tracker.finish(0, "complete", {})
    tracker.close()
    assert tracker.where() is None
print("wandb" in sys.modules, "torch" in sys.modules, study.exists())
"""
    answer = run_program(program, tmp_path / "s", check=True, capture_output=True)
    assert answer.stdout == "False False False\n"


def test_nothing_is_asked_or_shown_even_on_a_terminal(study):
    program = """
import sys
from pathlib import Path
from nas.tracking import About, open_tracker
tracker = open_tracker("wandb", About("s", "i", Path(sys.argv[1])), print)
tracker.start(0, {}, {})
tracker.finish(0, "complete", {})
tracker.close()
"""
    ours, theirs = pty.openpty()
    try:
        run_program(program, study, stdin=theirs, stdout=theirs, stderr=theirs, check=True)
        os.write(theirs, b"end")
        assert os.read(ours, 1000) == b"end"
    finally:
        os.close(ours)
        os.close(theirs)
    assert len(on_disk(study)) == 1


def test_what_a_tracker_sets_in_the_environment_is_gone_when_it_is_closed(study):
    before = dict(os.environ)
    one_candidate(tracker_of(study))
    assert dict(os.environ) == before
