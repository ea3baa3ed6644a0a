"""Batches from arrays."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from training_parts import CLASSES, quick, small_data

from nas.data.images import Split, image_data
from nas.training.batches import EvaluationBatches, Pixels, Steps, TrainingBatches, steps

CPU = torch.device("cpu")
PLAIN = quick(flip=False)
AUGMENTED = quick(crop=2, resized_crop=0.5, trivial_augment=True, cutout=3, mixup=0.2, cutmix=1.0)


def pixels() -> Pixels:
    data = small_data()
    return Pixels(data.train, data.mean, data.std, CPU)


def numbered(n: int) -> Pixels:
    """Image i is labelled i."""
    return Pixels(Split(np.zeros((n, 2, 2, 1), np.uint8), np.arange(n)), (0.0,), (1.0,), CPU)


def training_batches(pixels, recipe, seed=0, rank=0, ranks=1, micro_batch=None, epoch=0, classes=CLASSES):
    cut = steps(len(pixels), recipe, ranks, micro_batch)
    return TrainingBatches(pixels, classes, recipe, seed, cut, rank, epoch)


def same(first, second) -> bool:
    return all(torch.equal(x, y) and torch.equal(s, t) for (x, s), (y, t) in zip(first, second, strict=True))


@pytest.mark.parametrize("channels", [1, 3])
def test_images_are_normalised_floats_channels_last(channels):
    data = small_data(channels=channels)
    images, labels = next(iter(EvaluationBatches(Pixels(data.train, data.mean, data.std, CPU), Steps(1, 90))))
    assert images.shape == (90, channels, 8, 8)
    assert images.dtype == torch.float32
    assert images.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(images.mean(dim=(0, 2, 3)), torch.zeros(channels), rtol=0, atol=1e-4)
    torch.testing.assert_close(images.std(dim=(0, 2, 3)), torch.ones(channels), rtol=0, atol=1e-3)
    assert torch.equal(labels, torch.from_numpy(np.array(data.train.labels)))


@settings(deadline=None)
@given(st.integers(1, 50), st.integers(1, 20), st.integers(0, 3))
def test_an_epoch_shows_every_image_at_most_once_in_full_batches(n, size, epoch):
    batches = training_batches(numbered(n), quick(batch_size=size), seed=1, epoch=epoch, classes=n)
    seen = [labels for _, labels in batches]
    assert len(seen) == len(batches) == max(1, n // size)
    assert all(len(labels) == min(n, size) for labels in seen)
    assert len(torch.cat(seen).unique()) == min(n, size) * len(seen)


def test_a_pass_depends_on_seed_and_epoch_alone():
    kept = training_batches(pixels(), AUGMENTED, seed=5)
    passes = []
    for kept.epoch in range(3):
        passes.append(list(kept))
    resumed = training_batches(pixels(), AUGMENTED, seed=5, epoch=2)
    assert same(resumed, passes[2])
    assert not same(passes[1], passes[2])
    assert not same(training_batches(pixels(), AUGMENTED, seed=6, epoch=2), passes[2])


def test_augmentation_does_not_change_the_order():
    plain = training_batches(pixels(), PLAIN, seed=5)
    cropped = training_batches(pixels(), quick(crop=2), seed=5)
    assert all(torch.equal(s, t) for (_, s), (_, t) in zip(plain, cropped, strict=True))


@pytest.mark.parametrize("changes", [{"mixup": 0.2}, {"cutmix": 1.0}, {"mixup": 0.2, "cutmix": 1.0}])
def test_mixing_gives_soft_targets(changes):
    for images, targets in training_batches(pixels(), quick(**changes), seed=0):
        assert targets.shape == (len(images), CLASSES)
        torch.testing.assert_close(targets.sum(dim=1), torch.ones(len(images)))


def test_evaluation_shows_every_image_once_in_order_as_it_is():
    batches = EvaluationBatches(numbered(40_000), Steps(1, 7))
    seen = [labels for _, labels in batches]
    assert torch.equal(torch.cat(seen), torch.arange(40_000))
    assert len(seen) == len(batches) == 3


@pytest.mark.parametrize(("side", "cpu", "other"), [(28, 83, 512), (64, 16, 256), (512, 16, 7)])
def test_evaluation_batches_are_small_on_a_cpu_and_large_elsewhere(side, cpu, other):
    images = np.zeros((1, side, side, 1), np.uint8)
    for device, size in (("cpu", cpu), ("meta", other)):
        pixels = Pixels(Split(images, np.zeros(1, np.int64)), (0.0,), (1.0,), torch.device(device))
        assert EvaluationBatches(pixels, Steps(1, 7)).batch_size == size


without = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")


@pytest.mark.parametrize("recipe", [PLAIN, AUGMENTED])
@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=[pytest.mark.gpu, without])])
def test_large_memory_mapped_images_stay_on_disk_and_give_the_same_batches(tmp_path, monkeypatch, recipe, device):
    whole = small_data()
    np.save(tmp_path / "images.npy", whole.train.images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    splits = {"train": (mapped, whole.train.labels), "val": (whole.val.images, whole.val.labels)}
    data = image_data("mapped", splits, whole.class_names)
    there = data.mean, data.std, torch.device(device)
    expected = list(training_batches(Pixels(whole.train, *there), recipe))
    assert same(training_batches(Pixels(data.train, *there), recipe), expected)
    monkeypatch.setattr("nas.training.batches.IN_MEMORY", 0)
    monkeypatch.setattr("nas.training.batches._in_memory", None)
    assert same(training_batches(Pixels(data.train, *there), recipe), expected)


def test_the_arrays_stay_as_they_are():
    data = small_data()
    images = data.train.images.copy()
    split = Split(images, data.train.labels)
    list(training_batches(Pixels(split, data.mean, data.std, CPU), AUGMENTED))
    assert np.array_equal(images, data.train.images)


@settings(deadline=None)
@given(st.integers(4, 60), st.integers(4, 20), st.integers(1, 4), st.integers(1, 60))
def test_ranks_share_every_batch_and_all_of_evaluation(n, size, ranks, others):
    recipe = quick(batch_size=size)
    whole = training_batches(numbered(n), recipe, classes=n)
    shares = [training_batches(numbered(n), recipe, rank=r, ranks=ranks, classes=n) for r in range(ranks)]
    for (_, labels), *parts in zip(whole, *shares, strict=True):
        assert sorted(torch.cat([part for _, part in parts]).tolist()) == sorted(labels.tolist())
    seen = [EvaluationBatches(numbered(others), shares[r].steps, r) for r in range(ranks)]
    assert all(len(list(share)) == len(share) for share in seen)
    assert sorted(label for share in seen for _, labels in share for label in labels.tolist()) == list(range(others))


@settings(deadline=None)
@given(st.integers(4, 60), st.integers(4, 20), st.integers(1, 4), st.integers(1, 25))
def test_pieces_are_the_share_of_a_rank_and_weigh_as_much_as_their_images(n, size, ranks, micro_batch):
    recipe = quick(batch_size=size)
    for rank in range(ranks):
        whole = training_batches(numbered(n), recipe, rank=rank, ranks=ranks, classes=n)
        parts = training_batches(numbered(n), recipe, rank=rank, ranks=ranks, micro_batch=micro_batch, classes=n)
        cut = parts.steps
        pieces = [labels for _, labels in parts]
        assert len(pieces) == len(parts) == cut.number * cut.pieces
        assert torch.equal(torch.cat(pieces), torch.cat([labels for _, labels in whole]))
        assert all(1 <= len(piece) <= max(micro_batch, 2 if micro_batch == 1 else 1) for piece in pieces)
        assert max(map(len, pieces)) <= cut.piece
    shares = [sum(len(piece) for piece in pieces[: cut.pieces])]
    assert sum(map(cut.weight, shares)) <= cut.pieces * ranks * (1 + 1e-9)


def test_the_weighted_mean_over_pieces_and_ranks_is_the_mean_over_the_images():
    cut = steps(30, quick(batch_size=15), ranks=2, micro_batch=3)
    lost = torch.rand(15, generator=torch.Generator().manual_seed(0))
    means = [
        torch.stack([piece.mean() * cut.weight(len(piece)) for piece in lost[rank::2].tensor_split(cut.pieces)]).mean()
        for rank in range(2)
    ]
    torch.testing.assert_close(torch.stack(means).mean(), lost.mean())


def test_augmentation_draws_the_same_for_pieces():
    whole = list(training_batches(pixels(), AUGMENTED, seed=5))
    pieces = list(training_batches(pixels(), AUGMENTED, seed=5, micro_batch=4))
    joined = [[torch.cat(parts) for parts in zip(*pieces[i : i + 4], strict=True)] for i in range(0, len(pieces), 4)]
    assert same(joined, whole)


def test_evaluation_keeps_to_the_size_of_pieces():
    assert EvaluationBatches(pixels(), Steps(5, 16, pieces=4)).batch_size == 4
    assert [len(labels) for _, labels in EvaluationBatches(pixels(), Steps(1, 80, pieces=2))] == [40, 40, 10]
