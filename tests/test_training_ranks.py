"""Training on several ranks: what one process would do with the same batches, and all ranks together."""

import os
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from training_parts import CLASSES, DOCUMENT, quick, run_ranks, small_data, small_network

from nas.data.images import Split
from nas.errors import InputError
from nas.training.candidate import run, train_candidate
from nas.training.fit import fit
from nas.training.job import Job
from nas.training.result import Answer, NotFinite, TooSlow

# Batches of 15 images and 29 to evaluate: neither two nor three ranks have equal shares.
PLAIN = quick(batch_size=15, flip=False, clip_gradient=0.5, ema=0.9)


def uneven_data():
    data = small_data(77)
    return replace(data, val=Split(data.val.images[:29], data.val.labels[:29]))


class Normless(nn.Module):
    """No batch norm, an aux head, and a layer that nothing reads."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(nn.Conv2d(1, 4, 3, stride=2), nn.ReLU(), nn.Flatten())
        self.logits, self.side, self.unread = (nn.Linear(36, CLASSES) for _ in range(3))

    def forward(self, x):
        x = self.body(x)
        self.unread(x)
        return (self.logits(x), {"side": self.side(x)}) if self.training else self.logits(x)


def numbers(network: nn.Module) -> dict[str, np.ndarray]:
    """The weights and running statistics; not the count of batches, which decides nothing."""
    return {name: each.detach().numpy() for name, each in network.state_dict().items() if "num_batches" not in name}


def trained(network, recipe, devices=1, report=None, **options):
    """The result, with the weights as arrays, which any process can read."""
    result, evaluated = fit(
        network, uneven_data(), recipe, seed=0, accelerator="cpu", devices=devices, report=report, **options
    )
    return result, numbers(network), numbers(evaluated)


def normless(recipe, devices=1, **options):
    return trained(Normless(), recipe, devices, aux_weights={"side": 0.3}, precision="64-true", test=True, **options)


def assert_same(first, second, tolerance):
    """Weights within the tolerance; metrics within 1e-6, since their sums are taken in 32 bits."""
    for one, other in zip(first[1:], second[1:], strict=True):
        for name in one:
            np.testing.assert_allclose(one[name], other[name], rtol=tolerance, atol=tolerance, err_msg=name)
    for one, other in zip((*first[0].history, first[0].test), (*second[0].history, second[0].test), strict=True):
        assert one == pytest.approx(other, rel=1e-6)


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
@pytest.mark.parametrize(("devices", "nodes", "micro_batch"), [(2, 1, None), (3, 3, 2)])
def test_ranks_train_what_one_process_trains_with_the_same_batches(optimizer, devices, nodes, micro_batch):
    recipe = replace(PLAIN, optimizer=optimizer)
    one = normless(recipe)
    ranks = run_ranks(normless_rank, recipe, devices, micro_batch, devices=devices, nodes=nodes)
    for each in ranks:
        assert_same(each, one, 1e-9)
        assert each[0].devices == devices
        assert each[0].micro_batch == micro_batch


def normless_rank(recipe, devices, micro_batch):
    return normless(recipe, devices, micro_batch=micro_batch)


class GroupNorm(nn.BatchNorm2d):
    """Batch norm of one process that sees the images as two ranks do; its statistics follow the mean of both."""

    def forward(self, x):
        if not self.training:
            return super().forward(x)
        normal, statistics = torch.empty_like(x), []
        for rank in range(2):
            own = self.running_mean.clone(), self.running_var.clone()
            part = F.batch_norm(x[rank::2], *own, self.weight, self.bias, True, self.momentum, self.eps)
            normal[rank::2] = part
            statistics.append(torch.stack(own))
        mean, variance = torch.stack(statistics).mean(dim=0)
        self.running_mean.copy_(mean)
        self.running_var.copy_(variance)
        return normal


@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_ranks_with_batch_norm_train_what_one_process_trains_whose_norms_see_their_shares(ema):
    recipe = replace(PLAIN, ema=ema)
    network = small_network()
    network[1] = GroupNorm(4)
    one = trained(network, recipe, precision="64-true", test=True)
    for each in run_ranks(normed_rank, recipe):
        assert_same(each, one, 1e-9)


def normed_rank(recipe):
    return trained(small_network(), recipe, 2, precision="64-true", test=True)


FULL = quick(epochs=4, batch_size=15, ema=0.9, crop=1, trivial_augment=True, cutmix=1.0, clip_gradient=1.0)


def answered(answers, checkpoint=None):
    """A training on two ranks, where rank 0 gets these answers; with what the rank reported."""
    reported = []

    def report(epoch, metrics):
        reported.append(epoch)
        return answers.get(epoch)

    network = small_network(dropout=0.2)
    result, weights, evaluated = trained(network, FULL, 2, report, checkpoint=checkpoint)
    return result, weights, evaluated, reported


def test_ranks_prune_together_and_only_the_first_reports(tmp_path):
    first, second = run_ranks(answered, {1: Answer.PRUNE}, tmp_path / "c")
    assert first[3] == [0, 1]
    assert second[3] == []
    for each in (first, second):
        assert (each[0].pruned, each[0].halted, each[0].epochs) == (True, False, 2)
    assert first[0].history == second[0].history


def test_halted_ranks_go_on_as_if_nothing_had_happened(tmp_path):
    checkpoint = tmp_path / "c"
    whole = run_ranks(answered, {})
    for first, last in ((0, 1), (2, 2)):
        halted = run_ranks(answered, {last: Answer.HALT}, checkpoint)
        assert [each[0].halted for each in halted] == [True, True]
        assert halted[0][3] == list(range(first, last + 1))
        assert [path.name for path in tmp_path.iterdir()] == ["c"]
    resumed = run_ranks(answered, {}, checkpoint)
    for one, other in zip(whole, resumed, strict=True):
        assert one[0].history == other[0].history
        for weights, again in zip(one[1:3], other[1:3], strict=True):
            assert all(np.array_equal(weights[name], again[name]) for name in weights)


def candidate(weights):
    job = Job(DOCUMENT, small_data, "cpu", devices=2, weights=weights / os.environ["LOCAL_RANK"])
    return train_candidate(job, threads=1), torch.initial_seed()


def test_a_candidate_trains_on_ranks_that_differ_in_what_they_draw(tmp_path):
    (first, seed), (second, other_seed) = run_ranks(candidate, tmp_path)
    assert first.history == second.history
    assert first.devices == 2
    assert seed != other_seed
    assert [path.name for path in tmp_path.iterdir()] == ["0"]  # the second writes nothing


def diverging():
    trained(small_network(), quick(lr=1e30, optimizer="sgd", ema=0.0), 2)


def test_a_loss_that_is_not_finite_ends_all_ranks():
    outcomes = run_ranks(diverging)
    assert [type(each) for each in outcomes] == [NotFinite, NotFinite]
    assert str(outcomes[0]) == str(outcomes[1])


def one_image():
    data = small_data()
    few = replace(data, val=Split(data.val.images[:1], data.val.labels[:1]))
    return fit(small_network(), few, quick(epochs=1), seed=0, accelerator="cpu", devices=2)[0]


def test_fewer_images_to_evaluate_than_ranks_are_enough():
    first, second = run_ranks(one_image)
    assert first.history == second.history
    assert first.value in (0.0, 1.0)


def slow(checkpoint):
    job = Job(DOCUMENT, small_data, "cpu", checkpoint=checkpoint, devices=2, latency_limit=1e-6)
    return run(job, lambda epoch, metrics: 1 / 0, threads=1)


def test_all_ranks_give_up_a_network_that_is_too_slow(tmp_path):
    first, second = run_ranks(slow, tmp_path / "c")
    assert isinstance(first, TooSlow)
    assert first == second
    assert list(tmp_path.iterdir()) == []


def synchronised():
    trained(small_network(), PLAIN, 2, sync_batch_norm=True)


def test_synchronised_batch_norm_is_refused_on_a_cpu():
    for outcome in run_ranks(synchronised):
        assert isinstance(outcome, InputError)
        assert "sync_batch_norm: " in str(outcome)


def test_several_devices_are_refused_where_only_one_process_was_started(monkeypatch):
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    with pytest.raises(InputError, match="a process each"):
        trained(small_network(), PLAIN, 2)


def test_another_number_of_processes_than_devices_is_refused(monkeypatch):
    for name, value in (("LOCAL_RANK", "0"), ("WORLD_SIZE", "3"), ("MASTER_ADDR", "localhost"), ("MASTER_PORT", "1")):
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match="2 devices, but WORLD_SIZE=3"):
        trained(small_network(), PLAIN, 2)


def test_a_batch_smaller_than_the_ranks_is_refused(monkeypatch):
    for name, value in (("LOCAL_RANK", "0"), ("WORLD_SIZE", "3"), ("MASTER_ADDR", "localhost"), ("MASTER_PORT", "1")):
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match="a batch of 2 images cannot be shared by 3 devices"):
        trained(small_network(), replace(PLAIN, batch_size=2), 3)
