"""Every search space that is shipped, with every part that is: its names, and that each candidate can be trained."""

import os
from copy import deepcopy
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from built import assert_built_as_planned, on_meta
from shipped_spaces import FOLDER, SEEDS, SPACES, candidate, fitting, load

from nas.architecture import Architecture
from nas.architecture.context import context
from nas.space.files import part_names, space_files
from nas.space.reading import parse_document
from nas.space.space import Space
from nas.space.suggest import RandomSuggest, Recorded

GOLDEN = Path(__file__).parent / "golden" / "parameter_names"


def groups(space: str) -> set[str]:
    """The folders that a space takes its parts from."""
    return {file.relative.rpartition("/")[0] for file in space_files(space, [FOLDER], {})[1:]}


CHOICES = [
    (space, group, name) for space in SPACES for group in sorted(groups(space)) for name in part_names(group, [FOLDER])
]


@pytest.fixture(scope="module", params=SPACES)
def space(request: pytest.FixtureRequest) -> Space:
    return load(request.param)


@pytest.mark.parametrize("name", SPACES)
def test_parameter_names_are_the_golden_ones(name: str) -> None:
    """`REGENERATE=1 pytest tests/test_space_shipped.py` writes them anew; a changed name breaks resumed studies."""
    names = "\n".join(load(name).holes) + "\n"
    golden = GOLDEN / f"{name}.txt"
    if os.environ.get("REGENERATE"):
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(names, encoding="utf-8")
    assert names == golden.read_text(encoding="utf-8")


def test_no_golden_file_is_left_of_a_space_that_is_gone() -> None:
    assert sorted(path.stem for path in GOLDEN.glob("*.txt")) == SPACES


def test_fifty_candidates_fit_and_some_of_them_build(space: Space) -> None:
    for seed in range(50):
        architecture = candidate(space, seed)
        if seed in SEEDS:
            on_meta(architecture)


@pytest.mark.slow
def test_fifty_candidates_build(space: Space) -> None:
    for seed in range(50):
        on_meta(candidate(space, seed))


@pytest.mark.parametrize("size", [8, 28, [20, 33], 96], ids=str)
@pytest.mark.parametrize("name", SPACES)
def test_every_candidate_builds_and_forwards_as_planned_for_large_small_and_oblong_images(name: str, size: Any) -> None:
    space = load(name, size=size, channels=1)
    for seed in range(3):
        assert_built_as_planned(candidate(space, seed))


@pytest.mark.parametrize(("space", "group", "name"), CHOICES)
def test_every_part_fits_where_a_space_takes_one_of_its_kind(space: str, group: str, name: str) -> None:
    assert_built_as_planned(fitting(load(space, f"search/{group}={name}")))


def test_every_part_can_be_taken() -> None:
    taken = {file for _, group, name in CHOICES for file in (f"{group}.yaml", f"{group}/{name}.yaml")}
    assert {path.relative_to(FOLDER).as_posix() for path in FOLDER.glob("*/**/*.yaml")} <= taken


def test_replaying_a_candidates_parameters_repeats_its_document(space: Space) -> None:
    for seed in SEEDS:
        suggest = RandomSuggest(Random(seed))
        document = space.sample(suggest, context)
        assert space.sample(Recorded(suggest.parameters), context) == document
        assert set(suggest.parameters) <= set(space.holes)


def test_a_candidate_is_its_own_sample(space: Space) -> None:
    for seed in SEEDS:
        document = space.sample(RandomSuggest(Random(seed)), context)
        closed = Space.from_document(document)
        assert closed.holes == {}
        assert closed.sample(Recorded({})) == document


def test_a_candidate_survives_yaml_and_its_architecture_survives_its_document(space: Space) -> None:
    for seed in SEEDS:
        document = space.sample(RandomSuggest(Random(seed)), context)
        assert parse_document(yaml.safe_dump(document, sort_keys=False), "written") == document
        architecture = Architecture.from_document(document)
        written = architecture.to_document()
        again = Architecture.from_document(parse_document(yaml.safe_dump(written, sort_keys=False), "written"))
        assert again == architecture
        assert again.digest == architecture.digest
        assert again.to_document() == written


def test_nothing_changes_what_it_is_given(space: Space) -> None:
    before = deepcopy(space.document)
    document = space.sample(RandomSuggest(Random(0)), context)
    assert space.document == before
    given = deepcopy(document)
    architecture = Architecture.from_document(document)
    _ = architecture.digest
    architecture.to_document()["network"].clear()
    assert document == given
    assert architecture.to_document()["network"]


def test_only_the_holes_of_cells_in_use_are_asked_for(space: Space) -> None:
    for seed in SEEDS:
        suggest = RandomSuggest(Random(seed))
        cells = set(space.sample(suggest, context)["architecture"]["cells"])
        asked = {name.split(".")[1] for name in suggest.parameters if name.startswith("cells.")}
        assert asked <= cells


def test_most_parameters_make_a_difference(space: Space) -> None:
    """A space whose candidates are mostly the same network would waste its search."""
    assert len({candidate(space, seed).digest for seed in range(30)}) >= 27
