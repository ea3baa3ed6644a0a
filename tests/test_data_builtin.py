"""The sets that are always there."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nas.data
from nas.data.builtin import load_digits, load_fashion_mnist_mini
from nas.errors import InputError


def test_fashion_mnist_mini_is_whole() -> None:
    data = load_fashion_mnist_mini()
    assert data.test is not None
    assert (data.name, data.size, data.channels, data.classes) == ("fashion_mnist_mini", (28, 28), 1, 10)
    for split, each in ((data.train, 200), (data.val, 50), (data.test, 50)):
        assert np.bincount(split.labels).tolist() == [each] * 10
    assert data.fingerprint.startswith("7ecd02bc")


def test_fashion_mnist_mini_comes_with_its_licence() -> None:
    notice = Path(nas.data.__file__).with_name("fashion_mnist_mini.LICENSE.txt").read_text()
    assert "Copyright (c) 2017 Zalando SE, https://tech.zalando.com" in notice
    assert "Permission is hereby granted, free of charge" in notice


@pytest.mark.skipif(not importlib.util.find_spec("sklearn"), reason="needs scikit-learn")
def test_digits_are_split_by_class_and_fill_the_grey_scale() -> None:
    data = load_digits()
    assert data.test is not None
    assert (data.size, data.channels, data.classes) == ((8, 8), 1, 10)
    assert sum(len(split.labels) for split in (data.train, data.val, data.test)) == 1797
    assert (data.train.images.min(), data.train.images.max()) == (0, 255)
    assert min(np.bincount(data.val.labels)) >= 25
    assert load_digits().fingerprint == data.fingerprint != load_digits(split_seed=1).fingerprint


def test_digits_without_scikit_learn_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install scikit-learn"):
        load_digits()


def test_no_module_of_the_data_layer_imports_torch() -> None:
    modules = sorted(f"nas.data.{path.stem}" for path in Path(nas.data.__file__).parent.glob("[a-z]*.py"))
    code = f"import sys, {', '.join(modules)}; sys.exit(bool({{'torch', 'torchvision', 'sklearn'}} & set(sys.modules)))"
    root = Path(nas.data.__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, env=dict(os.environ)).returncode == 0
