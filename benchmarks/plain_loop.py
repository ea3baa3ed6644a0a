"""Trains candidate documents one after another in a plain loop of PyTorch.

    python benchmarks/plain_loop.py FILE.json [cpu | cuda]

The least that training them costs here: no Lightning, no W&B, no checkpoints, one process of one thread; the images
normalised once for all and kept on the device, our memory format, optimizer and schedule.
"""

import json
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from nas.architecture import Architecture
from nas.data.builtin import load_fashion_mnist_mini
from nas.data.images import ImageData, Split
from nas.network import build_network
from nas.training.optimizers import optimizer
from nas.training.recipe import Training
from nas.training.schedule import learning_rate_factor

EVALUATED_AT_ONCE = 64


def main() -> None:
    file, *device = sys.argv[1:]
    torch.set_num_threads(1)
    torch.set_default_device(*device or ["cpu"])
    data = load_fashion_mnist_mini()
    train, val = (tensors(split, data) for split in (data.train, data.val))
    for document in json.loads(Path(file).read_text()):
        print(trained(document, data, train, val), flush=True)


def tensors(split: Split, data: ImageData) -> tuple[Tensor, Tensor]:
    images = torch.tensor(split.images).permute(0, 3, 1, 2).float() / 255
    mean, std = (torch.tensor(each).view(-1, 1, 1) for each in (data.mean, data.std))
    return (images - mean) / std, torch.tensor(split.labels)


def trained(
    document: dict[str, Any], data: ImageData, train: tuple[Tensor, Tensor], val: tuple[Tensor, Tensor]
) -> float:
    """The share of the validation images that are right after the last epoch; all epochs are evaluated."""
    recipe = Training.from_document(document["training"])
    architecture = Architecture.from_document(document["architecture"])
    network = build_network(architecture, in_channels=data.channels, classes=data.classes, input_size=data.size)
    network.to(memory_format=torch.channels_last)
    stepper = optimizer(network, recipe)
    number, hits = len(train[0]) // recipe.batch_size, torch.tensor(0)
    for epoch in range(recipe.epochs):
        network.train()
        order = torch.randperm(len(train[0])).split(recipe.batch_size)[:number]
        for step, index in enumerate(order, start=epoch * number):
            images = train[0][index]
            flipped = torch.rand(len(images), 1, 1, 1) < recipe.flip
            images = torch.where(flipped, images.flip(-1), images).contiguous(memory_format=torch.channels_last)
            for group in stepper.param_groups:
                group["lr"] = recipe.lr * learning_rate_factor(recipe, step, number)
            stepper.zero_grad()
            F.cross_entropy(network(images), train[1][index], label_smoothing=recipe.label_smoothing).backward()
            stepper.step()
        network.eval()
        hits = torch.tensor(0)
        with torch.inference_mode():
            for images, labels in zip(*(each.split(EVALUATED_AT_ONCE) for each in val), strict=True):
                images = images.contiguous(memory_format=torch.channels_last)
                hits = hits + (network(images).argmax(1) == labels).sum()
    return int(hits) / len(val[0])


if __name__ == "__main__":
    main()
