"""Augmentation of whole batches."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.training import augment

OPERATIONS = {
    "flip": lambda images, rng: augment.flip(images, 0.5, rng),
    "crop": lambda images, rng: augment.crop(images, 2, rng),
    "resized_crop": lambda images, rng: augment.resized_crop(images, 0.3, rng),
    "cutout": lambda images, rng: augment.cutout(images, 3, rng),
    "trivial_augment": augment.trivial_augment,
}
MIXES = {"mixup": augment.mixup, "cutmix": augment.cutmix}

shapes = st.tuples(st.integers(1, 20), st.integers(1, 4), st.integers(1, 12), st.integers(1, 12))
seeds = st.integers(0, 2**32)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def batch(shape, seed=0, layout=torch.channels_last) -> torch.Tensor:
    return torch.rand(shape, generator=seeded(seed)).contiguous(memory_format=layout)


@pytest.mark.parametrize("name", OPERATIONS)
@settings(max_examples=25, deadline=None)
@given(shape=shapes, seed=seeds)
def test_an_operation_keeps_shape_type_range_and_its_input(name, shape, seed):
    images = batch(shape, seed)
    before = images.clone()
    changed = OPERATIONS[name](images, seeded(seed))
    assert changed.shape == images.shape
    assert changed.dtype == images.dtype
    assert 0 <= changed.min() <= changed.max() <= 1 + 1e-5
    assert torch.equal(images, before)


@pytest.mark.parametrize("name", OPERATIONS)
@settings(max_examples=10, deadline=None)
@given(shape=shapes, seed=seeds)
def test_a_generator_decides_an_operation(name, shape, seed):
    images = batch(shape, seed)
    first, second = OPERATIONS[name](images, seeded(seed)), OPERATIONS[name](images.contiguous(), seeded(seed))
    torch.testing.assert_close(first, second, rtol=0, atol=1e-5)
    assert torch.equal(first, OPERATIONS[name](images, seeded(seed)))


@pytest.mark.parametrize("name", OPERATIONS)
def test_images_of_a_batch_change_differently(name):
    images = batch((1, 3, 12, 12)).repeat(32, 1, 1, 1)
    changed = OPERATIONS[name](images, seeded(0))
    assert len({tuple(image.flatten().tolist()) for image in changed}) > 1


def test_strength_zero_is_the_identity():
    images = batch((8, 3, 9, 7))
    assert torch.equal(augment.flip(images, 0, seeded(0)), images)
    assert torch.equal(augment.crop(images, 0, seeded(0)), images)
    assert torch.equal(augment.cutout(images, 0, seeded(0)), images)


def test_flip_mirrors_left_and_right():
    images = batch((4, 1, 3, 5))
    assert torch.equal(augment.flip(images, 1, seeded(0)), images.flip(-1))


def test_crop_shifts_each_image_by_at_most_the_padding_and_brings_in_zeros():
    images = torch.zeros(200, 1, 7, 7)
    images[:, :, 3, 3] = 1
    found = augment.crop(images, 2, seeded(0)).nonzero()
    assert len(found) == 200
    assert {tuple(at) for at in found[:, 2:].tolist()} == {(y, x) for y in range(1, 6) for x in range(1, 6)}


def test_resized_crop_enlarges_a_part_of_at_least_its_share():
    ramp = torch.linspace(0, 1, 32).expand(200, 1, 32, 32)
    seen = augment.resized_crop(ramp, 0.25, seeded(0))[:, 0, 0]
    width = (seen[:, 20] - seen[:, 10]) / (ramp[0, 0, 0, 20] - ramp[0, 0, 0, 10])
    assert 0.25**0.5 * 0.75**0.5 - 0.01 < width.min() < 0.6
    assert 0.9 < width.max() < 1.01


@pytest.mark.parametrize("side", [1, 2, 3, 4])
def test_cutout_blanks_a_square_of_its_side(side):
    blank = augment.cutout(torch.ones(300, 2, 9, 9), side, seeded(0)) == 0
    areas = blank[:, 0].sum(dim=(1, 2))
    assert torch.equal(blank[:, 0], blank[:, 1])
    assert areas.max() == side**2
    assert areas.min() >= 1


@pytest.mark.parametrize("name", MIXES)
@settings(max_examples=25, deadline=None)
@given(shape=shapes, alpha=st.floats(0.01, 10), seed=seeds)
def test_mixed_targets_sum_to_one_and_inputs_stay(name, shape, alpha, seed):
    images = batch(shape, seed)
    targets = torch.eye(5)[torch.randint(5, (shape[0],), generator=seeded(seed))]
    before = images.clone(), targets.clone()
    mixed, soft = MIXES[name](images, targets, alpha, seeded(seed))
    assert mixed.shape == images.shape
    torch.testing.assert_close(soft.sum(dim=1), torch.ones(shape[0]))
    assert soft.min() >= 0
    assert torch.equal(images, before[0])
    assert torch.equal(targets, before[1])
    assert torch.equal(mixed, MIXES[name](images, targets, alpha, seeded(seed))[0])


@pytest.mark.parametrize("name", MIXES)
def test_an_image_is_mixed_in_the_share_of_its_targets(name):
    """Image i is constant i: its mean tells the share of each partner."""
    images = torch.arange(16.0)[:, None, None, None].expand(16, 1, 8, 8)
    mixed, soft = MIXES[name](images, torch.eye(16), 1.0, seeded(3))
    torch.testing.assert_close(mixed.mean(dim=(1, 2, 3)), soft @ torch.arange(16.0), rtol=0, atol=1e-5)
    assert (soft.max(dim=1).values < 1).any()


def test_trivial_augment_leaves_some_images_alone_and_changes_most():
    images = batch((300, 3, 8, 8))
    same = (augment.trivial_augment(images, seeded(0)) == images).flatten(1).all(dim=1).float().mean()
    assert 0.02 < same < 0.3


@pytest.mark.parametrize("operation", augment.COLOURS, ids=lambda each: each.__name__)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_colour_operation_stays_in_range_on_any_image(operation, channels):
    flat = torch.full((2, channels, 4, 4), 0.5)
    images = torch.cat([batch((6, channels, 4, 4)), flat, torch.zeros_like(flat), torch.ones_like(flat)])
    amount = torch.linspace(-1, 1, len(images))[:, None, None, None]
    changed = operation(images, amount)
    assert changed.isfinite().all()
    assert 0 <= changed.min() <= changed.max() <= 1 + 1e-5


def test_a_turn_keeps_its_angle_on_oblong_images():
    """A soft line at 30 degrees becomes level when it is turned back by 30 degrees."""
    y, x = torch.meshgrid(torch.arange(20) - 9.5, torch.arange(40) - 19.5, indexing="ij")
    angle = torch.tensor(augment.TURN)
    line = torch.exp(-((x * angle.sin() + y * angle.cos()) ** 2) / 8)[None, None]
    turn = torch.tensor([augment.GEOMETRY.index("turn")])
    matrices = augment._geometry(turn, torch.tensor([-1.0]), aspect=20 / 40)
    turned = augment._resample(line, matrices, "zeros")[0, 0]
    torch.testing.assert_close(turned[4:16, 12:28], torch.exp(-(y**2) / 8)[4:16, 12:28], rtol=0, atol=0.03)
