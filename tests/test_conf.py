"""Every file of `conf` composes, and what it names can be made."""

from pathlib import Path

import pytest
import yaml

import conf
from nas.compose import configuration
from nas.errors import InputError
from nas.overrides import GROUPS
from nas.search.options import PoolOptions, StudyOptions, TrainerOptions, section
from nas.training.recipe import Training

FOLDER = Path(conf.__file__).parent
FILES = sorted(path.relative_to(FOLDER).with_suffix("").as_posix() for path in FOLDER.glob("*/*.yaml"))


def needed(name: str) -> list[str]:
    """Overrides for the values that have no default."""
    values = yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    group = name.partition("/")[0]
    return [f"{group}.{key}=8" for key, value in values.items() if value == "???"]


@pytest.mark.parametrize("name", FILES)
def test_every_choice_composes_and_can_be_made(name: str) -> None:
    group, _, choice = name.partition("/")
    config = configuration([f"{group}={choice}", *needed(name)])
    assert callable(config.data)
    assert callable(config.sampler)
    section(PoolOptions, config.options["pool"], "pool")
    section(TrainerOptions, config.options["trainer"], "trainer")
    section(StudyOptions, config.options["study"], "study")


@pytest.mark.parametrize("name", [name for name in FILES if needed(name)])
def test_what_has_no_default_is_asked_for_by_name(name: str) -> None:
    group, _, choice = name.partition("/")
    with pytest.raises(InputError, match=rf"^{group}\.\w+: needs a value; give it as {group}\.\w+=\.\.\.$"):
        configuration([f"{group}={choice}"])


def test_the_groups_are_the_folders() -> None:
    assert {name.partition("/")[0] for name in FILES} == set(GROUPS)


def test_the_default_run_trains_one_network_on_the_embedded_images() -> None:
    config = configuration([])
    assert config.space is None
    assert config.training == {}
    assert config.options["test"] is False
    assert config.options["study"]["folder"] == "studies"
    assert config.data().name == "fashion_mnist_mini"


def test_every_key_of_a_recipe_can_be_set() -> None:
    recipe = Training().to_document()
    written = {key: str(value).lower() if isinstance(value, bool) else value for key, value in recipe.items()}
    assert configuration([f"training.{key}={value}" for key, value in written.items()]).training == recipe


def test_lines_are_short_and_data_sets_say_what_they_are() -> None:
    text = (FOLDER / "config.yaml").read_text(encoding="utf-8")
    assert max(map(len, text.splitlines())) <= 120
    for name in FILES:
        first = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8").splitlines()[0]
        assert first.startswith("#") or not name.startswith("data/")
