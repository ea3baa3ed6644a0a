"""One image file of any size and mode becomes pixels of one size: oriented, flattened, fitted."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

MODES = {1: "L", 3: "RGB"}  # channels: Pillow's mode


def decode(path: Path, size: tuple[int, int], fit: str, channels: int) -> npt.NDArray[np.uint8]:
    """The image at `path` as uint8 "h w c" of `size` (height, width); raises whatever Pillow raises.

    The EXIF orientation is applied, transparent pixels become white, 16-bit grey is scaled to 8 bits, and
    of several frames the first counts.
    """
    height, width = size
    with Image.open(path) as image:
        # a JPEG far too large is decoded at a half, quarter or eighth, never below twice what is needed
        image.draft(None, (2 * max(size), 2 * max(size)))
        ImageOps.exif_transpose(image, in_place=True)
        fitted = FITS[fit](_flatten(image, MODES[channels]), width, height)
    return np.asarray(fitted, dtype=np.uint8).reshape(height, width, channels)


def _flatten(image: Image.Image, mode: str) -> Image.Image:
    match image.mode:
        case "I;16" | "I;16B" | "I;16L" | "I;16N":
            return _from_16_bits(image).convert(mode)
        case "I" if image.format in ("PNG", "PPM"):  # where Pillow keeps 16 bits in 32
            return _from_16_bits(image).convert(mode)
        case "I" | "F":
            raise ValueError(f"mode {image.mode} (32 bits a pixel) has no known range; expected 8 or 16 bits")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert(mode)


def _from_16_bits(image: Image.Image) -> Image.Image:
    return Image.fromarray((np.asarray(image).astype(np.uint32) // 257).astype(np.uint8))


def _crop(image: Image.Image, width: int, height: int) -> Image.Image:
    return ImageOps.fit(image, (width, height), Image.Resampling.BICUBIC)


def _stretch(image: Image.Image, width: int, height: int) -> Image.Image:
    return image.resize((width, height), Image.Resampling.BICUBIC)


def _pad(image: Image.Image, width: int, height: int) -> Image.Image:
    scale = min(width / image.width, height / image.height)
    inner = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    canvas = Image.new(image.mode, (width, height))  # black
    resized = image.resize(inner, Image.Resampling.BICUBIC)
    canvas.paste(resized, ((width - inner[0]) // 2, (height - inner[1]) // 2))
    return canvas


FITS: dict[str, Callable[[Image.Image, int, int], Image.Image]] = {
    "crop": _crop,  # fill the size, then cut the middle
    "stretch": _stretch,  # squash to the size
    "pad": _pad,  # all of the image, on black
}
