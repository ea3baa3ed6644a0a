"""One's own image files, a folder for each class: decoded once, then memory-mapped by every process."""

import hashlib
import json
import logging
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nas.data.cache import default_cache, made_once
from nas.data.decode import FITS, MODES, decode
from nas.data.images import Array, ImageData, channel_statistics, content_digest, image_data
from nas.data.listing import Listing, list_classes
from nas.errors import InputError, need_one_of

log = logging.getLogger(__name__)

FORMAT = 1  # of the cache; raise it when the same files and options give other pixels
AT_ONCE = 2**26  # bytes decoded before they are written


@dataclass(frozen=True)
class Options:
    """What decides the pixels of a file."""

    size: tuple[int, int]  # height, width
    fit: str
    channels: int


def load_image_folder(
    path: str | Path,
    size: int | Sequence[int],
    name: str | None = None,
    fit: str = "crop",
    channels: int = 3,
    val_fraction: float = 0.1,
    test_fraction: float = 0.1,
    split_seed: int = 0,
    cache: str | Path | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> ImageData:
    """The images below `path`, brought to `size` (n, or [height, width]).

    Either path/train/CLASS/... with path/val and path/test beside it, or path/CLASS/...: then
    `test_fraction` and `val_fraction` are held out, class by class. With path/train and no path/val,
    `val_fraction` of train is held out; with no path/test there is no test split.
    `fit`: crop (fill the size, cut the middle), stretch (squash), pad (whole image on black).
    `channels`: 3 (colour) or 1 (grey). The decoded images are kept in `cache` (default: the user's cache
    folder) and found again until a file's name, size or time, or an option, changes.
    """
    root = Path(os.path.abspath(os.path.expanduser(path)))
    need_one_of("data.fit", "fit", fit, FITS)
    need_one_of("data.channels", "number of channels", channels, MODES)
    options = Options(_height_and_width(size), fit, channels)
    listing = list_classes(root, val_fraction, test_fraction, split_seed)
    store = Path(os.path.abspath(os.path.expanduser(cache))) if cache else default_cache()
    key = _key(root, listing, options)
    entry = f"{re.sub(r'[^A-Za-z0-9_.-]', '_', root.name)}-{key}"
    folder = made_once(store, entry, lambda part: _write(part, root, listing, options))
    return replace(_read(folder, name or root.name, listing.class_names, root, mean, std), fit=fit)


def _height_and_width(size: int | Sequence[int]) -> tuple[int, int]:
    pair = [size, size] if isinstance(size, int) else size
    if (
        not isinstance(pair, Sequence)
        or len(pair) != 2
        or not all(isinstance(side, int) and 1 <= side <= 4096 for side in pair)
    ):
        raise InputError(f"data.size: {size!r}; expected pixels, n or [height, width], 1 to 4096 each")
    return pair[0], pair[1]


def _key(root: Path, listing: Listing, options: Options) -> str:
    digest = hashlib.sha256(json.dumps([FORMAT, asdict(options), listing.class_names]).encode())
    digest.update(os.fsencode(root))
    for split, files in listing.splits.items():
        for file in files:
            digest.update(os.fsencode(f"{split}\0{file.path}\0{file.size}\0{file.modified}\n"))
    return digest.hexdigest()[:20]


def _write(part: Path, root: Path, listing: Listing, options: Options) -> None:
    """Decode into `part`: <split>.images.npy and <split>.labels.npy, and meta.json with what costs a pass."""
    log.info("decoding %d images of %s, once", sum(map(len, listing.splits.values())), root)
    bad: list[str] = []
    for split, files in listing.splits.items():
        with open(part / f"{split}.images.npy", "wb") as out:
            shape = (len(files), *options.size, options.channels)
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(out, header)
            # written in order by one thread, so that a full disk is an error and not a bus error
            for image in _decoded([root / file.path for file in files], options):
                if isinstance(image, np.ndarray):
                    out.write(image.data)
                else:
                    bad.append(image)
                    if len(bad) == 10:
                        raise _unreadable(root, bad)
            _flush(out)
        with open(part / f"{split}.labels.npy", "wb") as out:
            np.save(out, np.array([file.label for file in files], np.int64))
            _flush(out)
    if bad:
        raise _unreadable(root, bad)
    arrays = _arrays(part, listing.splits)
    mean, std = channel_statistics(arrays["train"][0])
    meta = {
        "splits": list(listing.splits),
        "mean": mean,
        "std": std,
        "fingerprint": content_digest(arrays, listing.class_names),
    }
    with open(part / "meta.json", "w") as out:
        json.dump(meta, out)
        _flush(out)


def _decoded(paths: list[Path], options: Options) -> Iterator[npt.NDArray[np.uint8] | str]:
    """The images in order, decoded by threads (Pillow frees the lock), so many at a time as fit `AT_ONCE`."""
    height, width = options.size
    step = max(1, min(256, AT_ONCE // (height * width * options.channels)))
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(paths), step):
            yield from pool.map(lambda path: _decode(path, options), paths[start : start + step])


def _decode(path: Path, options: Options) -> npt.NDArray[np.uint8] | str:
    """The pixels, or why there are none."""
    try:
        return decode(path, options.size, options.fit, options.channels)
    except Exception as error:  # a damaged file makes Pillow raise nearly anything
        return f"{path}: {error or type(error).__name__}"


def _unreadable(root: Path, bad: list[str]) -> InputError:
    more = ", stopped there" if len(bad) == 10 else ""
    return InputError(f"{root}: {len(bad)} unreadable images{more}:\n  " + "\n  ".join(bad))


def _flush(out: Any) -> None:
    out.flush()
    os.fsync(out.fileno())  # before the folder gets its name, so that not even a power cut leaves it half


def _arrays(folder: Path, splits: Iterable[str]) -> dict[str, tuple[Array, Array]]:
    return {
        split: (
            np.load(folder / f"{split}.images.npy", mmap_mode="r"),
            np.load(folder / f"{split}.labels.npy"),
        )
        for split in splits
    }


def _read(
    folder: Path,
    name: str,
    class_names: Sequence[str],
    root: Path,
    mean: Sequence[float] | None,
    std: Sequence[float] | None,
) -> ImageData:
    try:
        meta: Mapping[str, Any] = json.loads((folder / "meta.json").read_text())
        splits = _arrays(folder, meta["splits"])
        own_mean, own_std, fingerprint = meta["mean"], meta["std"], meta["fingerprint"]
    except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
        raise InputError(f"{folder}: damaged cache ({error}); delete this folder and run again") from error
    return image_data(
        name,
        splits,
        class_names,
        mean=own_mean if mean is None else mean,
        std=own_std if std is None else std,
        fingerprint=fingerprint,
        place=str(root),
    )
