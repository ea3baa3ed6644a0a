"""What a network wants of images, and what its outputs are called: mean, deviation, size, class names."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from nas.data.decode import FITS
from nas.errors import InputError, need_one_of


@dataclass(frozen=True)
class Preprocessing:
    """Images are brought to `size` (height, width) as `fit` says; (pixels / 255 - mean) / std goes in, per channel."""

    size: tuple[int, int]
    channels: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    class_names: tuple[str, ...]
    fit: str = "crop"

    def to_document(self) -> dict[str, Any]:
        """As plain data."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}


def recorded(record: Mapping[str, Any], place: str) -> Preprocessing | None:
    """What the record of a trained candidate says of it; None if it says nothing.

    Raises:
        InputError: what it says cannot be meant.
    """
    match record:
        case {"preprocessing": dict(given), "data": {"class_names": [*names]}}:
            place = f"{place}: record.preprocessing"
        case _:
            return None
    match given:
        case {"size": [int(height), int(width)], "channels": int(channels), "mean": [*mean], "std": [*std]} if (
            height > 0 and width > 0 and len(mean) == len(std) == channels and names
        ):
            pass
        case _:
            raise InputError(f"{place}: expected size, channels, mean, std, and class names; got {given!r:.120}")
    if not all(isinstance(each, int | float) and math.isfinite(each) for each in (*mean, *std)) or 0 in std:
        raise InputError(f"{place}: mean and std are numbers, std not 0; got {mean!r:.60} and {std!r:.60}")
    fit = given.get("fit", "crop")
    need_one_of(f"{place}.fit", "fit", fit, FITS)
    numbers = tuple(map(float, mean)), tuple(map(float, std))
    return Preprocessing((height, width), channels, *numbers, tuple(map(str, names)), str(fit))
