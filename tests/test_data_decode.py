"""Every kind of image file comes out as the same kind of pixels."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nas.data.decode import decode

RED, GREEN, BLUE, WHITE, BLACK = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)


def saved(folder: Path, image: Image.Image, name: str = "image.png", **options: Any) -> Path:
    path = folder / name
    image.save(path, **options)
    return path


def bands(width: int, height: int) -> Image.Image:
    """Red, green and blue from left to right, of equal width."""
    image = Image.new("RGB", (width, height))
    for i, colour in enumerate((RED, GREEN, BLUE)):
        image.paste(colour, (i * width // 3, 0, (i + 1) * width // 3, height))
    return image


def test_crop_fills_the_size_and_keeps_the_middle(tmp_path: Path) -> None:
    pixels = decode(saved(tmp_path, bands(90, 30)), (10, 10), "crop", 3)
    assert pixels.shape == (10, 10, 3)
    assert (pixels[:, 1:-1] == GREEN).all()


def test_stretch_keeps_all_of_the_image(tmp_path: Path) -> None:
    pixels = decode(saved(tmp_path, bands(90, 30)), (12, 9), "stretch", 3)
    assert pixels.shape == (12, 9, 3)
    assert [tuple(pixel) for pixel in pixels[6, 1::3]] == [RED, GREEN, BLUE]


def test_pad_puts_the_whole_image_on_black(tmp_path: Path) -> None:
    pixels = decode(saved(tmp_path, bands(90, 30)), (30, 30), "pad", 3)
    assert (pixels[:10] == BLACK).all()
    assert (pixels[20:] == BLACK).all()
    assert [tuple(pixel) for pixel in pixels[15, 5::10]] == [RED, GREEN, BLUE]


@pytest.mark.parametrize("fit", ["crop", "stretch", "pad"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (7, 3), (64, 48)])
def test_any_shape_comes_out_in_the_size_asked_for(tmp_path: Path, fit: str, shape: tuple[int, int]) -> None:
    path = saved(tmp_path, Image.new("RGB", shape, WHITE))
    assert decode(path, (8, 6), fit, 3).shape == (8, 6, 3)
    assert decode(path, (8, 6), fit, 1).shape == (8, 6, 1)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "I;16"])
def test_every_mode_gives_the_same_white(tmp_path: Path, mode: str) -> None:
    image = Image.fromarray(np.full((5, 5), 65535, np.uint16)) if mode == "I;16" else None
    image = image or Image.new("RGB", (5, 5), WHITE).convert(mode)
    name = "image.tif" if mode == "CMYK" else "image.png"
    path = saved(tmp_path, image, name)
    for channels in (1, 3):
        pixels = decode(path, (4, 4), "crop", channels)
        assert pixels.shape == (4, 4, channels)
        assert (pixels == 255).all()


def test_transparent_pixels_become_white_whatever_is_below_them(tmp_path: Path) -> None:
    clear = Image.new("RGBA", (4, 4), (10, 20, 30, 0))
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([0, 0, 0, 200, 10, 10])
    paths = [
        saved(tmp_path, clear, "a.png"),
        saved(tmp_path, clear.convert("LA"), "b.png"),
        saved(tmp_path, palette, "c.png", transparency=1),
        saved(tmp_path, palette, "d.png", transparency=b"\xff\x00"),
        saved(tmp_path, palette, "e.gif", transparency=1),
        saved(tmp_path, Image.new("RGB", (4, 4), RED), "f.png", transparency=RED),
        saved(tmp_path, Image.new("L", (4, 4), 9), "g.png", transparency=9),
    ]
    for path in paths:
        assert (decode(path, (4, 4), "crop", 3) == 255).all(), path


def test_sixteen_bit_grey_is_scaled_not_clipped(tmp_path: Path) -> None:
    levels = np.array([[0, 257 * 100], [257 * 200, 65535]], np.uint16)
    for name in ("a.png", "a.tif"):
        pixels = decode(saved(tmp_path, Image.fromarray(levels), name), (2, 2), "crop", 1)
        assert pixels[..., 0].tolist() == [[0, 100], [200, 255]]


def test_images_of_unknown_range_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, Image.fromarray(np.ones((3, 3), np.float32)), "image.tif")
    with pytest.raises(ValueError, match="mode F"):
        decode(path, (3, 3), "crop", 3)


def test_the_orientation_of_a_photograph_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show a quarter turn clockwise
    path = saved(tmp_path, bands(96, 48), "image.jpg", exif=exif, quality=95)
    pixels = decode(path, (96, 48), "stretch", 3).astype(int)
    for row, colour in ((16, RED), (48, GREEN), (80, BLUE)):
        assert abs(pixels[row, 24] - colour).max() < 20


def test_a_large_photograph_loses_nothing_that_is_needed(tmp_path: Path) -> None:
    path = saved(tmp_path, bands(1200, 900), "image.jpg", quality=95)
    small = decode(path, (30, 30), "stretch", 3).astype(int)
    whole = np.asarray(bands(1200, 900).resize((30, 30), Image.Resampling.BICUBIC)).astype(int)
    assert abs(small - whole).mean() < 4
