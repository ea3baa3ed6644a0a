"""Networks that begin with the weights of others."""

from pathlib import Path
from typing import Any

import pytest
import torch
from training_parts import quick, small_data

from nas.architecture import Architecture
from nas.network import Network, build_network
from nas.training.candidate import run
from nas.training.checkpoint import save_weights
from nas.training.inheritance import inherit
from nas.training.job import Job
from nas.training.result import Answer, Result


def architecture(wide: int = 4, other: int = 3, **more: Any) -> dict[str, Any]:
    """Two branches, and what comes after them."""
    body: dict[str, Any] = {
        "one": [{"op": "conv", "name": "wide", "width": wide, "kernel": 3}],
        "two": [{"op": "conv", "name": "other", "width": other, "kernel": 1}],
        **more,
    }
    network = [
        {"op": "conv", "name": "stem", "width": 4, "kernel": 3},
        {"op": "branches", "name": "body", "branches": body},
        {"op": "global_pool"},
        {"op": "linear", "name": "head", "width": "classes"},
    ]
    return {"input": {"channels": 1, "size": [8, 8]}, "classes": 3, "network": network}


def network(seed: int, **changes: Any) -> Network:
    torch.manual_seed(seed)
    return build_network(Architecture.from_document(architecture(**changes)), in_channels=1, classes=3)


def saved(folder: Path, seed: int, **changes: Any) -> Path:
    path = folder / f"{seed}.pt"
    save_weights(path, network(seed, **changes))
    return path


def test_an_equal_network_becomes_the_same_function(tmp_path: Path) -> None:
    child, parent = network(1).eval(), network(2).eval()
    path = tmp_path / "parent.pt"
    save_weights(path, parent)
    assert inherit(child, [path]) == 1.0
    images = torch.randn(5, 1, 8, 8)
    torch.testing.assert_close(child(images), parent(images), rtol=0, atol=0)


def test_branches_that_nobody_touched_are_copied_and_what_is_new_is_fresh(tmp_path: Path) -> None:
    parent, child, fresh = network(2), network(1, wide=6), network(1, wide=6)
    share = inherit(child, [saved(tmp_path, 2)])
    assert 0 < share < 1
    for name, tensor in child.state_dict().items():
        inherited = name.startswith(("stem.", "body.two."))
        source = parent if inherited else fresh
        assert torch.equal(tensor, source.state_dict()[name]), name


def test_a_layer_is_copied_with_its_norm_or_not_at_all(tmp_path: Path) -> None:
    child, fresh = network(1), network(1)
    path = tmp_path / "parent.pt"
    weights = {**network(2).state_dict(), "stem.conv.weight": torch.zeros(4, 1, 5, 5)}  # the norm alone agrees
    torch.save(weights, path)
    inherit(child, [path])
    stem = [name for name in child.state_dict() if name.startswith("stem.")]
    assert len(stem) > 1
    assert all(torch.equal(child.state_dict()[name], fresh.state_dict()[name]) for name in stem)


def test_of_several_parents_the_one_that_shares_most_is_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parents = [saved(tmp_path, 2, wide=7, other=9), saved(tmp_path, 3, wide=7), saved(tmp_path, 4, wide=8)]
    child = network(1, wide=6)
    inherit(child, parents)
    assert torch.equal(child.state_dict()["stem.conv.weight"], network(3, wide=7).state_dict()["stem.conv.weight"])
    assert "of its weights from 3.pt" in capsys.readouterr().out


def test_files_that_are_gone_or_broken_are_passed_over_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken.pt").write_bytes(b"no weights")
    child, fresh = network(1), network(1)
    assert inherit(child, [tmp_path / "gone.pt", tmp_path / "broken.pt"]) == 0.0
    assert all(torch.equal(one, other) for one, other in zip(child.parameters(), fresh.parameters(), strict=True))
    said = capsys.readouterr().out
    assert "gone.pt" in said
    assert "broken.pt" in said
    assert "begins with 0% of its weights from nothing" in said


def test_a_training_that_inherits_goes_on_from_what_it_was_given(tmp_path: Path) -> None:
    document = {"architecture": architecture(), "training": quick(epochs=4).to_document(), "seed": 0}
    job = Job(document, small_data, "cpu", "32-true", tmp_path / "a.checkpoint", weights=tmp_path / "a.pt")
    brief = {**document, "training": quick(epochs=1, lr=1e-6).to_document()}

    def trained(job: Job) -> Result:
        result = run(job, lambda epoch, metrics: Answer.GO_ON, threads=1)
        assert isinstance(result, Result)
        return result

    whole = trained(job)
    child = trained(Job(brief, small_data, "cpu", "32-true", tmp_path / "b", parents=(tmp_path / "a.pt",)))
    assert child.metrics["val/loss"] == pytest.approx(whole.metrics["val/loss"], abs=0.05)
    fresh = trained(Job(brief, small_data, "cpu", "32-true", tmp_path / "c"))
    assert fresh.metrics["val/loss"] > whole.metrics["val/loss"] + 0.1


def test_a_brief_training_may_see_smaller_images_and_a_share_of_them(tmp_path: Path) -> None:
    small = {**architecture(), "input": {"channels": 1, "size": [4, 4]}}
    document = {"architecture": small, "training": quick(epochs=1).to_document(), "seed": 0}
    job = Job(document, small_data, "cpu", "32-true", tmp_path / "a", size=4, share=0.5)
    result = run(job, lambda epoch, metrics: Answer.GO_ON, threads=1)
    assert isinstance(result, Result)
    assert 0 <= result.value <= 1
