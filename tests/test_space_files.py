"""The files of a search space: which there are, and that none reaches outside or holds more than data."""

from pathlib import Path

import pytest

from nas.errors import InputError
from nas.space.files import part_names, space_files, space_names

MAIN = "defaults:\n  - {entry}\n  - _self_\narchitecture: {{network: []}}\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder of spaces with one part, `architecture/cells/stem: plain`."""
    part = tmp_path / "search" / "architecture" / "cells" / "stem" / "plain.yaml"
    part.parent.mkdir(parents=True)
    part.write_text("op: conv\nwidth: 8\nkernel: 3\n")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x.yaml").write_text("_target_: os.system\n")
    return tmp_path / "search"


def write(root: Path, relative: str, text: str) -> None:
    (root / relative).parent.mkdir(parents=True, exist_ok=True)
    (root / relative).write_text(text, encoding="utf-8")


def test_a_space_is_its_file_and_the_parts_of_its_defaults(root: Path) -> None:
    write(root, "mine.yaml", MAIN.format(entry="architecture/cells/stem: plain"))
    files = space_files("mine", [root], {})
    assert [file.relative for file in files] == ["mine.yaml", "architecture/cells/stem/plain.yaml"]
    assert files[1].content == {"op": "conv", "width": 8, "kernel": 3}
    assert space_names([root]) == ["mine"]


def test_a_chosen_part_takes_the_place_of_the_spaces_own(root: Path) -> None:
    write(root, "mine.yaml", MAIN.format(entry="architecture/cells/stem: missing"))
    files = space_files("mine", [root], {"architecture/cells/stem": "plain"})
    assert [file.relative for file in files] == ["mine.yaml", "architecture/cells/stem/plain.yaml"]


def test_a_part_may_have_parts_below_its_own_folder(root: Path) -> None:
    write(root, "mine.yaml", MAIN.format(entry="architecture: whole"))
    write(root, "architecture/whole.yaml", "defaults:\n  - cells/stem: plain\n")
    names = [file.relative for file in space_files("mine", [root], {})]
    assert names == ["mine.yaml", "architecture/whole.yaml", "architecture/cells/stem/plain.yaml"]


def test_the_first_root_that_has_a_file_wins(root: Path, tmp_path: Path) -> None:
    write(root, "mine.yaml", MAIN.format(entry="architecture/cells/stem: plain"))
    write(tmp_path / "own", "architecture/cells/stem/plain.yaml", "op: identity\n")
    assert space_files("mine", [tmp_path / "own", root], {})[1].content == {"op": "identity"}


def test_the_parts_of_a_folder_may_stand_in_one_file_by_their_names(root: Path) -> None:
    write(root, "mine.yaml", MAIN.format(entry="architecture/cells/stem: short"))
    write(root, "architecture/cells/stem.yaml", "short: {op: identity}\ndefaults: {_target_: os.system}\nlist: [1]\n")
    files = space_files("mine", [root], {})
    assert (files[1].relative, files[1].content) == ("architecture/cells/stem/short.yaml", {"op": "identity"})
    assert part_names("architecture/cells/stem", [root]) == ["defaults", "list", "plain", "short"]
    for part, told in (("defaults", "hold no such key"), ("list", r"list: a part is keys with values; got \[1\]")):
        with pytest.raises(InputError, match=told):
            space_files("mine", [root], {"architecture/cells/stem": part})


def test_an_unknown_space_or_part_is_refused_with_those_there_are(root: Path) -> None:
    write(root, "mine.yaml", MAIN.format(entry="architecture/cells/stem: plian"))
    with pytest.raises(InputError, match=r"no search space 'mien'; did you mean 'mine'\? There are: mine"):
        space_files("mien", [root], {})
    with pytest.raises(InputError, match=r"no part 'plian'; did you mean 'plain'\? There are: plain"):
        space_files("mine", [root], {})
    with pytest.raises(InputError, match="there are: none"):
        space_files("mine", [root], {"architecture/cells/head": "plain"})


@pytest.mark.parametrize(
    "entry",
    [
        "/data: x",
        "../data: x",
        "/search/../data: x",
        "architecture/../../data: x",
        "architecture/cells/stem: ../../../../data/x",
        "architecture/cells/stem: /data/x",
        "override hydra/launcher: x",
        "optional architecture/cells/stem: plain",
        "architecture/cells/stem@_global_: plain",
        "architecture/cells/stem@a: plain",
        "architecture/cells/stem: plain@_global_",
        "architecture/cells/stem: [plain]",
        "architecture/cells/stem: null",
        "architecture/cells/stem: 1",
        "architecture/cells/stem: '${oc.env:HOME}'",
        "/data/x",
        "plain",
        "_self_@_global_",
        "[architecture/cells/stem, plain]",
        "null",
        "{a: b, c: d}",
    ],
)
def test_defaults_that_leave_the_folders_of_spaces_are_refused(root: Path, entry: str) -> None:
    write(root, "mine.yaml", MAIN.format(entry=entry))
    with pytest.raises(InputError, match=r"mine\.yaml: .* in defaults"):
        space_files("mine", [root], {})


@pytest.mark.parametrize(
    ("group", "part"),
    [
        ("..", "plain"),
        ("architecture/../..", "plain"),
        ("/etc", "plain"),
        ("architecture/cells/stem", "../plain"),
        ("architecture/cells/stem", "/etc/plain"),
        ("architecture/cells/stem", ""),
        ("", "plain"),
    ],
)
def test_a_part_asked_for_lies_below_the_folders_of_spaces(root: Path, group: str, part: str) -> None:
    write(root, "mine.yaml", MAIN.format(entry="architecture/cells/stem: plain"))
    with pytest.raises(InputError, match="parts lie in folders below the space's own, and words name them"):
        space_files("mine", [root], {group: part})


def test_defaults_of_a_part_are_checked_as_those_of_a_space(root: Path) -> None:
    write(root, "mine.yaml", MAIN.format(entry="architecture/cells/stem: outward"))
    write(root, "architecture/cells/stem/outward.yaml", "defaults:\n  - /data: x\n")
    with pytest.raises(InputError, match=r"outward\.yaml: .* in defaults"):
        space_files("mine", [root], {})


def test_what_a_space_sets_itself_goes_over_its_parts(root: Path) -> None:
    write(root, "mine.yaml", "defaults:\n  - _self_\n  - architecture/cells/stem: plain\narchitecture: {classes: 3}\n")
    with pytest.raises(InputError, match=r"mine\.yaml: what a file sets itself goes over its parts; put _self_ last"):
        space_files("mine", [root], {})


def test_defaults_that_are_no_list_are_refused(root: Path) -> None:
    write(root, "mine.yaml", "defaults: {architecture/cells/stem: plain}\n")
    with pytest.raises(InputError, match="defaults is a list"):
        space_files("mine", [root], {})


@pytest.mark.parametrize(
    "header",
    [
        "# @package _global_\n",
        "#@package _global_\n",
        "\n  # \t@package a.b\n",
        "# a space\n# @package _global_\n",
        "# a space\u2028# @package _global_\n",  # a line break to YAML and to Hydra, not to a regular expression
        "# a space\x85# @package _global_\n",
        "# @hydra x\n",
    ],
)
def test_a_package_header_is_refused_in_spaces_and_parts(root: Path, header: str) -> None:
    write(root, "mine.yaml", header + MAIN.format(entry="architecture/cells/stem: plain"))
    with pytest.raises(InputError, match="a header"):
        space_files("mine", [root], {})
    write(root, "mine.yaml", MAIN.format(entry="architecture/cells/stem: headed"))
    write(root, "architecture/cells/stem/headed.yaml", header + "op: identity\n")
    with pytest.raises(InputError, match=r"headed\.yaml: a header"):
        space_files("mine", [root], {})


@pytest.mark.parametrize(
    "text",
    [
        "_target_: os.system\n",
        "op: {_target_: os.system}\n",
        "op: '${oc.env:HOME}'\n",
        "op: !!python/name:os.system\n",
        "op: &a [*a]\n",
    ],
)
def test_a_part_that_is_more_than_data_is_refused(root: Path, text: str) -> None:
    write(root, "mine.yaml", MAIN.format(entry="architecture/cells/stem: hostile"))
    write(root, "architecture/cells/stem/hostile.yaml", text)
    with pytest.raises(InputError, match=r"hostile\.yaml"):
        space_files("mine", [root], {})
