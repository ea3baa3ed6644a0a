"""What the finals conclude, of fine-tuned baselines, a larger skeleton and several objectives, and what was uneven."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from final_program import quick_pool
from final_targets import LARGE as LARGE_NETWORKS
from search_parts import SEARCH
from test_search_finals import SMALL, STUDY, laid_out, networks, read

from nas.architecture import Architecture
from nas.command import main
from nas.network import build_network
from nas.search.agreement import agreement
from nas.search.trainings import read_table
from nas.study.objectives import hypervolumes
from nas.study.study import load_study

SPACE = """
architecture:
  cells: {normal: [{op: conv, name: body, width: {choice: [2, 3, 4, 5, 6, 7, 8, 9]}, kernel: {choice: [1, 3]}}]}
  network: [{op: cell, name: stage_1, cell: normal}, {op: global_pool}, {op: linear, width: classes}]
training: {epochs: 2, batch_size: 32, lr: 0.01}
"""
LARGE = """
architecture:
  cells: {head: [{op: global_pool}, {op: linear, width: classes}]}
  network: [{op: cell, name: stage_1, depth: 2}, {op: cell, name: stage_2}, {op: cell, name: head, cell: head}]
training: {batch_size: 16}
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(laid_out(tmp_path, SPACE))
    monkeypatch.setattr("nas.search.search.Pool", quick_pool)
    (tmp_path / "large.yaml").write_text(LARGE, encoding="utf-8")
    return tmp_path


def searched(*options: str, more: Sequence[str] = ()) -> int:
    asked = [f"search.finals.{option}" for option in options]
    return main([*SEARCH, "study.trials=6", "tracking=none", "sampler=random", *more, *asked])


def finals() -> dict[str, Any]:
    return read(STUDY / "finals.yaml")


def weights(path: Path, classes: int, seed: int = 0, width: int = 3) -> Path:
    torch.manual_seed(seed)
    architecture = Architecture.from_document(
        yaml.safe_load(SMALL.replace("width: 3", f"width: {width}"))["architecture"]
    )
    torch.save(build_network(architecture, in_channels=1, classes=classes).state_dict(), path)
    return path


FINE_TUNED = "baselines=[small.yaml,{architecture:small.yaml,weights:theirs.pt}]"


def test_a_network_with_weights_is_fine_tuned_beside_the_same_from_scratch(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here the weights are tried in a thread, which is quicker than the process of its own."""
    monkeypatch.setattr("nas.search.baselines.ProcessPoolExecutor", lambda count, mp_context: ThreadPoolExecutor(count))
    weights(home / "theirs.pt", classes=7)
    assert searched("top=1", "seeds=2", "equal=parameters", "tune=2", FINE_TUNED) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "baseline small from theirs.pt: starts from theirs.pt (our own names; drawn anew: linear" in said
    tuned = networks()["small from theirs.pt"]
    assert tuned["weights"]["file"] == str((home / "theirs.pt").resolve())
    assert tuned["parameters"] == 93 > networks()["small"]["parameters"], "weights fit no other width"
    assert "Against small from theirs.pt it has " in finals()["conclusion"]
    rows = [row for row in read_table(STUDY) if row.network == "small from theirs.pt"]
    assert [row.purpose for row in rows].count("tuning") == 2
    before = read_table(STUDY)
    weights(home / "theirs.pt", classes=7, seed=1)
    assert searched("top=1", "seeds=2", "equal=parameters", "tune=2", FINE_TUNED) == 0
    new = [row for row in read_table(STUDY) if row not in before]
    assert new
    assert {row.network for row in new} == {"small from theirs.pt"}, "other weights are another baseline"


@pytest.mark.parametrize(
    ("baseline", "said"),
    [
        ("{architecture:small.yaml,weights:none.pt}", "small.yaml: weights: no file 'none.pt'"),
        ("{architecture:small.yaml,weights:wide.pt}", "of another shape: body.conv.weight (9×1×5×5) for (3×1×5×5)"),
        ("{architecture:inception_v3.a,weights:wide.pt}", "a cell has no weights of its own"),
        ("{architecture:small.yaml}", "expected a list of names and files, and of {architecture: ..., weights: ...}"),
    ],
)
def test_weights_that_do_not_fit_a_baseline_are_refused_before_the_search(
    baseline: str, said: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights(home / "wide.pt", classes=3, width=9)
    assert searched("top=1", f"baselines=[{baseline}]") == 2
    assert said in " ".join(capsys.readouterr().err.split())
    assert not Path("studies").exists()


def test_the_candidates_are_ranked_in_the_skeleton_and_how_far_that_agrees_is_said(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert searched("top=3", "seeds=2", "skeleton=large.yaml", more=["search.control=random"]) == 0
    skeleton = finals()["skeleton"]
    small, large = ([n["here"] for n in skeleton["networks"]], [n["validation"]["mean"] for n in skeleton["networks"]])
    count = len({network["digest"] for network in finals()["networks"]})  # the control may have found the same
    assert len({network["digest"] for network in skeleton["networks"]}) == len(skeleton["networks"]) == count > 3
    found = agreement(small, large)
    assert (skeleton["agreement"]["kendall"], skeleton["agreement"]["n"]) == (found.kendall, count)
    said = " ".join(capsys.readouterr().out.split())
    assert f"Between this network and large.yaml, the candidates' ranks agree by {found} (8 are needed for an" in said
    first = finals()["networks"][0]["name"]
    there = {network["name"]: value for network, value in zip(skeleton["networks"], large, strict=True)}
    place = 1 + sum(value > there[first] for value in large)
    assert f"{first} is number {place} of {count} there." in said
    rows = {row.network: row for row in read_table(STUDY)}
    assert rows[f"{first} in large.yaml"].macs > rows[first].macs


@pytest.mark.parametrize(
    ("skeleton", "said"),
    [
        ("nowhere", "search.finals.skeleton: architecture: no skeleton 'nowhere'"),
        ("small.yaml", "search.finals.skeleton: architecture: no place for a cell"),
        ("imagenet", "search.finals.skeleton: network.reduction_1: the candidate has no op of this name"),
    ],
)
def test_a_skeleton_that_cells_cannot_be_placed_in_is_refused_before_the_search(
    skeleton: str, said: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert searched("top=1", f"skeleton={skeleton}") == 2
    assert said in " ".join(capsys.readouterr().err.split())
    assert not Path("studies").exists()


@pytest.mark.parametrize("rule", ["accurate", "knee"])
def test_of_several_objectives_finalists_are_of_the_front_and_the_winner_is_the_best_by_the_rule(
    rule: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["search.objectives=[accuracy,macs]", "pruner=none", f"search.best={rule}", "search.control=random"]
    assert searched("top=9", "seeds=2", more=more) == 0
    front = {int(path.stem) for path in (STUDY / "front").iterdir()}
    assert hypervolumes(load_study(STUDY.with_name("tiny-control"))).names == ("accuracy", "macs")
    networks = [network for network in finals()["networks"] if network["kind"] == "finalist"]
    assert {int(network["name"].removeprefix("trial ")) for network in networks} == front
    means = {network["name"]: network["validation"]["mean"] for network in networks}
    said = " ".join(capsys.readouterr().out.split())
    if rule == "accurate":
        assert means[networks[0]["name"]] == max(means.values())
        assert f"{networks[0]['name']} is the best of {len(front)} finalists" in said
    else:
        assert f"{networks[0]['name']} is of {len(front)} finalists the farthest from the plane through" in said
        record = read(STUDY / "best.yaml")["record"]
        assert record["chosen"]["by"].startswith("the farthest from the plane")


def test_networks_that_were_not_trained_in_the_same_way_are_said_to_be(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Batch norms see the images that a device takes at a time."""
    monkeypatch.setenv(LARGE_NETWORKS, '"kernel": 5')
    assert searched("top=1", "seeds=2", "baselines=[small.yaml]") == 0
    winner, baseline = finals()["networks"]
    assert baseline["ran_on"] == ["1 cpu with 1 thread each, 16 images at a time"]
    said = " ".join(capsys.readouterr().out.split())
    assert "Not all were trained in the same way" in said
    assert (
        f"{winner['name']} on 1 cpu with 1 thread each; small on 1 cpu with 1 thread each, 16 images at a time." in said
    )
