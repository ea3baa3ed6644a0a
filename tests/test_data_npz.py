"""One's own archive: what it may hold, and every way in which it can be wrong."""

import contextlib
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.data.npz import load_npz
from nas.errors import InputError


def arrays(n: int = 12) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    return {
        "x_train": rng.integers(0, 256, (n, 6, 5, 3), dtype=np.uint8),
        "y_train": (np.arange(n) % 3).astype(np.uint8),
    }


def others() -> dict[str, Any]:
    val, test = arrays(6), arrays(3)
    return {
        "x_val": val["x_train"],
        "y_val": val["y_train"],
        "x_test": test["x_train"],
        "y_test": test["y_train"],
        "class_names": np.array(["ant", "bee", "fly"]),
    }


def saved(folder: Path, content: dict[str, Any]) -> Path:
    path = folder / "insects.npz"
    np.savez_compressed(path, **content)
    return path


def test_all_arrays_are_read(tmp_path: Path) -> None:
    data = load_npz(saved(tmp_path, arrays() | others()))
    assert (data.name, data.class_names, data.size, data.channels) == ("insects", ("ant", "bee", "fly"), (6, 5), 3)
    assert data.test is not None
    assert [len(part.labels) for part in (data.train, data.val, data.test)] == [12, 6, 3]
    assert data.train.images.tolist() == arrays()["x_train"].tolist()


def test_two_arrays_are_enough(tmp_path: Path) -> None:
    data = load_npz(saved(tmp_path, arrays(30)), name="mine", val_fraction=0.2)
    assert (data.name, data.class_names, data.test) == ("mine", ("0", "1", "2"), None)
    assert (len(data.train.labels), len(data.val.labels)) == (24, 6)


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved(tmp_path, arrays())
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load_npz("~/insects.npz").name == "insects"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing.npz: no such file"):
        load_npz(tmp_path / "nothing.npz")
    with pytest.raises(InputError, match="no such file"):
        load_npz(tmp_path)


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    for content in (b"", b"hello", b"\x93NUMPY"):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"a.npz: not a whole NumPy archive"):
            load_npz(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x_train", "text")
        archive.writestr("y_train", "text")
    with pytest.raises(InputError, match="x_train is not a NumPy array"):
        load_npz(path)


def test_pickled_objects_are_not_read(tmp_path: Path) -> None:
    path = saved(tmp_path, arrays() | {"class_names": np.array(["a", 1, None], object)})
    with pytest.raises(InputError, match="without pickles"):
        load_npz(path)


WHOLE = io.BytesIO()
np.savez_compressed(WHOLE, **arrays())


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(WHOLE.getvalue()) - 1))
def test_a_file_cut_off_anywhere_is_refused(tmp_path_factory: pytest.TempPathFactory, length: int) -> None:
    path = tmp_path_factory.mktemp("cut") / "cut.npz"
    path.write_bytes(WHOLE.getvalue()[:length])
    with pytest.raises(InputError, match=r"cut\.npz"):
        load_npz(path)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(WHOLE.getvalue()) - 1), st.integers(1, 255))
def test_a_changed_byte_gives_the_data_or_a_clear_error(
    tmp_path_factory: pytest.TempPathFactory, position: int, change: int
) -> None:
    content = bytearray(WHOLE.getvalue())
    content[position] ^= change
    path = tmp_path_factory.mktemp("bad") / "bad.npz"
    path.write_bytes(content)
    with contextlib.suppress(InputError):
        data = load_npz(path)
        assert len(data.train.labels) + len(data.val.labels) == 12


def changed(**changes: Any) -> dict[str, Any]:
    return {key: value for key, value in (arrays() | others() | changes).items() if value is not None}


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({"a": np.zeros(3)}, "no array x_train and y_train"),
    "no labels": (changed(y_train=None), "no array y_train.*there is x_train, x_val"),
    "no images": (changed(x_train=None), "no array x_train"),
    "half a val": (changed(y_val=None), "no array y_val"),
    "half a test": (changed(x_test=None), "no array x_test"),
    "misspelt": (changed(x_vall=np.zeros(3)), "no array called 'x_vall'; did you mean 'x_val'"),
    "floats": (changed(x_train=np.zeros((12, 6, 5, 3))), "x_train: dtype float64; expected uint8"),
    "labels of another length": (changed(y_train=np.zeros(5, int)), r"y_train: shape \(5,\)"),
    "label out of range": (changed(y_val=np.full(6, 3)), r"y_val\[0\]: label 3; expected 0 to 2"),
    "names as numbers": (changed(class_names=np.arange(3)), "class_names: dtype int64"),
    "names in a table": (changed(class_names=np.array([["a"]])), "class_names"),
    "too few names": (changed(class_names=np.array(["a", "b"])), r"y_train\[2\]: label 2; expected 0 to 1"),
    "too many names": (changed(class_names=np.array(list("abcd"))), "no image of class 'd'"),
    "unnamed gap": (arrays() | {"y_train": np.full(12, 5)}, "no image of class '0'"),
    "unnamed far label": (arrays() | {"y_train": np.full(12, 10**9)}, "label 1000000000 in 12 images"),
    "unnamed float labels": (arrays() | {"y_train": np.zeros(12)}, "y_train: dtype float64"),
    "unnamed no labels": (arrays() | {"y_train": np.zeros(0, int)}, "y_train"),
    "one class": (arrays() | {"y_train": np.zeros(12, int)}, "expected at least two"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_arrays_that_cannot_be_right_are_refused_with_the_file_named(tmp_path: Path, case: str) -> None:
    content, message = REFUSED[case]
    with pytest.raises(InputError, match=message) as caught:
        load_npz(saved(tmp_path, content))
    assert str(tmp_path / "insects.npz") in str(caught.value)
