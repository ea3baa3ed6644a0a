"""Candidate documents, trained as a search's children and retraining do."""

import os
import sys

import pytest
import torch
from training_parts import DOCUMENT, run_ranks, small_data

from nas.architecture import Architecture
from nas.errors import InputError
from nas.network import build_network
from nas.training.candidate import train_candidate
from nas.training.job import Job
from nas.training.result import Result


def train(document=DOCUMENT, threads=1, **options) -> Result:
    return train_candidate(Job(document, small_data, "cpu", **options), threads)


def test_the_same_document_gives_the_same_numbers():
    assert train().history == train().history


def test_augmentation_does_not_change_the_initial_weights(tmp_path):
    """With a learning rate of almost 0, the final weights are the initial ones."""
    for name, crop in (("plain", 0), ("cropped", 2)):
        training = {**DOCUMENT["training"], "lr": 1e-30, "crop": crop}
        train({**DOCUMENT, "training": training}, weights=tmp_path / name)
    plain, cropped = (torch.load(tmp_path / name, weights_only=True) for name in ("plain", "cropped"))
    assert all(torch.equal(plain[name], cropped[name]) for name in plain if name.endswith("weight"))


def test_the_weights_are_those_of_the_plain_network(tmp_path):
    result = train(weights=tmp_path / "made" / "weights.pt")
    architecture = Architecture.from_document(DOCUMENT["architecture"])
    network = build_network(architecture, in_channels=1, classes=3, input_size=(8, 8), aux=True)
    network.load_state_dict(torch.load(tmp_path / "made" / "weights.pt", weights_only=True))
    data = small_data()
    images = (torch.tensor(data.val.images) / 255 - torch.tensor(data.mean)) / torch.tensor(data.std)
    with torch.no_grad():
        hits = network.eval()(images.permute(0, 3, 1, 2)).argmax(dim=1) == torch.tensor(data.val.labels)
    assert hits.float().mean().item() == pytest.approx(result.value)


def test_the_result_says_what_it_was_made_with():
    result = train()
    assert (result.device, result.threads, result.pruned, result.test) == ("cpu", 1, False, None)
    assert result.versions["torch"] == torch.__version__
    assert result.seconds > 0


def test_a_document_of_another_recipe_does_not_continue_a_checkpoint(tmp_path):
    train(checkpoint=tmp_path / "c")
    with pytest.raises(InputError, match="another candidate"):
        train({**DOCUMENT, "training": {**DOCUMENT["training"], "lr": 0.02}}, checkpoint=tmp_path / "c")


@pytest.mark.parametrize("seed", [None, "1", 1.0, True])
def test_a_seed_that_is_no_whole_number_is_refused(seed):
    with pytest.raises(InputError, match="seed: "):
        train({**DOCUMENT, "seed": seed})


def test_the_document_stays_as_it_is():
    before = repr(DOCUMENT)
    train()
    assert repr(DOCUMENT) == before


def history_with_two_threads():
    return train(threads=2).history


@pytest.mark.skipif(sys.platform != "linux", reason="counts threads in /proc")
def test_a_server_that_has_imported_it_has_one_thread_and_its_two_thread_children_train_as_any_process():
    (server,) = run_ranks(os.getppid, devices=1)
    assert len(os.listdir(f"/proc/{server}/task")) == 1
    forked = [run_ranks(history_with_two_threads, devices=1)[0] for _ in range(2)]
    here = history_with_two_threads()
    torch.set_num_threads(1)
    assert forked == [here, here]
