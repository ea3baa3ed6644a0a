"""Measured latency, and its limit before a training."""

import pytest
import torch
from test_training_candidate import DOCUMENT
from torch import nn
from training_parts import small_data, small_network

from nas.errors import InputError
from nas.training.candidate import train_candidate
from nas.training.job import Job, run
from nas.training.latency import measure_latency, time_network
from nas.training.result import Answer, Latency, Result, TooSlow


def test_a_measurement_says_what_was_measured():
    latency = measure_latency(DOCUMENT["architecture"], batch=3, accelerator="cpu", repeats=20)
    assert 0 < latency.low <= latency.median <= latency.high
    assert (latency.repeats, latency.batch, latency.device, latency.threads) == (20, 3, "cpu", 1)


def test_a_measurement_takes_its_time_or_its_number_but_never_fewer_than_five():
    assert time_network(small_network(), (1, 1, 8, 8), warmup=0, repeats=9).repeats == 9
    assert time_network(small_network(), (1, 1, 8, 8), repeats=10**9, seconds=0.01).repeats >= 5
    assert time_network(small_network(), (1, 1, 8, 8), repeats=1, seconds=0).repeats == 5


class Seen(nn.Module):
    """Notes how it was called."""

    def __init__(self) -> None:
        super().__init__()
        self.logits, self.calls = nn.Linear(1, 1), set()

    def forward(self, x):
        gradients = torch.is_grad_enabled() or not torch.is_inference_mode_enabled()
        self.calls.add((tuple(x.shape), x.is_contiguous(memory_format=torch.channels_last), self.training, gradients))


def test_a_network_evaluates_channels_last_images_without_gradients_and_stays_as_it_was():
    network = Seen().train()
    time_network(network, (2, 3, 8, 4))
    assert network.calls == {((2, 3, 8, 4), True, False, False)}
    assert network.training


def test_an_architecture_may_be_measured_at_another_input():
    assert measure_latency(DOCUMENT["architecture"], input=(3, 12, 12), classes=7, accelerator="cpu", repeats=5)
    with pytest.raises(InputError):
        measure_latency({**DOCUMENT["architecture"], "network": [{"op": "conv"}]}, accelerator="cpu")


def train(limit, checkpoint, report=lambda epoch, metrics: Answer.GO_ON):
    job = Job(DOCUMENT, small_data, "cpu", "32-true", checkpoint, latency_limit=limit, latency_batch=2)
    return run(job, report, threads=1)


def test_a_network_over_its_limit_is_not_trained(tmp_path):
    found = train(1e-6, tmp_path / "c", report=lambda epoch, metrics: 1 / 0)
    assert isinstance(found, TooSlow)
    assert found.limit == 1e-6
    assert found.latency.median > 1e-9
    assert found.latency.batch == 2
    assert not (tmp_path / "c").exists()


def test_a_network_under_its_limit_trains_as_without_one(tmp_path):
    result = train(1e6, tmp_path / "c")
    assert isinstance(result, Result)
    assert isinstance(result.latency, Latency)
    plain = train_candidate(DOCUMENT, small_data, threads=1, accelerator="cpu")
    assert plain.latency is None
    assert result.history == plain.history


def test_a_training_that_has_begun_is_not_refused_for_another_measurement(tmp_path):
    assert train(1e6, tmp_path / "c", report=lambda epoch, metrics: Answer.HALT).halted
    result = train(1e-6, tmp_path / "c")
    assert result.complete
    assert result.latency.median > 1e-9
