"""What only a CUDA device can show: `pytest -m gpu` where there is one."""

import subprocess
import sys
from copy import deepcopy
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from training_parts import quick, small_data, small_network

from nas.architecture import Architecture
from nas.architecture.published import published_path
from nas.network import build_network, set_drop_path
from nas.pool import Done, Failed, Need, Pool, Report, find_devices
from nas.search.search import TARGET
from nas.space.reading import read_document
from nas.training.fit import fit
from nas.training.graphs import graphed
from nas.training.job import Job
from nas.training.memory import is_out_of_memory
from nas.training.recipe import METRIC
from nas.training.result import Answer, Result

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
    pytest.mark.filterwarnings("ignore:Attempting to run cuBLAS"),  # torch's backward thread, the first time
]

ROOT = Path(__file__).parent.parent


def small() -> Architecture:
    return Architecture.from_document(read_document(published_path("inception_small")))


def document(batch_size: int = 30) -> dict[str, object]:
    return {
        "architecture": small().to_document(),
        "training": quick(batch_size=batch_size, epochs=2).to_document(),
        "seed": 1,
    }


def finished(pool: Pool, number: int) -> dict[int, Done | Failed]:
    ended: dict[int, Done | Failed] = {}
    while len(ended) < number:
        for event in pool.wait(120):
            if isinstance(event, Report):
                pool.answer(event.key, Answer.GO_ON)
            else:
                assert isinstance(event, Done | Failed), event
                ended[event.key] = event
    return ended


def test_a_gpu_is_found_before_torch_is_asked() -> None:
    assert [device.kind for device in find_devices("auto")] == ["cuda"] * torch.cuda.device_count()


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "16-mixed"])
def test_a_training_on_a_gpu_learns(precision: str) -> None:
    training = quick(epochs=8, lr=0.03, flip=0.0)
    result, _ = fit(small_network(), small_data(n=300), training, seed=0, accelerator="cuda", precision=precision)
    assert result.device == "cuda"
    assert result.metrics[METRIC] > 0.8


@pytest.mark.filterwarnings("ignore:GPU available but not used")
def test_a_gpu_trains_what_a_cpu_trains() -> None:
    data, training = small_data(n=96), quick(epochs=1, flip=0.0)
    on = {
        place: fit(small_network(), data, training, seed=0, accelerator=place, precision="64-true")[1].double().cpu()
        for place in ("cpu", "cuda")
    }
    for mine, other in zip(on["cpu"].parameters(), on["cuda"].parameters(), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("changes", [{}, {"ema": 0.9, "mixup": 0.2}], ids=["plain", "averaged"])
def test_a_training_in_graphs_is_that_without(changes: dict[str, float]) -> None:
    data, training = small_data(n=100), quick(epochs=3, **changes)
    found = {
        graphs: fit(small_network(), data, training, seed=0, accelerator="cuda", precision="64-true", graphs=graphs)
        for graphs in (False, True)
    }
    for mine, other in zip(found[False][1].state_dict().values(), found[True][1].state_dict().values(), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-8, atol=1e-10)
    for mine, other in zip(found[False][0].history, found[True][0].history, strict=True):
        assert mine == pytest.approx(other, rel=1e-8)


def test_graphs_draw_what_the_network_draws_and_leave_other_batches_to_it() -> None:
    torch.manual_seed(0)
    network = build_network(small(), in_channels=3, classes=10, input_size=(32, 32), aux=True).cuda().train()
    set_drop_path(network, 0.3)
    images = torch.rand(8, 3, 32, 32, device="cuda")
    other = deepcopy(network)
    call = graphed(network, images)
    for seed in range(3):
        outcome = []
        for one in (call, other):
            torch.manual_seed(seed)
            outcome.append(one(images))
        torch.testing.assert_close(*outcome, rtol=1e-4, atol=1e-4)
    for mine, theirs in zip(network.buffers(), other.buffers(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-4)


def test_a_network_gives_the_same_on_both_devices() -> None:
    torch.manual_seed(0)
    network = build_network(small(), in_channels=3, classes=10, input_size=(32, 32)).eval()
    images = torch.rand(4, 3, 32, 32)
    with torch.inference_mode():
        expected = network.double()(images.double())
        found = network.cuda()(images.double().cuda()).cpu()
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


def test_two_candidates_share_a_gpu_and_go_on_from_their_checkpoints(tmp_path: Path) -> None:
    need = Need(share=0.5)
    load = partial(small_data, 90, (28, 28))
    jobs = {key: Job(document(), load, "cuda", "32-true", tmp_path / f"{key}.ckpt") for key in (1, 2)}
    with Pool(TARGET, devices=find_devices("cuda")[:1], need=need, preload=["nas.training.candidate"]) as pool:
        assert pool.slots == 2
        for key, job in jobs.items():
            pool.start(key, job, tmp_path / "log", need)
        assert not pool.room(need)
        halted = set()
        while len(halted) < 2:
            for event in pool.wait(120):
                if isinstance(event, Report):
                    pool.answer(event.key, Answer.HALT)
                else:
                    assert isinstance(event, Done), event
                    halted.add(event.key)
        for key, job in jobs.items():
            pool.start(key, job, tmp_path / "log", need)
        for event in finished(pool, 2).values():
            assert isinstance(event, Done), event
            assert isinstance(event.result, Result)
            assert (event.result.epochs, event.result.device) == (2, "cuda")


def test_memory_that_runs_out_is_told_from_other_failures(tmp_path: Path) -> None:
    """And fewer images at a time are a way out."""
    training = quick(batch_size=10_000, epochs=1)
    images = partial(small_data, 10_000, (112, 112))
    whole = {**document(), "training": replace(training, flip=0.0).to_document()}
    with Pool(TARGET, devices=find_devices("cuda")[:1], preload=["nas.training.candidate"]) as pool:
        pool.start(1, Job(whole, images, "cuda", "32-true", tmp_path / "whole"), tmp_path / "log")
        failed = finished(pool, 1)[1]
        assert isinstance(failed, Failed), "a device with so much memory needs a larger batch in this test"
        assert is_out_of_memory(failed.kind, failed.reason), failed
        pool.start(2, Job(whole, images, "cuda", "32-true", tmp_path / "pieces", micro_batch=250), tmp_path / "log")
        assert isinstance(finished(pool, 1)[2], Done)


def test_a_search_on_a_gpu_trains_several_candidates_at_once_and_writes_its_best(tmp_path: Path) -> None:
    command = [
        *(sys.executable, "train.py", "+search=inception_cell", "trainer.accelerator=cuda", "tracking=none"),
        *("pool.devices_per_candidate=0.25", "study.trials=6", "trainer.max_epochs=2", f"study.folder={tmp_path}"),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    best = yaml.safe_load((tmp_path / "inception_cell" / "best.yaml").read_text())
    assert best["record"]["device"] == "cuda"
    assert "4 at a time" in done.stdout


def test_latency_is_that_of_the_device(tmp_path: Path) -> None:
    job = Job(document(), partial(small_data, 90, (28, 28)), "cuda", "32-true", tmp_path / "it", latency_limit=1e6)
    with Pool(TARGET, devices=find_devices("cuda")[:1], preload=["nas.training.candidate"]) as pool:
        pool.start(1, job, tmp_path / "log")
        event = finished(pool, 1)[1]
    assert isinstance(event, Done), event
    assert event.result.latency.device != "cpu"
    assert np.isfinite(event.result.latency.median)
