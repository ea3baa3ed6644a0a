"""The checklist says of a study what its folder shows, and no more."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from search_parts import Searched, whole_search

from nas.errors import InputError
from nas.search.checklist import NO, checklist
from nas.search.trainings import Trained, table
from nas.study.files import record_test_read

CONFIG: dict[str, Any] = {
    "space": "tiny",
    "study": {"seed": 3},
    "sampler": {"_target_": "optuna.samplers.TPESampler"},
    "search": {"finals": {"tune": 0}},
}
RUN: dict[str, Any] = {
    "code": {"commit": "0123456789abcdef", "dirty": False},
    "machine": {"processor": "one", "cores": 2},
    "devices": {"cpu": 2},
    "threads": 1,
    "versions": {"torch": "2.14.1", "inception-nas": "1.0"},
}
TRIALS = "number,state,value,seconds\n0,complete,0.5,10.0\n1,pruned,0.4,5.0\n2,twin,0.5,\n"
NETWORKS = [{"name": "trial 0", "kind": "finalist"}, {"name": "resnet18", "kind": "baseline"}]


def study(folder: Path, runs: list[dict[str, Any]], **config: Any) -> Path:
    folder.mkdir()
    (folder / "config.yaml").write_text(yaml.safe_dump({**CONFIG, **config}))
    (folder / "environment.yaml").write_text(yaml.safe_dump({"runs": runs}))
    (folder / "trials.csv").write_text(TRIALS)
    return folder


def about(folder: Path, word: str) -> str:
    (answer,) = (answer for question, answer in checklist(folder) if word in question)
    return answer


def test_every_question_has_an_answer_for_a_study_of_a_search_alone(tmp_path_factory: pytest.TempPathFactory) -> None:
    searched: Searched = whole_search(tmp_path_factory)
    found = checklist(searched.folder)
    assert len(dict(found)) == len(found) == 16
    assert all(answer for _, answer in found)
    for word in ("random search", "ablations", "final training", "repeated"):
        assert about(searched.folder, word).startswith(NO)


def test_a_study_with_finals_control_and_baselines_answers_yes(tmp_path: Path) -> None:
    folder = study(tmp_path / "tiny", [RUN, RUN])
    study(tmp_path / "tiny-control", [])
    (folder / "finals.yaml").write_text(yaml.safe_dump({"seeds": [4000, 4001], "networks": NETWORKS}))
    row = Trained("k", "trial 0", "final", 4000, 0.1, 0.0, 5, 7, "complete", value=0.5, seconds=20.0)
    beside = replace(row, key="b", network="resnet18", seconds=7.0)
    (folder / "finals.csv").write_text(table([row, beside]))
    record_test_read(folder, "digest", "trial 0", {"test/accuracy": 0.5})
    said = "Yes: 2 candidates at random beside the 2 of the search; random sampling of a single one: 0.5000"
    assert about(folder, "random search") == f"{said} on validation, the mean of 1"
    assert "the seeds are 4000, 4001" in about(folder, "final training")
    assert "commit 0123456789ab" in about(folder, "trains what is evaluated")
    assert about(folder, "Are hardware").startswith("Yes")
    uneven = [replace(row, device="cpu"), replace(beside, device="cpu", micro_batch=8)]
    (folder / "finals.csv").write_text(table(uneven))
    assert about(folder, "Are hardware").startswith("No: the finals were not all trained on as many devices")
    parts = "search 15 s, choosing among its best 20 s, control 15 s, all else in the finals 7.0 s"
    assert about(folder, "time of everything").endswith(f"{parts}; the method itself took 35 s")
    assert "read 1 time," in about(folder, "all details")
    assert "baselines: resnet18" in about(folder, "all details")
    assert about(folder, "repeated").startswith("No: this is one search, with seed 3; its finals have 2 training seeds")


def test_changed_code_and_changed_machines_are_no(tmp_path: Path) -> None:
    dirty = {**RUN, "code": {"commit": "0123456789abcdef", "dirty": True}}
    folder = study(tmp_path / "tiny", [dirty, {**RUN, "threads": 2}])
    assert about(folder, "trains what is evaluated").startswith("No: the code was changed after commit 0123456789ab")
    assert about(folder, "Are hardware").startswith("No: its 2 runs were not all on the same machine")


def test_a_folder_without_a_study_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no study there \(config\.yaml is missing\)"):
        checklist(tmp_path)
