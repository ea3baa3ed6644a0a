"""Batches of images for training and evaluation, taken from arrays without per-image Python.

Arrays are put on the training device once; large ones that are memory-mapped stay on disk and are read batch by batch,
ahead of the training.
"""

import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_lightning import LightningDataModule
from torch import Generator, Tensor
from torch.nn import functional as F

from nas.data.images import ImageData, Split
from nas.errors import InputError
from nas.training import augment
from nas.training.recipe import Training
from nas.training.seeds import generator

# Evaluation batches. A CPU wants activations that stay in its caches: measured on 28×28 images, one thread, 64 images a
# batch took 0.6 of the time of 512. Anything else wants many images, as long as they fit.
CPU_PIXELS, CPU_LEAST_IMAGES = 2**16, 16
DEVICE_PIXELS, DEVICE_MOST_IMAGES = 2**20, 512

IN_MEMORY = 2**30  # bytes of images in a file that are put on the device with all others
READ_AHEAD = 2  # batches of more than that

Batch = tuple[Tensor, Tensor]
Read = Callable[[Sequence[Tensor]], Iterator[Tensor]]


def _tensor(array: NDArray[Any]) -> Tensor:
    """The array itself as a tensor, not a copy; it is only read."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writ")
        return torch.from_numpy(array)


def _in_memory(images: NDArray[np.uint8], device: torch.device) -> Read:
    kept = _tensor(images).to(device)
    return lambda indices: (kept[index.to(device, non_blocking=True)] for index in indices)


def _on_disk(images: NDArray[np.uint8], device: torch.device) -> Read:
    """The next batches are read, and wait in memory that a GPU takes by itself, while one is trained."""
    mapped = _tensor(images)

    def read(index: Tensor) -> Tensor:
        batch = mapped[index]
        return batch.pin_memory() if device.type == "cuda" else batch

    def batches(indices: Sequence[Tensor]) -> Iterator[Tensor]:
        with ThreadPoolExecutor(1) as reader:
            ahead = deque(reader.submit(read, index) for index in indices[:READ_AHEAD])
            for index in [*indices[READ_AHEAD:], *[None] * len(ahead)]:
                yield ahead.popleft().result().to(device, non_blocking=True)
                if index is not None:
                    ahead.append(reader.submit(read, index))

    return batches


class Pixels:
    """A split's uint8 images and labels, gathered by index as float images on `device`."""

    def __init__(self, split: Split, mean: tuple[float, ...], std: tuple[float, ...], device: torch.device) -> None:
        self.device = device
        self.size: tuple[int, int] = split.images.shape[1:3]
        place = _on_disk if split.mapped and split.images.nbytes > IN_MEMORY else _in_memory
        self._read = place(split.images, device)
        self._labels = _tensor(split.labels).to(device)
        self._scale = (1 / torch.tensor(std, dtype=torch.float32, device=device))[:, None, None]
        self._shift = -torch.tensor(mean, dtype=torch.float32, device=device)[:, None, None] * self._scale

    def __len__(self) -> int:
        return len(self._labels)

    def take(self, index: Tensor) -> Batch:
        return next(self.batches([index]))

    def batches(self, indices: Sequence[Tensor]) -> Iterator[Batch]:
        """For each index, on the CPU: images "n c h w" from 0 to 1, channels last in memory, and labels "n"."""
        for index, images in zip(indices, self._read(indices), strict=True):
            labels = self._labels[index.to(self.device, non_blocking=True)]
            yield images.permute(0, 3, 1, 2).float().div_(255), labels

    def normalise(self, images: Tensor) -> Tensor:
        """(images - mean) / std of every channel, channels last."""
        normal = torch.addcmul(self._shift, images, self._scale)
        return normal.contiguous(memory_format=torch.channels_last)


@dataclass(frozen=True)
class Steps:
    """How an epoch is cut: steps of `images` images, shared by `ranks`, each of which takes its share in `pieces`."""

    number: int
    images: int
    ranks: int = 1
    pieces: int = 1

    @property
    def share(self) -> int:
        """Images of the largest share of a step."""
        return ceil(self.images / self.ranks)

    @property
    def piece(self) -> int:
        """Images of the largest piece."""
        return ceil(self.share / self.pieces)

    def weight(self, images: int) -> float:
        """The factor for the mean loss of a piece of so many images, where the mean over pieces and ranks is taken.

        What comes out is then the mean over the step's images, however unequal the pieces are.
        """
        return images * self.pieces * self.ranks / self.images


def steps(images: int, training: Training, ranks: int = 1, micro_batch: int | None = None) -> Steps:
    """The steps of an epoch over so many images, in pieces of at most `micro_batch` images a rank.

    Ranks have as many pieces each. (A piece of two images is left where micro batches of one do not come out even.)
    Raises `InputError` if a rank would have no image.
    """
    if micro_batch is not None and micro_batch < 1:
        raise InputError(f"micro_batch: {micro_batch} is not a whole number of at least 1")
    batch = min(images, training.batch_size)
    if batch < ranks:
        raise InputError(f"devices: a batch of {batch} images cannot be shared by {ranks} devices")
    pieces = min(ceil(ceil(batch / ranks) / micro_batch), batch // ranks) if micro_batch else 1
    return Steps(max(1, images // training.batch_size), batch, ranks, pieces)


@dataclass(eq=False)
class TrainingBatches:
    """One epoch of shuffled, augmented batches; order and augmentation follow from (seed, epoch) alone.

    Targets are labels "n", or soft targets "n k" with mixup or cutmix. Every step is full, what is left of the
    permutation is dropped, except where the split is smaller than one step. A rank's share is augmented before it is
    cut in pieces.
    """

    pixels: Pixels
    classes: int
    training: Training
    seed: int
    steps: Steps
    rank: int = 0
    epoch: int = 0  # to be set before each pass

    def __len__(self) -> int:
        return self.steps.number * self.steps.pieces

    def __iter__(self) -> Iterator[Batch]:
        order = torch.randperm(len(self.pixels), generator=generator(self.seed, "order", self.epoch))
        rng = generator(self.seed, "augmentation", self.epoch, self.rank)
        indices = torch.split(order, self.steps.images)[: self.steps.number]
        for images, labels in self.pixels.batches([index[self.rank :: self.steps.ranks] for index in indices]):
            images = self.pixels.normalise(change_pixels(images, self.training, rng))
            images, targets = mix(images, labels, self.classes, self.training, rng)
            pieces = self.steps.pieces
            yield from zip(images.tensor_split(pieces), targets.tensor_split(pieces), strict=True)


def change_pixels(images: Tensor, training: Training, rng: Generator) -> Tensor:
    """The augmentation that wants pixels as they are seen, 0 to 1, before they are normalised."""
    if training.trivial_augment:
        images = augment.trivial_augment(images, rng)
    if training.resized_crop:
        images = augment.resized_crop(images, training.resized_crop, rng)
    if training.crop:
        images = augment.crop(images, training.crop, rng)
    if training.flip:
        images = augment.flip(images, training.flip, rng)
    return images


def mix(images: Tensor, labels: Tensor, classes: int, training: Training, rng: Generator) -> Batch:
    """The augmentation of normalised images, where zero is the mean colour, and of their targets."""
    if training.cutout:
        images = augment.cutout(images, training.cutout, rng)
    if not training.mixup and not training.cutmix:
        return images, labels
    targets = F.one_hot(labels, classes).to(images.dtype)
    both = training.mixup and training.cutmix
    if not training.cutmix or (both and torch.rand((), generator=rng) < 0.5):
        return augment.mixup(images, targets, training.mixup, rng)
    return augment.cutmix(images, targets, training.cutmix, rng)


@dataclass(eq=False)
class EvaluationBatches:
    """All images of a split in their order, in batches as large as pays; of several ranks each takes every n-th image.

    A training's share of a step fits in memory here, too, where no activations are kept; but if it had to be cut in
    pieces, so are these.
    """

    pixels: Pixels
    steps: Steps
    rank: int = 0

    @property
    def batch_size(self) -> int:
        height, width = self.pixels.size
        if self.pixels.device.type == "cpu":
            pays = max(CPU_LEAST_IMAGES, CPU_PIXELS // (height * width))
        else:
            pays = max(self.steps.share, min(DEVICE_MOST_IMAGES, DEVICE_PIXELS // (height * width)))
        return min(pays, self.steps.piece) if self.steps.pieces > 1 else pays

    def __len__(self) -> int:
        return max(1, ceil(len(range(self.rank, len(self.pixels), self.steps.ranks)) / self.batch_size))

    def __iter__(self) -> Iterator[Batch]:
        order = torch.arange(len(self.pixels))[self.rank :: self.steps.ranks]
        for images, labels in self.pixels.batches(torch.split(order, self.batch_size)):
            yield self.pixels.normalise(images), labels


class ImageDataModule(LightningDataModule):
    """An image data set and a recipe as Lightning's loaders; only `Trainer.test` reads the test split."""

    def __init__(self, data: ImageData, training: Training, seed: int, steps: Steps) -> None:
        super().__init__()
        self._data, self._training, self._seed, self._steps = data, training, seed, steps
        self._training_batches: TrainingBatches | None = None

    def set_epoch(self, epoch: int) -> None:
        """Which epoch's order and augmentation the next pass over the training batches has."""
        assert self._training_batches is not None
        self._training_batches.epoch = epoch

    def train_dataloader(self) -> TrainingBatches:
        pixels, classes = self._pixels(self._data.train), self._data.classes
        self._training_batches = TrainingBatches(pixels, classes, self._training, self._seed, self._steps, self._rank())
        return self._training_batches

    def val_dataloader(self) -> EvaluationBatches:
        return EvaluationBatches(self._pixels(self._data.val), self._steps, self._rank())

    def test_dataloader(self) -> EvaluationBatches:
        assert self._data.test is not None
        return EvaluationBatches(self._pixels(self._data.test), self._steps, self._rank())

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        return batch  # it is there already

    def _pixels(self, split: Split) -> Pixels:
        assert self.trainer is not None
        return Pixels(split, self._data.mean, self._data.std, self.trainer.strategy.root_device)

    def _rank(self) -> int:
        assert self.trainer is not None
        return self.trainer.global_rank
