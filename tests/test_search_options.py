"""The options of a run, each checked where it enters."""

from pathlib import Path
from typing import Any

import pytest

from nas.errors import InputError
from nas.search.options import (
    Budget,
    PoolOptions,
    StudyOptions,
    TrainerOptions,
    checked_name,
    section,
    study_folder,
)

STUDY = {"name": None, "trials": 24, "seed": None, "folder": "studies", "failures": 10}


@pytest.mark.parametrize(
    "name", ["a", "inception_cell", "a b", "it's", '"quoted"', "ünï-кот-猫", "100%", "-x", "a.b", ".a"]
)
def test_a_name_that_can_be_a_folder_is_kept(name: str, tmp_path: Path) -> None:
    assert checked_name(name) == name
    (tmp_path / name).mkdir()
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    "name", ["", " ", ".", "..", "...", "a/b", "../x", "/", "a\\b", "a\nb", "a\0b", "\t", "\x1b[31m"]
)
def test_a_name_that_cannot_be_a_folder_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=r"study\.name: .* cannot name a folder"):
        checked_name(name)


@pytest.mark.parametrize("name", [True, 1.5, ["a"], {"a": 1}, None])
def test_a_name_that_is_no_text_is_refused(name: object) -> None:
    with pytest.raises(InputError, match=r"study\.name"):
        checked_name(name)


def test_a_name_of_digits_is_the_name_of_those_digits() -> None:
    assert section(StudyOptions, STUDY | {"name": 0}, "study").name == "0"


def test_a_long_name_is_refused_by_its_bytes() -> None:
    assert checked_name("x" * 200) == "x" * 200
    for long in ("x" * 201, "猫" * 67):
        with pytest.raises(InputError, match="longer than 200 bytes"):
            checked_name(long)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"trials": 0}, "study.trials: expected a whole number from 1 to 4294967295; got 0"),
        ({"trials": -1}, "study.trials"),
        ({"trials": True}, "study.trials"),
        ({"trials": 2.0}, "study.trials"),
        ({"trials": None}, "study.trials"),
        ({"trials": "ten"}, "got 'ten'"),
        ({"seed": -1}, "study.seed"),
        ({"seed": 2**32}, "study.seed: expected a whole number from 0 to 4294967295; got 4294967296"),
        ({"failures": -1}, "study.failures"),
        ({"folder": None}, "study.folder: expected the path of a folder; got None"),
        ({"folder": ""}, "study.folder"),
        ({"folder": 5}, "study.folder"),
        ({"trails": 5}, "study: no key 'trails'; did you mean 'trials'?"),
    ],
)
def test_wrong_options_of_a_study_are_refused_with_place_and_value(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as refused:
        section(StudyOptions, STUDY | changed, "study")
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("kind", "given", "said"),
    [
        (PoolOptions, {"slots": 0}, "pool.slots: expected a whole number from 1 to 1024; got 0"),
        (PoolOptions, {"threads": 100000}, "pool.threads"),
        (PoolOptions, {"time_limit": 0}, "pool.time_limit: expected a number above 0, or null for no limit; got 0"),
        (PoolOptions, {"silence_limit": "long"}, "pool.silence_limit"),
        (TrainerOptions, {"accelerator": "tpu"}, "trainer.accelerator: no accelerator 'tpu'; did you mean 'gpu'?"),
        (TrainerOptions, {"precision": 16}, "trainer.precision"),
        (TrainerOptions, {"max_epochs": 0}, "trainer.max_epochs"),
        (Budget, {"parameters": float("nan")}, "search.budget.parameters"),
        (Budget, {"macs": True}, "search.budget.macs"),
        (
            Budget,
            {"memory": "512MB"},
            "search.budget.memory: expected a number above 0, or null for no limit; got '512MB'",
        ),
        (Budget, {"depth": 0}, "search.budget.depth"),
        (Budget, {"latency": -1}, "search.budget.latency"),
        (Budget, {"batch": 0}, "search.budget.batch: expected a whole number from 1"),
        (Budget, {"latency_batch": None}, "search.budget.latency_batch"),
        (Budget, {"flops": 1}, "no key 'flops'"),
        (Budget, None, "expected the keys parameters, macs, depth, memory, batch, latency, latency_batch; got None"),
        (Budget, 5, "got 5"),
    ],
)
def test_wrong_options_of_other_sections_are_refused_too(kind: type, given: Any, said: str) -> None:
    with pytest.raises(InputError) as refused:
        section(kind, given, "section")
    assert said in str(refused.value)


def test_a_home_folder_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    options = section(StudyOptions, STUDY | {"folder": "~/found"}, "study")
    assert study_folder(options, "a") == Path("/home/me/found/a")
