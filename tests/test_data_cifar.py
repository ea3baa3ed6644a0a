"""CIFAR in the four published forms, and files that only look like it."""

import importlib.util
import io
import os
import pickle
import struct
import tarfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.data.cifar import load_cifar10, load_cifar100
from nas.data.cifar_pickle import read_pickle
from nas.errors import InputError

NAMES = "airplane automobile bird cat deer dog frog horse ship truck".split()
FINE = [f"fine_{i}" for i in range(100)]
BATCHES = [f"data_batch_{i}" for i in range(1, 6)]


def record_planes(n: int, seed: int) -> Any:
    return np.random.default_rng(seed).integers(0, 256, (n, 3072), dtype=np.uint8)


def labels_of(n: int, classes: int) -> Any:
    return np.arange(n) % classes


def python2_pickle(value: object) -> bytes:
    """As Python 2's cPickle wrote it (protocol 2): texts are byte strings, arrays carry their bytes as one."""
    match value:
        case bytes():
            return b"T" + struct.pack("<i", len(value)) + value
        case int():
            return b"J" + struct.pack("<i", value)
        case list():
            return b"](" + b"".join(map(python2_pickle, value)) + b"e"
        case dict():
            return b"}(" + b"".join(python2_pickle(k) + python2_pickle(v) for k, v in value.items()) + b"u"
        case np.ndarray():
            array = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85U\x01btR"
            kind = b"cnumpy\ndtype\n(U\x02u1K\x00K\x01tR(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
            shape = b"(" + b"".join(python2_pickle(n) for n in value.shape) + b"t"
            return array + b"(K\x01" + shape + kind + b"\x89" + python2_pickle(value.tobytes()) + b"tb"
    raise TypeError(value)


def saved(value: object) -> bytes:
    return b"\x80\x02" + python2_pickle(value) + b"."


def python(
    batches: list[str], n: int, classes: dict[bytes, int], meta: str, names_key: bytes, names: list[str]
) -> dict[str, bytes]:
    """The files of a Python release, with lists of labels of so many `classes` under these keys."""
    labels = {key: labels_of(n, number).tolist() for key, number in classes.items()}
    files = {
        name: saved({b"batch_label": b"a", **labels, b"data": record_planes(n, i)}) for i, name in enumerate(batches)
    }
    return files | {meta: saved({names_key: [name.encode() for name in names]})}


def binary(batches: list[str], n: int, classes: list[int], meta: str, names: list[str]) -> dict[str, bytes]:
    """The files of a binary release, with a byte for the label in each of the `classes`."""
    labels = np.stack([labels_of(n, number) for number in classes], axis=1).astype(np.uint8)
    files = {f"{name}.bin": np.hstack([labels, record_planes(n, i)]).tobytes() for i, name in enumerate(batches)}
    return files | {meta: ("\n".join(names) + "\n\n").encode(), "readme.html": b"<html>"}


ALL10, ALL100 = [*BATCHES, "test_batch"], ["train", "test"]
python10 = partial(python, ALL10, 20, {b"labels": 10}, "batches.meta", b"label_names", NAMES)
binary10 = partial(binary, ALL10, 20, [10], "batches.meta.txt", NAMES)
fine_and_coarse = {b"fine_labels": 100, b"coarse_labels": 20}
python100 = partial(python, ALL100, 200, fine_and_coarse, "meta", b"fine_label_names", FINE)
binary100 = partial(binary, ALL100, 200, [20, 100], "fine_label_names.txt", FINE)


def folder(root: Path, name: str, files: dict[str, bytes]) -> Path:
    (root / name).mkdir(parents=True)
    for file, content in files.items():
        (root / name / file).write_bytes(content)
    return root / name


def archive(path: Path, name: str, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for file, content in files.items():
            member = tarfile.TarInfo(f"{name}/{file}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


FORMS: dict[str, tuple[Callable[..., Any], str, str, Callable[[], dict[str, bytes]]]] = {
    "python10": (load_cifar10, "cifar-10-batches-py", "cifar-10-python.tar.gz", python10),
    "binary10": (load_cifar10, "cifar-10-batches-bin", "cifar-10-binary.tar.gz", binary10),
    "python100": (load_cifar100, "cifar-100-python", "cifar-100-python.tar.gz", python100),
    "binary100": (load_cifar100, "cifar-100-binary", "cifar-100-binary.tar.gz", binary100),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_and_place_gives_the_same_data(tmp_path: Path, form: str) -> None:
    load, name, packed, files = FORMS[form]
    inner = folder(tmp_path / "a", name, files())
    (tmp_path / "b").mkdir()
    file = archive(tmp_path / "b" / packed, name, files())
    loaded = [load(place, val_fraction=0.2) for place in (inner, inner.parent, file, file.parent)]
    assert len({data.fingerprint for data in loaded}) == 1
    data = loaded[0]
    assert (data.size, data.channels) == ((32, 32), 3)
    assert data.class_names == tuple(FINE if "100" in form else NAMES)
    train, test = (200, 200) if "100" in form else (100, 20)
    assert data.test is not None
    assert len(data.train.labels) + len(data.val.labels) == train
    assert len(data.test.labels) == test


def test_both_forms_hold_the_same_images(tmp_path: Path) -> None:
    prints = {
        load(folder(tmp_path, name, files())).fingerprint
        for load, name, _, files in (FORMS["python10"], FORMS["binary10"])
    }
    assert len(prints) == 1


def test_planes_become_pixels_and_batches_keep_their_order(tmp_path: Path) -> None:
    data = load_cifar10(folder(tmp_path, "cifar-10-batches-bin", binary10()))
    assert data.test is not None
    planes = record_planes(20, 5)[3].reshape(3, 32, 32)
    assert data.test.images[3].tolist() == planes.transpose(1, 2, 0).tolist()
    assert data.test.labels.tolist() == labels_of(20, 10).tolist()


def test_the_fine_label_of_cifar100_counts(tmp_path: Path) -> None:
    data = load_cifar100(folder(tmp_path, "cifar-100-binary", binary100()))
    assert data.test is not None
    assert data.test.labels.tolist() == labels_of(200, 100).tolist()


def test_nothing_there_names_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no files of cifar10 here; expected .*cifar-10-python\.tar\.gz.*download"):
        load_cifar10(tmp_path)
    with pytest.raises(InputError, match="there is no such file or folder"):
        load_cifar100(tmp_path / "nowhere")


def test_a_missing_batch_is_named(tmp_path: Path) -> None:
    files = python10()
    del files["data_batch_1"]
    with pytest.raises(InputError, match="no file data_batch_1; expected"):
        load_cifar10(folder(tmp_path, "cifar-10-batches-py", files))
    file = archive(tmp_path / "cifar-10-python.tar.gz", "cifar-10-batches-py", files)
    with pytest.raises(InputError, match=r"cifar-10-python\.tar\.gz: not a whole CIFAR archive"):
        load_cifar10(file)


def test_cifar100_is_not_taken_for_cifar10(tmp_path: Path) -> None:
    file = archive(tmp_path / "cifar.tar.gz", "cifar-100-python", python100())
    with pytest.raises(InputError, match="not a whole CIFAR archive"):
        load_cifar10(file)


def test_damaged_archives_are_refused(tmp_path: Path) -> None:
    file = archive(tmp_path / "cifar-10-python.tar.gz", "cifar-10-batches-py", python10())
    whole = file.read_bytes()
    for content in (b"", b"hello", whole[:100], whole[: len(whole) // 2]):
        file.write_bytes(content)
        with pytest.raises(InputError, match=str(tmp_path)):
            load_cifar10(tmp_path)


def test_an_archive_is_read_without_writing_anything(tmp_path: Path) -> None:
    files = {"../../escaped": b"x", **python10()}
    archive(tmp_path / "cifar-10-python.tar.gz", "cifar-10-batches-py", files)
    load_cifar10(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["cifar-10-python.tar.gz"]


def test_a_link_in_an_archive_is_not_followed(tmp_path: Path) -> None:
    file = tmp_path / "cifar-100-python.tar.gz"
    with tarfile.open(file, "w:gz") as tar:
        for name in ("train", "test", "meta"):
            member = tarfile.TarInfo(f"cifar-100-python/{name}")
            member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
            tar.addfile(member)
    with pytest.raises(InputError, match="not a whole CIFAR archive"):
        load_cifar100(file)


BAD: dict[str, tuple[str, str, bytes, str]] = {
    "cut record": ("binary10", "data_batch_2.bin", bytes(3073 + 5), r"data_batch_2\.bin: 3078 bytes"),
    "no record": ("binary10", "test_batch.bin", b"", r"test_batch\.bin: 0 bytes"),
    "binary label": ("binary10", "test_batch.bin", b"\x0b" + bytes(3072), r"y_test\[0\]: label 11"),
    "too few names": ("binary10", "batches.meta.txt", b"cat dog", "expected 0 to 1"),
    "not a pickle": ("python10", "data_batch_3", b"hello", "data_batch_3: not a CIFAR file"),
    "cut pickle": ("python10", "data_batch_3", python10()["data_batch_3"][:999], "data_batch_3: not a CIFAR"),
    "no dictionary": ("python10", "test_batch", saved([1]), "test_batch: not a CIFAR file"),
    "no data": ("python10", "test_batch", saved({b"labels": [1]}), "'data' is not an array"),
    "flat data": ("python10", "test_batch", saved({b"data": np.zeros(9, np.uint8)}), "'data' is not an array"),
    "no labels": ("python10", "test_batch", saved({b"data": record_planes(2, 0)}), "'labels' is not a list"),
    "text labels": (
        "python10",
        "test_batch",
        saved({b"data": record_planes(1, 0), b"labels": [b"cat"]}),
        "'labels' is not a list of whole numbers",
    ),
    "short array": (
        "python10",
        "test_batch",
        saved({b"data": record_planes(2, 0)}).replace(struct.pack("<i", 2) + b"J", struct.pack("<i", 3) + b"J"),
        "test_batch: not a CIFAR file",
    ),
    "wrong type": (
        "python10",
        "test_batch",
        saved({b"data": record_planes(2, 0)}).replace(b"U\x02u1", b"U\x02f8"),
        "an array of b'f8', not of bytes",
    ),
    "no names": ("python10", "batches.meta", saved({}), "'label_names' is not a list"),
}


@pytest.mark.parametrize("case", BAD)
def test_damaged_files_are_refused_by_name(tmp_path: Path, case: str) -> None:
    form, file, content, message = BAD[case]
    load, name, _, files = FORMS[form]
    place = folder(tmp_path, name, files() | {file: content})
    with pytest.raises(InputError, match=message):
        load(place)


class Bomb:
    """What a hostile file would be made of: unpickling it as usual calls `function`."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_cannot_run_anything(tmp_path: Path, protocol: int) -> None:
    for bomb in (Bomb(os.mkdir, str(tmp_path / "made")), Bomb(eval, "1/0"), Bomb(np.load, "x"), Bomb(open, "x")):
        with pytest.raises(InputError, match=r"it asks for .* which no CIFAR file does"):
            read_pickle(pickle.dumps({"data": bomb}, protocol), "file")
    assert not (tmp_path / "made").exists()


WHOLE = saved({b"data": np.arange(12, dtype=np.uint8).reshape(3, 4), b"labels": [1, 2]})


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(WHOLE) - 1), st.binary(min_size=1, max_size=4))
def test_a_changed_pickle_is_read_or_refused(position: int, change: bytes) -> None:
    content = WHOLE[:position] + change + WHOLE[position + len(change) :]
    try:
        found = read_pickle(content, "file")
    except InputError:
        return
    assert isinstance(found, dict)


def test_arrays_stored_by_columns_keep_their_values() -> None:
    array = np.arange(12, dtype=np.uint8).reshape(3, 4)
    by_columns = saved({b"data": array}).replace(b"\x89", b"\x88").replace(array.tobytes(), array.tobytes("F"))
    assert read_pickle(by_columns, "file")["data"].tolist() == array.tolist()


def test_download_without_torchvision_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install torchvision"):
        load_cifar10(tmp_path, download=True)


def test_download_leaves_alone_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert load_cifar10(folder(tmp_path, "cifar-10-batches-bin", binary10()), download=True).classes == 10


@pytest.mark.slow
@pytest.mark.skipif(not importlib.util.find_spec("torchvision"), reason="needs torchvision")
def test_a_download_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nobody listens there
    monkeypatch.setenv("no_proxy", "")
    with pytest.raises(InputError, match=r"CIFAR10 could not be downloaded: .*rror"):
        load_cifar10(tmp_path / "new", download=True)
