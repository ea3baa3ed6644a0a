"""Fitting a network: repeatable, resumable, prunable."""

import os
import signal
from dataclasses import replace

import pytest
import torch
from torch import nn
from training_parts import quick, small_data, small_network

from nas.errors import InputError
from nas.training.fit import fit
from nas.training.recipe import OPTIMIZERS, SCHEDULES
from nas.training.result import Answer

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


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_halted_training_goes_on_as_if_nothing_had_happened(tmp_path, optimizer):
    recipe = quick(**FULL, optimizer=optimizer)
    whole, network = trained(recipe, test=True)
    reported = []

    def halt(epoch, metrics):
        reported.append(epoch)
        return Answer.HALT

    for epoch in range(3):
        halted, _ = trained(recipe, checkpoint=tmp_path / "c", report=halt, test=True)
        assert (halted.halted, halted.pruned, halted.complete, halted.test) == (True, False, False, None)
        assert halted.history == whole.history[: epoch + 1]
    result, resumed = trained(recipe, checkpoint=tmp_path / "c", report=halt, test=True)
    assert not result.halted  # there was nothing left to halt
    assert reported == [0, 1, 2, 3]
    assert (result.history, result.test) == (whole.history, whole.test)
    assert same_weights(resumed, network)


BIG_STEPS = {"epochs": 3, "batch_size": 32, "ema": 0.9, "crop": 1, "cutmix": 1.0, "clip_gradient": 0.5}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize(("micro_batch", "piece"), [(1, 1), (5, 5), (9, 8), (31, 16), (32, None), (100, None)])
def test_micro_batches_train_what_whole_batches_train(optimizer, micro_batch, piece):
    """Where no batch norm looks at them, to 1e-9 in 64 bits; metrics to 1e-6, since their sums are taken in 32."""

    def train(**options):
        network = small_network()
        network[1] = nn.Identity()
        recipe = quick(**BIG_STEPS, optimizer=optimizer)
        return fit(network, small_data(), recipe, seed=0, accelerator="cpu", precision="64-true", **options)

    (whole, network), (cut, other) = train(), train(micro_batch=micro_batch)
    assert (whole.micro_batch, cut.micro_batch) == (None, piece)
    for one, two in zip(network.state_dict().values(), other.state_dict().values(), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-9, atol=1e-9)
    for one, two in zip(whole.history, cut.history, strict=True):
        assert one == pytest.approx(two, rel=1e-6)


def test_a_training_may_go_on_with_smaller_micro_batches(tmp_path):
    trained(checkpoint=tmp_path / "c", report=lambda epoch, metrics: Answer.HALT)
    result, _ = trained(checkpoint=tmp_path / "c", micro_batch=4)
    assert (result.epochs, result.micro_batch) == (3, 4)


def test_micro_batches_without_images_are_refused():
    with pytest.raises(InputError, match="micro_batch: 0"):
        trained(micro_batch=0)


def test_a_disk_that_is_full_ends_a_training_and_leaves_the_checkpoint_before(tmp_path, monkeypatch):
    def fill(epoch, metrics):
        if epoch == 1:
            monkeypatch.setattr(os, "fsync", lambda file: os.write(os.open("/dev/full", os.O_WRONLY), b"x"))

    with pytest.raises(OSError, match=r"No space left on device: '.*/c'"):
        trained(checkpoint=tmp_path / "c", report=fill)
    monkeypatch.undo()
    assert [path.name for path in tmp_path.iterdir()] == ["c"]
    reported = []
    trained(checkpoint=tmp_path / "c", report=lambda epoch, metrics: reported.append(epoch))
    assert reported == [1, 2]


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
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    try:
        with pytest.raises(KeyboardInterrupt):
            trained(report=lambda epoch, metrics: os.kill(os.getpid(), signal.SIGINT))
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
