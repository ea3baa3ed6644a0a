"""CIFAR-10 and CIFAR-100 from the files in which they are published, binary or Python."""

import tarfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from nas.data.cifar_pickle import read_pickle
from nas.data.download import here_or_fetched
from nas.data.images import Array, ImageData, image_data
from nas.errors import InputError

Pair = tuple[Array, Array]  # images and labels
LARGEST = 2**28  # bytes of one member of an archive; CIFAR's are below 160 MB


@dataclass(frozen=True)
class Release:
    """One of the two forms in which a CIFAR set is published."""

    folder: str  # the archive holds the files in it
    archive: str
    train: tuple[str, ...]
    test: str
    names: str  # the file of the class names
    read: Callable[[bytes, str], Pair]
    read_names: Callable[[bytes, str], list[str]]

    @property
    def files(self) -> tuple[str, ...]:
        return *self.train, self.test, self.names


def load_cifar10(path: str | Path, download: bool = False, val_fraction: float = 0.1, split_seed: int = 0) -> ImageData:
    """CIFAR-10 below `path`, `val_fraction` of its 50,000 train images held out.

    `path`: the published archive (cifar-10-python.tar.gz or cifar-10-binary.tar.gz), the folder
    extracted from it, or one that holds either. `download` fetches what is not there.
    """
    return _load_cifar("cifar10", CIFAR10, path, download, val_fraction, split_seed)


def load_cifar100(
    path: str | Path, download: bool = False, val_fraction: float = 0.1, split_seed: int = 0
) -> ImageData:
    """CIFAR-100 with its 100 fine classes; otherwise as `load_cifar10`."""
    return _load_cifar("cifar100", CIFAR100, path, download, val_fraction, split_seed)


def _load_cifar(
    name: str, releases: tuple[Release, ...], path: str | Path, download: bool, val_fraction: float, split_seed: int
) -> ImageData:
    expected = [place for release in releases for place in (release.folder, release.archive)]
    find = partial(_find_cifar, releases=releases)
    release, place, files = here_or_fetched(name, path, find, download, expected)
    batches = [release.read(files[batch], f"{place}/{batch}") for batch in release.train]
    splits = {
        "train": (np.concatenate([x for x, _ in batches]), np.concatenate([y for _, y in batches])),
        "test": release.read(files[release.test], f"{place}/{release.test}"),
    }
    names = release.read_names(files[release.names], f"{place}/{release.names}")
    return image_data(name, splits, names, val_fraction=val_fraction, split_seed=split_seed, place=str(place))


def _find_cifar(root: Path, releases: tuple[Release, ...]) -> tuple[Release, Path, Mapping[str, bytes]] | None:
    """The release that is below `root`, where, and the content of its files; extracted ones first."""
    try:
        for release in releases:
            for folder in (root, root / release.folder):
                if any((folder / name).is_file() for name in (*release.train, release.test)):
                    return release, folder, _from_folder(folder, release)
        archives = [root] if root.is_file() else [root / release.archive for release in releases]
        for archive in archives:
            if archive.is_file():
                release, files = _from_archive(archive, releases)
                return release, archive, files
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise InputError(f"{root}: cannot be read: {error}") from error
    return None


def _from_folder(folder: Path, release: Release) -> dict[str, bytes]:
    for name in release.files:
        if not (folder / name).is_file():
            raise InputError(f"{folder}: no file {name}; expected {', '.join(release.files)}")
    return {name: (folder / name).read_bytes() for name in release.files}


def _from_archive(archive: Path, releases: tuple[Release, ...]) -> tuple[Release, dict[str, bytes]]:
    """Read from the archive itself: nothing is extracted, so nothing in it can choose where it is written."""
    places = [f"{release.folder}/{name}" for release in releases for name in release.files]
    found: dict[str, bytes] = {}
    with tarfile.open(archive) as tar:
        for member in tar:
            name = member.name.removeprefix("./")
            if name in places and member.isfile() and member.size <= LARGEST:
                content = tar.extractfile(member)
                found[name] = content.read() if content else b""
    for release in releases:
        files = {name: found.get(f"{release.folder}/{name}") for name in release.files}
        whole = {name: content for name, content in files.items() if content is not None}
        if len(whole) == len(files):
            return release, whole
    raise InputError(f"{archive}: not a whole CIFAR archive; it lacks some of {', '.join(places)}")


def _planes_to_images(planes: Array) -> Array:
    """ "n 3072", all of red, then green, then blue, to "n 32 32 3"."""
    return np.ascontiguousarray(planes.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))


def _read_binary(label_bytes: int) -> Callable[[bytes, str], Pair]:
    """A reader of records of `label_bytes` labels, of which the last counts, and 3,072 pixels."""

    def read(content: bytes, place: str) -> Pair:
        record = label_bytes + 3072
        if not content or len(content) % record:
            raise InputError(f"{place}: {len(content)} bytes; expected a multiple of {record}")
        records = np.frombuffer(content, np.uint8).reshape(-1, record)
        return _planes_to_images(records[:, label_bytes:]), records[:, label_bytes - 1]

    return read


def _read_lines(content: bytes, place: str) -> list[str]:
    return content.decode("utf-8", "replace").split()


def _read_python(labels_key: str) -> Callable[[bytes, str], Pair]:
    def read(content: bytes, place: str) -> Pair:
        batch = read_pickle(content, place)
        data, labels = batch.get("data"), batch.get(labels_key)
        if not isinstance(data, np.ndarray) or data.ndim != 2 or data.shape[1] != 3072:
            raise InputError(f"{place}: 'data' is not an array of bytes of shape (n, 3072)")
        if not isinstance(labels, list) or not all(isinstance(label, int) for label in labels):
            raise InputError(f"{place}: {labels_key!r} is not a list of whole numbers")
        return _planes_to_images(data), np.array(labels)

    return read


def _read_python_names(key: str) -> Callable[[bytes, str], list[str]]:
    def read(content: bytes, place: str) -> list[str]:
        names = read_pickle(content, place).get(key)
        if not isinstance(names, list) or not all(isinstance(name, bytes) for name in names):
            raise InputError(f"{place}: {key!r} is not a list of names")
        return [name.decode("utf-8", "replace") for name in names]

    return read


CIFAR10 = (
    Release(
        "cifar-10-batches-bin",
        "cifar-10-binary.tar.gz",
        tuple(f"data_batch_{i}.bin" for i in range(1, 6)),
        "test_batch.bin",
        "batches.meta.txt",
        _read_binary(1),
        _read_lines,
    ),
    Release(
        "cifar-10-batches-py",
        "cifar-10-python.tar.gz",
        tuple(f"data_batch_{i}" for i in range(1, 6)),
        "test_batch",
        "batches.meta",
        _read_python("labels"),
        _read_python_names("label_names"),
    ),
)
CIFAR100 = (
    Release(
        "cifar-100-binary",
        "cifar-100-binary.tar.gz",
        ("train.bin",),
        "test.bin",
        "fine_label_names.txt",
        _read_binary(2),  # the coarse label, then the fine one
        _read_lines,
    ),
    Release(
        "cifar-100-python",
        "cifar-100-python.tar.gz",
        ("train",),
        "test",
        "meta",
        _read_python("fine_labels"),
        _read_python_names("fine_label_names"),
    ),
)
