"""A data set made cheaper for brief trainings: smaller images, and a share of those to train on."""

import hashlib
from dataclasses import replace

import numpy as np
import torch
from torch.nn.functional import interpolate

from nas.data.images import ImageData, Split, scaled
from nas.errors import InputError

AT_ONCE = 4096
"""Images resized at a time: more would need much memory as numbers of 32 bits."""


def reduced(data: ImageData, size: int | None, share: float) -> ImageData:
    """The data with `size` pixels on the shorter side of its images (None: as they are), and the first `share` of each
    class to train on. All validation images stay, and the mean and standard deviation; the test split is left out.

    Raises:
        InputError: the images are smaller already.
    """
    if size is not None and size > min(data.size):
        raise InputError(f"size: {size} pixels are more than the {min(data.size)} that the images have")
    text = f"{size} pixels and {share!r} of {data.fingerprint}"
    train, val = _share(data.train, share), data.val
    if size is not None:
        train, val = _resized(train, size), _resized(val, size)
    return replace(data, train=train, val=val, test=None, fingerprint=hashlib.sha256(text.encode()).hexdigest())


def _share(split: Split, share: float) -> Split:
    if share == 1.0:
        return split
    classes = (np.flatnonzero(split.labels == label) for label in np.unique(split.labels))
    kept = [each[: max(1, round(share * len(each)))] for each in classes]
    return split.part(np.sort(np.concatenate(kept)))


def _resized(split: Split, size: int) -> Split:
    """Each pixel is the mean over what it covers."""
    height, width = scaled((split.images.shape[1], split.images.shape[2]), size)
    images = np.empty((len(split.images), height, width, split.images.shape[3]), dtype=np.uint8)
    for start in range(0, len(images), AT_ONCE):
        some = torch.from_numpy(np.array(split.images[start : start + AT_ONCE])).permute(0, 3, 1, 2).float()
        smaller = interpolate(some, (height, width), mode="area").round_()
        images[start : start + AT_ONCE] = smaller.permute(0, 2, 3, 1).to(torch.uint8).numpy()
    return Split(images, split.labels)
