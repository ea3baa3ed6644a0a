"""Measured latency, and its limit before a training."""

import pytest
import torch
from torch import nn
from training_parts import DOCUMENT, small_data, small_network

from nas.training import latency
from nas.training.candidate import run, train_candidate
from nas.training.job import Job
from nas.training.latency import time_network
from nas.training.result import Answer, Latency, Result, TooSlow


def test_a_measurement_says_what_was_measured():
    found = time_network(small_network(), (3, 1, 8, 8))
    assert 0 < found.low <= found.median <= found.high
    assert (found.batch, found.device, found.threads) == (3, "cpu", 1)


@pytest.mark.parametrize(("most", "seconds", "least", "limit"), [(9, 60, 9, 9), (10**9, 0.01, 5, 10**6), (1, 0, 5, 5)])
def test_a_measurement_takes_its_time_or_its_number_but_never_fewer_than_five(monkeypatch, most, seconds, least, limit):
    for name, value in (("WARMUP", 0), ("REPEATS", most), ("SECONDS", seconds)):
        monkeypatch.setattr(latency, name, value)
    assert least <= time_network(small_network(), (1, 1, 8, 8)).repeats <= limit


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


def train(limit, checkpoint, report=lambda epoch, metrics: Answer.GO_ON):
    job = Job(DOCUMENT, small_data, "cpu", checkpoint=checkpoint, latency_limit=limit, latency_batch=2)
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
    plain = train_candidate(Job(DOCUMENT, small_data, "cpu"), threads=1)
    assert plain.latency is None
    assert result.history == plain.history


def test_a_training_that_has_begun_is_not_refused_for_another_measurement(tmp_path):
    assert train(1e6, tmp_path / "c", report=lambda epoch, metrics: Answer.HALT).halted
    result = train(1e-6, tmp_path / "c")
    assert result.complete
    assert result.latency.median > 1e-9
