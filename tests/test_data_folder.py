"""Image folders: decoded once, found again, decoded anew when anything changes."""

import json
import mmap
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nas.data.folder import load_image_folder
from nas.data.images import content_digest
from nas.errors import InputError

COLOURS = {"blue": (20, 30, 200), "green": (10, 180, 20), "red": (240, 0, 5)}


def paint(root: Path, n: int = 10) -> Path:
    """`n` images of each colour, every one of another shape and brightness."""
    for i in range(n):
        for name, colour in COLOURS.items():
            (root / name).mkdir(parents=True, exist_ok=True)
            shade = tuple(value + i for value in colour)
            Image.new("RGB", (5 + i, 20 - i), shade).save(root / name / f"{i}.png")
    return root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return paint(tmp_path / "paint")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The default cache, moved here: also a test that forgets it leaves the home folder alone."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "inception-nas"


def entries(cache: Path) -> list[Path]:
    return sorted(path for path in cache.iterdir() if path.is_dir())


def test_a_folder_of_colours_becomes_a_data_set(root: Path, cache: Path) -> None:
    data = load_image_folder(root, [6, 4], test_fraction=0.2)
    assert (data.name, data.class_names, data.size, data.channels) == ("paint", ("blue", "green", "red"), (6, 4), 3)
    assert data.test is not None
    assert [len(split.labels) for split in (data.train, data.val, data.test)] == [21, 3, 6]
    for split in (data.train, data.val, data.test):
        for image, label in zip(split.images, split.labels, strict=True):
            shade = image.astype(int) - COLOURS[data.class_names[label]]
            assert shade.min() == shade.max() in range(10)


def test_images_are_mapped_from_the_cache_not_held_in_memory(root: Path, cache: Path) -> None:
    array: Any = load_image_folder(root, 8).train.images
    assert not array.flags.writeable
    while isinstance(array, np.ndarray):
        array = array.base
    assert isinstance(array, mmap.mmap)


def test_the_second_load_decodes_nothing_and_is_equal(root: Path, cache: Path) -> None:
    first = load_image_folder(root, 8)
    again = load_image_folder(root, 8)
    assert len(entries(cache)) == 1
    assert (again.fingerprint, again.mean, again.std) == (first.fingerprint, first.mean, first.std)
    assert again.val.images.tolist() == first.val.images.tolist()


def test_the_fingerprint_is_that_of_the_same_images_anywhere(root: Path, cache: Path) -> None:
    data = load_image_folder(root, 8, test_fraction=0)
    arrays = {"train": (data.train.images, data.train.labels), "val": (data.val.images, data.val.labels)}
    assert data.fingerprint == content_digest(arrays, data.class_names)
    moved = root.rename(root.with_name("moved"))
    assert load_image_folder(moved, 8, test_fraction=0).fingerprint == data.fingerprint


@pytest.mark.parametrize(
    "options",
    [{"size": 9}, {"fit": "pad"}, {"channels": 1}, {"val_fraction": 0.3}, {"test_fraction": 0}, {"split_seed": 1}],
)
def test_another_option_is_another_entry(root: Path, cache: Path, options: dict[str, Any]) -> None:
    first = load_image_folder(root, 8)
    other = load_image_folder(root, **({"size": 8} | options))
    assert len(entries(cache)) == 2
    assert other.fingerprint != first.fingerprint


def test_a_new_changed_or_removed_file_is_noticed(root: Path, cache: Path) -> None:
    seen = {load_image_folder(root, 8).fingerprint}
    Image.new("RGB", (9, 9), (255, 90, 90)).save(root / "red" / "new.png")
    seen.add(load_image_folder(root, 8).fingerprint)
    Image.new("RGB", (9, 9), (255, 90, 91)).save(root / "red" / "new.png")
    os.utime(root / "red" / "new.png", (1, 1))
    seen.add(load_image_folder(root, 8).fingerprint)
    (root / "red" / "3.png").unlink()
    seen.add(load_image_folder(root, 8).fingerprint)
    assert len(seen) == len(entries(cache)) == 4


def test_name_mean_and_std_can_be_given_without_decoding_again(root: Path, cache: Path) -> None:
    load_image_folder(root, 8)
    data = load_image_folder(root, 8, name="mine", mean=[0.5] * 3, std=[0.25] * 3)
    assert (data.name, data.mean, data.std) == ("mine", (0.5,) * 3, (0.25,) * 3)
    assert len(entries(cache)) == 1


def test_images_that_do_not_vary_need_a_given_std(tmp_path: Path, cache: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "same" / name).mkdir(parents=True)
        for i in range(4):
            Image.new("L", (4, 4), 7).save(tmp_path / "same" / name / f"{i}.png")
    with pytest.raises(InputError, match=r"give data\.std"):
        load_image_folder(tmp_path / "same", 4, test_fraction=0)
    assert load_image_folder(tmp_path / "same", 4, test_fraction=0, std=[1.0] * 3).std == (1, 1, 1)


def test_grey_images_are_one_channel_where_asked(root: Path, cache: Path) -> None:
    assert load_image_folder(root, 8, channels=1).train.images.shape == (24, 8, 8, 1)


def test_given_splits_are_used(tmp_path: Path, cache: Path) -> None:
    for split, n in (("train", 4), ("val", 2), ("test", 3)):
        paint(tmp_path / "given" / split, n)
    data = load_image_folder(tmp_path / "given", 8)
    assert data.test is not None
    assert [len(split.labels) for split in (data.train, data.val, data.test)] == [12, 6, 9]


def test_the_cache_can_be_elsewhere(root: Path, cache: Path, tmp_path: Path) -> None:
    load_image_folder(root, 8, cache=tmp_path / "other")
    assert len(entries(tmp_path / "other")) == 1
    assert not cache.exists()


def test_unreadable_images_are_listed_and_nothing_is_kept(root: Path, cache: Path) -> None:
    whole = (root / "red" / "1.png").read_bytes()
    (root / "red" / "1.png").write_bytes(whole[: len(whole) // 2])
    (root / "blue" / "2.png").write_bytes(b"")
    (root / "green" / "3.png").write_text("not an image")
    with pytest.raises(InputError, match="3 unreadable images") as caught:
        load_image_folder(root, 8)
    for bad in ("red/1.png", "blue/2.png", "green/3.png"):
        assert str(root / bad) in str(caught.value)
    assert entries(cache) == []
    paint(root)
    assert load_image_folder(root, 8).classes == 3


def test_no_more_than_ten_unreadable_images_are_listed(root: Path, cache: Path) -> None:
    for path in root.glob("*/*.png"):
        path.write_bytes(b"")
    with pytest.raises(InputError, match="10 unreadable images, stopped there") as caught:
        load_image_folder(root, 8)
    assert len(str(caught.value).splitlines()) == 11


@pytest.mark.parametrize("file", ["meta.json", "train.images.npy", "val.labels.npy", "test.images.npy"])
@pytest.mark.parametrize("damage", ["cut", "removed"])
def test_a_damaged_cache_is_named(root: Path, cache: Path, file: str, damage: str) -> None:
    load_image_folder(root, 8)
    path = entries(cache)[0] / file
    content = path.read_bytes()
    path.unlink()
    if damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r"damaged cache.*delete this folder"):
        load_image_folder(root, 8)


@pytest.mark.parametrize("content", [{"mean": [0, 0, 0]}, [], 3])
def test_meta_of_another_kind_is_a_damaged_cache(root: Path, cache: Path, content: Any) -> None:
    load_image_folder(root, 8)
    (entries(cache)[0] / "meta.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="damaged cache"):
        load_image_folder(root, 8)


@pytest.mark.parametrize("size", [0, -3, 5000, [8], [8, 8, 8], [8, 0], "8", 8.5, None, ["a", "b"]])
def test_a_size_that_is_none_is_refused(root: Path, cache: Path, size: Any) -> None:
    with pytest.raises(InputError, match=r"data\.size"):
        load_image_folder(root, size)


def test_how_images_were_fitted_is_recorded(root: Path, cache: Path) -> None:
    assert load_image_folder(root, 8, fit="stretch").record["preprocessing"]["fit"] == "stretch"


def test_unknown_fit_and_channels_are_refused_with_the_choices(root: Path, cache: Path) -> None:
    with pytest.raises(InputError, match=r"data\.fit: no fit 'corp'; did you mean 'crop'.*stretch"):
        load_image_folder(root, 8, fit="corp")
    with pytest.raises(InputError, match=r"data\.channels: no number of channels 2.*1, 3"):
        load_image_folder(root, 8, channels=2)
