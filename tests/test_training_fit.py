"""Fitting a network: repeatable, resumable, prunable."""

import os
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from training_parts import quick, small_data, small_network

from nas.errors import InputError
from nas.training.fit import fit
from nas.training.recipe import OPTIMIZERS, SCHEDULES

FULL = {
    "epochs": 4,
    "ema": 0.9,
    "crop": 1,
    "trivial_augment": True,
    "cutmix": 1.0,
    "clip_gradient": 1.0,
}


def trained(recipe=None, seed=0, dropout=0.2, **options):
    return fit(small_network(dropout=dropout), small_data(), recipe or quick(), seed=seed, accelerator="cpu", **options)


def same_weights(first, second):
    a, b = first.state_dict(), second.state_dict()
    return all(torch.equal(a[name], b[name]) for name in a if "num_batches" not in name)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_small_set_is_learnt(optimizer):
    recipe = quick(epochs=12, optimizer=optimizer, lr={"sgd": 0.1}.get(optimizer, 0.01))
    assert trained(recipe, dropout=0.0)[0].value > 0.8


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_schedule_trains(schedule):
    result, _ = trained(quick(schedule=schedule, epochs=2))
    assert result.epochs == 2


def test_the_same_call_gives_the_same_numbers():
    (first, network), (second, again) = trained(quick(**FULL)), trained(quick(**FULL))
    assert first.history == second.history
    assert same_weights(network, again)


def test_the_seed_changes_the_numbers():
    assert trained(seed=1)[0].history != trained(seed=2)[0].history


class Killed(Exception):
    """As if the process had ended."""


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("changes", [{"epochs": 4}, FULL], ids=["plain", "full"])
def test_an_interrupted_training_goes_on_as_if_nothing_had_happened(tmp_path, optimizer, changes):
    recipe = quick(**changes, optimizer=optimizer)
    whole, network = trained(recipe)
    file = tmp_path / "last.ckpt"

    def end(epoch, metrics):
        if epoch == 2:
            raise Killed
        return False

    with pytest.raises(Killed):
        trained(recipe, checkpoint=file, report=end)
    reported = []
    result, resumed = trained(
        recipe, checkpoint=file, report=lambda epoch, metrics: reported.append((epoch, metrics)) or False
    )
    assert result.history == whole.history
    assert reported == [(2, whole.history[2]), (3, whole.history[3])]
    assert same_weights(resumed, network)


def test_a_finished_training_is_not_repeated(tmp_path):
    whole, network = trained(checkpoint=tmp_path / "c", test=True)
    again, loaded = trained(checkpoint=tmp_path / "c", test=True, report=lambda epoch, metrics: 1 / 0)
    assert again.history == whole.history
    assert again.test == whole.test
    assert again.seconds == whole.seconds
    assert same_weights(network, loaded)


def test_a_report_may_prune():
    result, _ = trained(quick(epochs=5), report=lambda epoch, metrics: epoch == 1, test=True)
    assert result.pruned
    assert result.epochs == 2
    assert result.test is None


def test_asking_to_prune_after_the_last_epoch_changes_nothing():
    result, _ = trained(report=lambda epoch, metrics: epoch == 2)
    assert not result.pruned
    assert result.epochs == 3


def test_pruned_epochs_are_those_of_the_whole_training():
    whole, _ = trained()
    pruned, _ = trained(report=lambda epoch, metrics: epoch == 1)
    assert pruned.history == whole.history[:2]


def test_the_checkpoint_of_another_candidate_is_refused(tmp_path):
    trained(checkpoint=tmp_path / "c", candidate="one")
    with pytest.raises(InputError, match="another candidate"):
        trained(checkpoint=tmp_path / "c", candidate="two")


def test_the_test_split_is_read_only_if_asked():
    whole = small_data()
    data = replace(whole, test=replace(whole.test, images=None))  # whoever reads it fails
    assert fit(small_network(), data, quick(epochs=1), seed=0, accelerator="cpu")[0].test is None
    with pytest.raises(AttributeError):
        fit(small_network(), data, quick(epochs=1), seed=0, accelerator="cpu", test=True)


def test_nothing_is_printed_or_written(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    trained()
    assert capfd.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []


def test_a_set_smaller_than_a_batch_is_one_batch():
    result, _ = fit(small_network(), small_data(n=9), quick(batch_size=64), seed=0, accelerator="cpu")
    assert result.epochs == 3


def test_ctrl_c_is_a_keyboard_interrupt():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        trained(report=lambda epoch, metrics: os.kill(os.getpid(), signal.SIGINT))
    assert signal.getsignal(signal.SIGINT) is before


def test_several_devices_are_refused_where_only_one_process_was_started(monkeypatch):
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    with pytest.raises(InputError, match="a process each"):
        trained(devices=2)


RANKS = """
import os, sys
sys.path.insert(0, {tests!r})
from training_parts import *
from nas.training.fit import fit
reported = []
rank = 0 if os.fork() else 1
os.environ["LOCAL_RANK"] = str(rank)
result, network = fit(small_network(), small_data(), quick(epochs=3), seed=0, accelerator="cpu", devices=2, test=True,
    report=lambda epoch, metrics: reported.append(epoch) or epoch == 1)
weights = sum(each.sum().item() for each in network.parameters())
os.write(1, f"{{len(reported)}} {{result.epochs}} {{result.pruned}} {{result.value}} {{weights}}\\n".encode())
if rank == 1:
    os._exit(0)
os.wait()
"""


def test_ranks_train_one_network_and_prune_together():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    rendezvous = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2", "NODE_RANK": "0"}
    command = [sys.executable, "-W", "ignore", "-c", RANKS.format(tests=str(Path(__file__).parent))]
    environment = {**os.environ, **rendezvous}
    output = subprocess.run(command, env=environment, check=True, capture_output=True, text=True, timeout=120)
    assert output.stderr == ""
    second, first = sorted(line.split() for line in output.stdout.splitlines())
    assert (first[0], second[0]) == ("2", "0")
    assert first[1:] == second[1:]
    assert first[1:3] == ["2", "True"]
