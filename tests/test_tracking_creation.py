"""The sweep and the workspace of a study: made online at its beginning, or when its runs are uploaded."""

import json
import re
import time
from threading import Event

import pytest
from tracking_parts import arrived, log_in, measured, of_study
from wandb_server import serving

from nas.__main__ import main
from nas.tracking import About, WandbTracker
from nas.tracking.creation import Created, create, described, keep, recall
from nas.tracking.workspace import made

PARAMETERS = {
    "cells.normal.op": {"values": ["conv", "pool", None]},
    "cells.normal.op.conv.width": {"min": 8, "max": 64, "distribution": "int_uniform"},
    "training.lr": {"min": 0.001, "max": 0.1, "distribution": "log_uniform_values"},
}
NAMES = ["cells/normal/op", "cells/normal/op/conv/width", "training/lr"]


pytestmark = pytest.mark.usefixtures("own_home")


@pytest.fixture
def about(tmp_path):
    return About("tiny: größer < 1 €", "id", tmp_path / "studies" / "tiny", PARAMETERS)


def two_candidates(tracker):
    for n, values in enumerate(({"cells.normal.op": "pool"}, {"cells.normal.op": "conv", "training.lr": 0.01})):
        tracker.start(n, values, {"parameters": 10})
        tracker.report(n, 0, {"val/accuracy": 0.5})
        tracker.finish(n, "complete", {"value": 0.5})
    tracker.close()


def test_online_every_candidate_belongs_to_one_sweep_also_when_the_study_goes_on(about, monkeypatch, capfd):
    with serving() as server:
        log_in(monkeypatch, server)
        for _ in range(2):
            tracker = WandbTracker(about, pytest.fail)
            two_candidates(tracker)
    (sweep,) = server.sweeps.values()
    assert (sweep.config["name"], sweep.project) == ("tiny- größer - 1 €", "inception-nas")
    assert sweep.config["metric"] == {"name": "val/accuracy", "goal": "maximize"}
    assert list(sweep.config["parameters"]) == NAMES
    assert sweep.config["parameters"]["training/lr"] == PARAMETERS["training.lr"]
    assert [run.sweep for run in arrived(server)] == ["sweep0", "sweep0"]
    assert set(arrived(server)[0].config) >= set(NAMES)
    (view,) = server.views
    assert (view["displayName"], view["projectName"]) == ("search tiny- größer - 1", "inception-nas")
    assert tracker.where().startswith(f"W&B: {server.url}/tester/inception-nas/sweeps/sweep0 (workspace: ")
    assert server.unknown == []
    assert capfd.readouterr() == ("", "")


def test_an_upload_makes_a_sweep_of_the_runs_that_were_kept_offline_and_a_workspace(about, monkeypatch, capsys):
    tracker = WandbTracker(about, pytest.fail)
    two_candidates(tracker)
    assert f"python -m nas sync {about.folder}" in tracker.where()
    with serving() as server:
        log_in(monkeypatch, server)
        monkeypatch.chdir(about.folder.parents[1])
        for study in (str(about.folder), "tiny"):
            assert main(["sync", study]) == 0
    (sweep,) = server.sweeps.values()
    assert list(sweep.config["parameters"]) == NAMES
    assert len(server.views) == 1
    assert [(run.sweep, run.group) for run in arrived(server)] == [("sweep0", "tiny- größer - 1 €")] * 2
    assert [measured(run) for run in arrived(server)] == [[{"_step": 0, "val/accuracy": 0.5}]] * 2
    assert of_study(server.runs.values()).sweep == ""
    assert "sweep: sweep0\nworkspace: http://" in capsys.readouterr().out


def test_a_folder_without_runs_is_refused(tmp_path, capsys):
    assert main(["sync", str(tmp_path)]) == 2
    assert f"{tmp_path}: W&B has kept no runs there" in capsys.readouterr().err


def test_a_study_without_its_sweep_and_workspace_is_searched_all_the_same(about, monkeypatch):
    told = []
    with serving() as server:
        log_in(monkeypatch, server)
        server.refuse = {"UpsertSweep": 403, "UpsertView2": 403}
        tracker = WandbTracker(about, told.append)
        two_candidates(tracker)
    assert len(told) == 1
    assert re.match("W&B has not all of the study: no sweep: .*; no workspace: ", told[0])
    assert [run.tags for run in arrived(server)] == [("complete",), ("complete",)]
    assert tracker.where().startswith(f"W&B: {server.url}/tester/inception-nas/groups/tiny-")


def test_a_server_that_does_not_answer_is_left_when_patience_or_the_search_ends(about, monkeypatch):
    with serving() as server:
        log_in(monkeypatch, server)
        server.refuse = {"*": 0}
        ended = Event()
        ended.set()
        began = time.monotonic()
        for patience, stop in ((0.3, Event()), (60.0, ended)):
            answer = create(described(about), "tiny", "tester", "p", (), patience, stop)
            assert answer == Created(problem="the server is too slow to make a sweep")
    assert time.monotonic() - began < 30


def test_what_was_made_is_remembered_for_each_place(tmp_path):
    keep(tmp_path, "server/a", Created("one", "http://one"))
    keep(tmp_path, "server/b", Created("two", None))
    keep(tmp_path, "server/c", Created(problem="refused"))
    assert recall(tmp_path, "server/a") == Created("one", "http://one")
    assert recall(tmp_path, "server/b") == Created("two")
    assert recall(tmp_path, "server/c") == Created()
    (tmp_path / "sweep.json").write_text("torn {")
    assert recall(tmp_path, "server/a") == Created()


@pytest.mark.filterwarnings("ignore::DeprecationWarning:wandb_workspaces", "ignore::DeprecationWarning:pydantic")
def test_the_workspace_has_the_panels_that_people_want(about):
    pytest.importorskip("wandb_workspaces")
    workspace = made("tester", "p", "tiny", described(about))
    spec = json.loads(workspace._to_model().spec.model_dump_json(by_alias=True, exclude_none=True))
    panels = [p for section in spec["section"]["panelBankConfig"]["sections"] for p in section["panels"]]
    kinds = [panel["viewType"] for panel in panels]
    assert kinds.count("Scatter Plot") == 2
    assert {"Parallel Coordinates Plot", "Parameter Importance", "Run History Line Plot", "Media Browser"} <= set(kinds)
    (parallel,) = (panel["config"] for panel in panels if panel["viewType"] == "Parallel Coordinates Plot")
    axes = [column["accessor"] for column in parallel["columns"]]
    assert axes == [f"config:{name}.value" for name in NAMES] + ["summary:value"]
    text = json.dumps(spec)
    for shown in ("best/value", "front/hypervolume", "utilisation", "val/accuracy", '"cell"', '"cells"', "front/table"):
        assert shown in text
    filters = json.dumps(spec["section"]["runSets"][0]["filters"])
    assert '"group"' in filters
    assert '"tiny"' in filters
