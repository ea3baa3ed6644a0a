"""Random changes of whole batches of images: a function takes the batch and a generator and gives a new batch.

Images are floats of shape "n c h w"; the colour operations of `trivial_augment` want them in 0 to 1. Every image
draws its own parameters. The generator lives on the CPU and only its few numbers are sent to the images' device,
so that a step never waits for the device and every device sees the same changes.
"""

from collections.abc import Callable
from math import log, pi

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

SHEAR, SHIFT, TURN = 0.3, 0.3, pi / 6  # largest shear, shift (share of the side) and rotation of trivial_augment


def _send(values: Tensor, images: Tensor) -> Tensor:
    return values.to(images.device, non_blocking=True)


def _uniform(images: Tensor, rng: Generator, low: float = 0.0, high: float = 1.0) -> Tensor:
    """One number an image, on the CPU."""
    return low + (high - low) * torch.rand(len(images), generator=rng)


def _resample(images: Tensor, matrices: Tensor, padding: str) -> Tensor:
    """The images seen through affine maps "n 2 3" from output to input, in coordinates from -1 to 1."""
    grid = F.affine_grid(_send(matrices, images).to(images.dtype), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode=padding, align_corners=False)


def flip(images: Tensor, probability: float, rng: Generator) -> Tensor:
    """Mirrors images left to right."""
    chosen = _send(_uniform(images, rng) < probability, images)
    return torch.where(chosen[:, None, None, None], images.flip(-1), images)


def crop(images: Tensor, padding: int, rng: Generator) -> Tensor:
    """Shifts images by up to `padding` pixels in both directions, zeros coming in (He et al. 2016, section 4.2)."""
    if padding == 0:
        return images
    n, _, height, width = images.shape
    top, left = _send(torch.randint(2 * padding + 1, (2, n, 1), generator=rng), images)
    padded = F.pad(images, (padding,) * 4).permute(0, 2, 3, 1)
    image = torch.arange(n, device=images.device)[:, None, None]
    row = top + torch.arange(height, device=images.device)
    column = left + torch.arange(width, device=images.device)
    return padded[image, row[:, :, None], column[:, None, :]].permute(0, 3, 1, 2)


def resized_crop(images: Tensor, smallest: float, rng: Generator) -> Tensor:
    """Enlarges a random part of at least the share `smallest` of the area to the whole grid (Szegedy et al. 2015).

    The part's aspect ratio is changed by a factor from 3/4 to 4/3; a side that would leave the image is cut.
    """
    area = _uniform(images, rng, smallest)
    aspect = _uniform(images, rng, log(3 / 4), log(4 / 3)).exp()
    width, height = (area * aspect).sqrt().clamp(max=1), (area / aspect).sqrt().clamp(max=1)
    x, y = _uniform(images, rng, -1) * (1 - width), _uniform(images, rng, -1) * (1 - height)
    zero = torch.zeros_like(x)
    matrices = torch.stack([width, zero, x, zero, height, y], dim=1).view(-1, 2, 3)
    return _resample(images, matrices, padding="border")


def cutout(images: Tensor, side: int, rng: Generator) -> Tensor:
    """Sets a square around a random pixel to zero; it may reach over the border (DeVries & Taylor 2017)."""
    y, x = torch.rand(2, len(images), generator=rng)
    size = torch.full((len(images),), side)
    return images.masked_fill(_boxes(images, y, x, size, size), 0.0)


def _boxes(images: Tensor, y: Tensor, x: Tensor, height: Tensor, width: Tensor) -> Tensor:
    """Masks "n 1 h w" of boxes: centres as shares of the sides, sizes in whole pixels, cut at the border."""

    def inside(length: int, centre: Tensor, size: Tensor) -> Tensor:
        start = (centre * length).long() - size // 2
        pixel = torch.arange(length)
        return _send((pixel >= start[:, None]) & (pixel < (start + size)[:, None]), images)

    rows = inside(images.shape[2], y, height)
    columns = inside(images.shape[3], x, width)
    return (rows[:, :, None] & columns[:, None, :])[:, None]


def _beta(images: Tensor, alpha: float, rng: Generator) -> Tensor:
    """One draw of Beta(alpha, alpha) an image. `torch.distributions` takes no generator."""
    shape = torch.full((2, len(images)), alpha, dtype=torch.float64)
    first, second = torch._standard_gamma(shape, generator=rng).clamp_min(1e-300)
    share: Tensor = first / (first + second)
    return share.float()


def mixup(images: Tensor, targets: Tensor, alpha: float, rng: Generator) -> tuple[Tensor, Tensor]:
    """Each image and its soft target "n k", mixed with another's in the share of a Beta draw (Zhang et al. 2018)."""
    share = _send(_beta(images, alpha, rng), images)
    other = _send(torch.randperm(len(images), generator=rng), images)
    mixed = torch.lerp(images[other], images, share[:, None, None, None].to(images.dtype))
    return mixed, torch.lerp(targets[other], targets, share[:, None].to(targets.dtype))


def cutmix(images: Tensor, targets: Tensor, alpha: float, rng: Generator) -> tuple[Tensor, Tensor]:
    """A random box of each image replaced by another image's, targets mixed by area (Yun et al. 2019, eq. 1 and 2)."""
    side = (1 - _beta(images, alpha, rng)).sqrt()
    y, x = torch.rand(2, len(images), generator=rng)
    other = _send(torch.randperm(len(images), generator=rng), images)
    height, width = (side * images.shape[2]).round().long(), (side * images.shape[3]).round().long()
    box = _boxes(images, y, x, height, width)
    share = 1 - box.mean(dim=(1, 2, 3), dtype=targets.dtype)
    return torch.where(box, images[other], images), torch.lerp(targets[other], targets, share[:, None])


def trivial_augment(images: Tensor, rng: Generator) -> Tensor:
    """One random operation of random strength on each image (Müller & Hutter 2021).

    Of the paper's fourteen operations, colour exists for three channels only. Strengths are those of RandAugment's
    space (milder than the paper's wide one, which is made for long trainings); the shift is relative to the side.
    """
    colours = [each for each in COLOURS if each is not saturation or images.shape[1] == 3]
    chosen = torch.randint(1 + len(GEOMETRY) + len(colours), (len(images),), generator=rng)  # 0: left alone
    strength = _uniform(images, rng, -1)
    result = images.clone()
    moved = (chosen >= 1) & (chosen <= len(GEOMETRY))
    if moved.any():
        rows = _send(moved.nonzero()[:, 0], images)
        matrices = _geometry(chosen[moved] - 1, strength[moved], images.shape[2] / images.shape[3])
        result[rows] = _resample(images[rows], matrices, padding="zeros")
    for number, operation in enumerate(colours, start=1 + len(GEOMETRY)):
        found = chosen == number
        if found.any():
            rows = _send(found.nonzero()[:, 0], images)
            amount = _send(strength[found], images)[:, None, None, None].to(images.dtype)
            result[rows] = operation(images[rows], amount)
    return result


GEOMETRY = ("shear x", "shear y", "shift x", "shift y", "turn")


def _geometry(operation: Tensor, strength: Tensor, aspect: float) -> Tensor:
    """Affine maps "n 2 3" for numbers of `GEOMETRY`; `aspect` (height by width) keeps angles on oblong images."""
    shear_x, shear_y, shift_x, shift_y, turn = (
        strength * (operation == i) * most for i, most in enumerate((SHEAR, SHEAR, SHIFT, SHIFT, TURN))
    )
    return torch.stack(
        [
            torch.stack([turn.cos(), (shear_x - turn.sin()) * aspect, 2 * shift_x], dim=1),
            torch.stack([(shear_y + turn.sin()) / aspect, turn.cos(), 2 * shift_y], dim=1),
        ],
        dim=1,
    )


def _blend(start: Tensor, images: Tensor, amount: Tensor) -> Tensor:
    """Away from or towards `start`: the factor is 0.1 to 1.9 as `amount` goes from -1 to 1."""
    return torch.lerp(start, images, 1 + 0.9 * amount).clamp(0, 1)


def _grey(images: Tensor) -> Tensor:
    if images.shape[1] != 3:
        return images
    weights = torch.tensor([0.299, 0.587, 0.114], dtype=images.dtype)  # ITU-R BT.601
    return (images * _send(weights, images)[:, None, None]).sum(dim=1, keepdim=True)


def brightness(images: Tensor, amount: Tensor) -> Tensor:
    return _blend(torch.zeros_like(images), images, amount)


def contrast(images: Tensor, amount: Tensor) -> Tensor:
    return _blend(_grey(images).mean(dim=(1, 2, 3), keepdim=True), images, amount)


def saturation(images: Tensor, amount: Tensor) -> Tensor:
    return _blend(_grey(images), images, amount)


def sharpness(images: Tensor, amount: Tensor) -> Tensor:
    """Blends with a 3×3 blur whose centre weighs five times its neighbours; the border stays."""
    channels = images.shape[1]
    kernel = torch.ones(3, 3, dtype=images.dtype)
    kernel[1, 1] = 5
    kernel = _send((kernel / 13).expand(channels, 1, 3, 3), images)
    blurred = images.clone()
    if min(images.shape[2:]) >= 3:
        blurred[:, :, 1:-1, 1:-1] = F.conv2d(images, kernel, groups=channels)
    return _blend(blurred, images, amount)


def posterize(images: Tensor, amount: Tensor) -> Tensor:
    """Keeps 8 to 4 bits."""
    step = 2 ** (4 * amount.abs()).round()
    return ((images * 255).round() / step).floor() * step / 255


def solarize(images: Tensor, amount: Tensor) -> Tensor:
    """Inverts what is brighter than a threshold."""
    return torch.where(images > 1 - amount.abs(), 1 - images, images)


def autocontrast(images: Tensor, amount: Tensor) -> Tensor:
    """Stretches each channel to 0 to 1."""
    low, high = images.amin(dim=(2, 3), keepdim=True), images.amax(dim=(2, 3), keepdim=True)
    return torch.where(high > low, (images - low) / (high - low).clamp_min(1e-6), images)


def equalize(images: Tensor, amount: Tensor) -> Tensor:
    """Gives each channel's 256 levels an even histogram."""
    levels = (images * 255).round().long().clamp(0, 255).flatten(2)
    counts = torch.zeros(*levels.shape[:2], 256, dtype=images.dtype, device=images.device)
    counts.scatter_add_(2, levels, torch.ones_like(levels, dtype=images.dtype))
    share = counts.cumsum(dim=2).gather(2, levels) / levels.shape[2]  # of pixels that are not brighter
    lowest = share.amin(dim=2, keepdim=True)
    even = torch.where(lowest < 1, (share - lowest) / (1 - lowest).clamp_min(1e-6), images.flatten(2))
    return even.view(images.shape)


COLOURS: tuple[Callable[[Tensor, Tensor], Tensor], ...] = (
    brightness,
    contrast,
    saturation,
    sharpness,
    posterize,
    solarize,
    autocontrast,
    equalize,
)
