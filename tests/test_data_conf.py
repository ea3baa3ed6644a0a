"""Every file of conf/data offers exactly what its loader takes, with the loader's own defaults."""

import functools
import inspect
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra.utils import get_method, instantiate
from omegaconf import OmegaConf
from omegaconf.errors import MissingMandatoryValue

FILES = sorted((Path(__file__).parents[1] / "conf" / "data").glob("*.yaml"))


def test_there_is_a_file_for_every_set() -> None:
    assert [path.stem for path in FILES] == [
        "cifar10",
        "cifar100",
        "digits",
        "fashion_mnist",
        "fashion_mnist_mini",
        "image_folder",
        "npz",
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_options_and_defaults_are_those_of_the_loader(path: Path) -> None:
    content: Any = OmegaConf.to_container(OmegaConf.load(path))
    parameters = inspect.signature(get_method(content["_target_"])).parameters
    options = {key: value for key, value in content.items() if not key.startswith("_")}
    defaults = {
        key: "???" if parameter.default is parameter.empty else parameter.default
        for key, parameter in parameters.items()
    }
    assert options == defaults
    assert content["_partial_"] is True


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_is_missing_is_named(path: Path) -> None:
    config: Any = OmegaConf.load(path)
    for key in OmegaConf.missing_keys(config):
        with pytest.raises(MissingMandatoryValue, match=key):
            config[key]


def test_a_composed_set_is_a_picklable_function_without_arguments(tmp_path: Path) -> None:
    file = tmp_path / "small.npz"
    np.savez(file, x_train=np.arange(8 * 12, dtype=np.uint8).reshape(8, 4, 3), y_train=np.arange(8) % 2)
    changes = {"path": str(file), "val_fraction": 0.25, "mean": [0.5], "std": [0.2]}
    config = OmegaConf.merge(OmegaConf.load(FILES[-1].with_name("npz.yaml")), changes)
    load = instantiate(config)
    assert isinstance(load, functools.partial)
    data = pickle.loads(pickle.dumps(load))()
    assert (data.name, data.mean, len(data.val.labels)) == ("small", (0.5,), 2)
