"""From a command line to a configuration: swapped parts, replaced holes, own spaces, and hostile ones refused."""

import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from search_parts import TINY_SPACE, write_space

from nas.architecture import Architecture
from nas.compose import configuration
from nas.errors import InputError
from nas.overrides import quoted
from nas.search.options import Budget, section
from nas.search.samplers import SeededSampler
from nas.space.space import Space

OWN = """
defaults:
  - architecture/cells/normal: mine
  - architecture/cells/head: linear
  - _self_
architecture:
  network:
    - {op: cell, name: body, cell: normal, values: {width: {choice: [4, 8]}}}
    - {op: cell, name: head, cell: head}
training: {epochs: 1}
"""

MINE = """
op: conv
width: $width
kernel: {choice: [1, 3]}
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def composed(*arguments: str, search: str = "inception_cell") -> dict[str, Any]:
    space = configuration([f"+search={search}", *arguments]).space
    assert space is not None
    return dict(space)


@cache
def shipped() -> dict[str, Any]:
    """The space as it is."""
    return composed()


def holes(*arguments: str, search: str = "inception_cell") -> dict[str, str]:
    """The holes of the composed space, as they are shown, by name."""
    space = composed(*arguments, search=search)
    return {name: repr(hole) for name, hole in Space.from_document(space).holes.items()}


def op(space: dict[str, Any], name: str) -> dict[str, Any]:
    """The op called `name` of the network."""
    (found,) = [item for item in space["architecture"]["network"] if item.get("name") == name]
    return dict(found)


def refusal(*arguments: str) -> str:
    with pytest.raises(InputError) as refused:
        configuration(arguments)
    return str(refused.value)


def everything(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


# Holes from the command line


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2", 2),
        ("{choice:[1,2]}", {"choice": [1, 2]}),
        ("{int:[1,4]}", {"int": [1, 4]}),
        ("{int:[2,8],step:2}", {"int": [2, 8], "step": 2}),
    ],
)
def test_an_integer_hole_is_closed_narrowed_or_made_another_as_a_whole(value: str, expected: Any) -> None:
    space = composed(f"search.architecture.network.stage_1.depth={value}")
    assert op(space, "stage_1")["depth"] == expected
    assert op(space, "stage_2") == op(shipped(), "stage_2")


@pytest.mark.parametrize("prefix", ["+", "++"])
def test_hydras_prefixes_make_no_difference(prefix: str) -> None:
    assert op(composed(f"{prefix}search.architecture.network.stage_1.depth=2"), "stage_1")["depth"] == 2


def test_a_list_of_choices_is_replaced_and_not_merged() -> None:
    name = "search.architecture.cells.inception.branches.near.spatial.kernel"
    before = holes()
    after = holes(f"{name}={{choice:[7]}}")
    assert after["cells.inception.branches.near.spatial.kernel"] == "Choice(options=(7,))"
    assert list(after) == list(before)


def test_named_alternatives_are_replaced_and_none_of_the_old_stays() -> None:
    space = composed(
        "search.architecture.cells.inception.branches.pool={choice:{absent:null,only:[{op: pool, kind: max}]}}"
    )
    assert space["architecture"]["cells"]["inception"]["branches"]["pool"] == {
        "choice": {"absent": None, "only": [{"op": "pool", "kind": "max"}]}
    }


def test_an_alternative_is_chosen_or_changed_inside_by_its_name() -> None:
    pool = "search.architecture.cells.inception.branches.pool"
    assert composed(f"{pool}=null")["architecture"]["cells"]["inception"]["branches"]["pool"] is None
    inside = composed(f"{pool}.max.project.width=4")["architecture"]["cells"]["inception"]["branches"]["pool"]
    assert inside["choice"]["max"][1]["width"] == 4
    assert set(inside["choice"]) == {"absent", "average", "max"}


def test_a_value_is_opened_into_a_hole() -> None:
    assert holes("search.training.label_smoothing={choice:[0.0,0.1]}")["training.label_smoothing"] == (
        "Choice(options=(0.0, 0.1))"
    )


def test_what_is_removed_is_gone() -> None:
    assert "reduction_2" not in str(composed("~search.architecture.network.reduction_2")["architecture"]["network"])
    assert "flip" not in composed("~search.training.flip")["training"]
    assert (
        "far"
        not in composed("~search.architecture.cells.inception.branches.far")["architecture"]["cells"]["inception"][
            "branches"
        ]
    )


def test_edits_apply_in_their_order() -> None:
    depth = "search.architecture.network.stage_1.depth"
    assert op(composed(f"{depth}=2", f"{depth}=3"), "stage_1")["depth"] == 3


def test_the_runs_own_training_section_is_kept_apart_from_the_spaces() -> None:
    config = configuration(["+search=inception_cell", "training.lr=0.5", "training.epochs={choice:[1,2]}"])
    assert config.training == {"lr": 0.5, "epochs": {"choice": [1, 2]}}
    assert config.space is not None
    assert config.space["training"] == shipped()["training"]
    assert configuration(["training={lr:0.5}", "training.epochs=2"]).training == {"lr": 0.5, "epochs": 2}


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        (
            "search.architecture.network.stage_9.depth=2",
            "no part of architecture.network called 'stage_9'; did you mean",
        ),
        ("search.architecture.network.stage_1.depth.x=2", "no part of"),
        ("~search.architecture.network.stage_9", "called 'stage_9'"),
        ("search.nonsense=2", "search: no key 'nonsense'"),
        ("search.budget.flops=2", "search.budget: no key 'flops'; there are: parameters, macs"),
        ("search.training=5", "search.training: expected keys with values; got 5"),
        ("~search.architecture", "a space has the key architecture; this one has ['training']"),
    ],
)
def test_an_edit_that_leads_nowhere_is_refused_with_what_there_is(argument: str, said: str) -> None:
    assert said in refusal("+search=inception_cell", argument)


# Parts


def test_a_part_is_swapped_by_its_group() -> None:
    space = composed("search/architecture/cells/normal=residual")
    assert space["architecture"]["cells"]["normal"]["op"] == "residual"
    assert set(space["architecture"]["cells"]) == set(shipped()["architecture"]["cells"])


def test_a_part_is_added_under_the_name_of_its_folder() -> None:
    write_space(Path("tiny.yaml"))
    space = composed("+search/architecture/cells/head=linear", search="tiny.yaml")
    assert set(space["architecture"]["cells"]) == {"head"}


def test_a_part_is_left_out() -> None:
    assert "normal" not in composed("~search/architecture/cells/normal")["architecture"]["cells"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["search/architecture/cells/normal=residul"],
            "no part 'residul'; did you mean 'residual'? There are: concat, ",
        ),
        (["search/architecture/cells/nrmal=residual"], "there are: none"),
        (["search/training=../../../x"], "words name them"),
        (["search/training=null"], "no part 'None'"),
    ],
)
def test_a_part_that_there_is_not_is_refused_with_those_there_are(arguments: list[str], said: str) -> None:
    assert said in refusal("+search=inception_cell", *arguments)


def test_a_group_that_the_space_does_not_take_is_explained() -> None:
    write_space(Path("tiny.yaml"))
    said = refusal("+search=tiny.yaml", "search/architecture/cells/normal=residual")
    assert "write +search/architecture/cells/normal=NAME" in said


# A user's own spaces


def test_an_own_space_takes_shipped_parts_and_parts_that_lie_beside_it(tmp_path: Path) -> None:
    write_space(tmp_path / "mine" / "own space.yaml", OWN)
    write_space(tmp_path / "mine" / "architecture" / "cells" / "normal" / "mine.yaml", MINE)
    for name in ("mine/own space.yaml", f"{tmp_path}/mine/own space.yaml"):
        config = configuration([f"+search='{name}'"])
        assert config.space_name == "own space"
        assert config.space is not None
        assert config.space["architecture"]["cells"]["normal"]["kernel"] == {"choice": [1, 3]}
        assert config.space["architecture"]["cells"]["head"]["op"] == "chain"
    swapped = composed("search/architecture/cells/normal=residual", search="'mine/own space.yaml'")
    assert swapped["architecture"]["cells"]["normal"]["op"] == "residual"


def test_an_own_part_wins_over_a_shipped_one_of_its_name(tmp_path: Path) -> None:
    write_space(tmp_path / "own.yaml", OWN.replace("mine", "residual"))
    write_space(tmp_path / "architecture" / "cells" / "normal" / "residual.yaml", MINE)
    assert composed(search="own.yaml")["architecture"]["cells"]["normal"]["op"] == "conv"


def test_a_part_in_the_home_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    write_space(tmp_path / "home" / "tiny.yaml")
    assert configuration(["+search=~/tiny.yaml"]).space_name == "tiny"


@pytest.mark.parametrize("name", ["a b", "v1.2", "ünï", "it's", "50%", "-x", "x,y", "[z]", "k=v"])
def test_a_space_may_have_any_file_name(name: str) -> None:
    write_space(Path(f"{name}.yaml"))
    assert configuration([f"+search={quoted(f'{name}.yaml')}"]).space_name == name


def test_numbers_and_words_of_an_own_space_are_read_once_and_stay(tmp_path: Path) -> None:
    text = TINY_SPACE + "  weight_decay: 1e-3\n  schedule: 'on'\n  optimizer: '1e-3'\n  flip: yes\n"
    write_space(tmp_path / "tiny.yaml", text)
    training = composed(search="tiny.yaml")["training"]
    assert {key: training[key] for key in ("weight_decay", "schedule", "optimizer", "flip")} == {
        "weight_decay": 0.001,
        "schedule": "on",
        "optimizer": "1e-3",
        "flip": True,
    }


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("+search=missing.yaml", "no file 'missing.yaml' (.yaml); spaces by name: "),
        ("+search=tiny.yml", "no file 'tiny.yml' (.yaml)"),
        ("+search=a_folder.yaml", "no file 'a_folder.yaml'"),
        ("+search=inception_cel", "no search space 'inception_cel'; did you mean 'inception_cell'?"),
        ("+search=null", "no search space 'None'"),
        ("+search=../search/inception_cell", "no search space"),
        ("+search=tiny", "no search space 'tiny'"),
    ],
)
def test_a_space_that_there_is_not_is_refused_and_never_taken_for_text(argument: str, said: str) -> None:
    write_space(Path("tiny.yml"))
    Path("a_folder.yaml").mkdir()
    assert said in refusal(argument)


def test_without_a_space_there_is_nothing_of_it_to_change() -> None:
    assert "there is no space without +search=NAME" in refusal("search.architecture.network=[]")


# Holes of a space over holes of its parts

PART = "op: conv\nwidth: $width\nkernel: {choice: {one: 1, three: 3}}\n"


def over(tmp_path: Path, own: str, defaults: str = "[{architecture/cells/normal: part}, _self_]") -> Any:
    write_space(tmp_path / "architecture" / "cells" / "normal" / "part.yaml", PART)
    network = "{network: [], cells: {normal: " + own + "}}"
    write_space(tmp_path / "own.yaml", f"defaults: {defaults}\narchitecture: {network}\n")
    return composed(search="own.yaml")["architecture"]["cells"]["normal"]


@pytest.mark.parametrize(
    ("own", "kernel"),
    [
        ("{kernel: {choice: {five: 5}}}", {"choice": {"five": 5}}),
        ("{kernel: {int: [1, 3]}}", {"int": [1, 3]}),
        ("{kernel: {of: 3}}", {"of": 3}),
        ("{kernel: 5}", 5),
        ("{kernel: [1, 7]}", [1, 7]),
        ("{width: {choice: [1, 2]}}", {"choice": {"one": 1, "three": 3}}),
    ],
)
def test_what_the_space_sets_over_a_parts_hole_replaces_it_whole(tmp_path: Path, own: str, kernel: Any) -> None:
    assert over(tmp_path, own)["kernel"] == kernel


def test_a_hole_of_the_space_replaces_a_whole_part(tmp_path: Path) -> None:
    assert over(tmp_path, "{choice: {a: [], b: []}}") == {"choice": {"a": [], "b": []}}


@pytest.mark.parametrize(
    "defaults", ["[_self_, {architecture/cells/normal: part}]", "[{architecture/cells/normal: part}]"]
)
def test_the_space_itself_is_last_in_its_defaults(tmp_path: Path, defaults: str) -> None:
    with pytest.raises(InputError, match="put _self_ last in defaults"):
        over(tmp_path, "{kernel: {choice: {five: 5}}}", defaults)


def test_the_command_line_goes_over_what_a_space_sets(tmp_path: Path) -> None:
    write_space(tmp_path / "own.yaml", "architecture: {network: []}\nbudget: {macs: 5, parameters: 6}\n")
    budget = configuration(["+search=own.yaml", "search.budget.macs=7"]).options["search"]["budget"]
    assert {"macs": 7, "parameters": 6}.items() <= budget.items()


def test_holes_of_two_parts_are_not_merged_either(tmp_path: Path) -> None:
    cells = tmp_path / "architecture" / "cells"
    write_space(cells / "normal" / "kernel" / "free.yaml", "choice: {one: 1}\n")
    write_space(cells / "normal" / "part.yaml", "defaults: [{kernel: free}, _self_]\nkernel: {choice: {two: 2}}\n")
    space = "defaults: [{architecture/cells/normal: part}, _self_]\narchitecture: {network: []}\n"
    write_space(tmp_path / "own.yaml", space)
    assert "search.architecture.cells.normal.kernel: two parts of the space fill it" in refusal("+search=own.yaml")


# Hostile spaces

BOMB = "\n".join(
    ["x0: &x0 [a, a, a, a, a, a, a, a, a]", *(f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 9)}]" for n in range(1, 12))]
)

HOSTILE = {
    "target": "architecture: {_target_: os.system, command: 'touch owned'}",
    "target in a list": "architecture: {network: [{_target_: os.system}]}",
    "target beside": "_target_: os.system\narchitecture: {network: []}",
    "package": "# @package _global_\ndata: {_target_: os.system, command: 'touch owned'}\narchitecture: {network: []}",
    "package with spaces": "\n   #   @ package _global_\ndata: {_target_: os.system}\narchitecture: {network: []}",
    "package behind a line separator": "# x\u2028# @package _global_\narchitecture: {network: []}",
    "environment": "architecture: {network: [{op: conv, name: '${oc.env:HOME}'}]}",
    "decoded": "architecture: {network: [{op: conv, name: '${oc.decode:1}'}]}",
    "reference to the configuration": "architecture: {network: [], classes: '${study.trials}'}",
    "resolver in a key": "architecture: {'${oc.env:HOME}': 1}",
    "escaped resolver": 'architecture: {network: [], classes: "\\x24{oc.env:HOME}"}',
    "defaults elsewhere": "defaults: [/data: npz, _self_]\narchitecture: {network: []}",
    "defaults above": "defaults: [../data: npz, _self_]\narchitecture: {network: []}",
    "defaults by package": "defaults: ['architecture/cells/head@_global_': linear]\narchitecture: {network: []}",
    "defaults that override": "defaults: [override /data: npz]\narchitecture: {network: []}",
    "defaults as text": "defaults: [inception_cell, _self_]\narchitecture: {network: []}",
    "defaults by resolver": "defaults: [{architecture/cells/head: '${oc.env:HOME}'}]\narchitecture: {network: []}",
    "defaults as a mapping": "defaults: {architecture/cells/head: linear}\narchitecture: {network: []}",
    "optional defaults": "defaults: [optional architecture/cells/head: linear]\narchitecture: {network: []}",
    "python tag": "architecture: {network: !!python/object/apply:os.system ['touch owned']}",
    "own tag": "architecture: {network: !x []}",
    "tagged text": "architecture: {network: [], classes: !!str 3}",
    "alias bomb": BOMB + "\narchitecture: {network: []}",
    "alias in itself": "architecture: &a {network: [*a]}",
    "depth": "architecture: {network: " + "[" * 3000 + "]" * 3000 + "}",
    "repeated key": "architecture: {network: []}\narchitecture: {network: [{op: identity}]}",
    "other sections": "architecture: {network: []}\ndata: {path: /etc}",
    "study": "architecture: {network: []}\nstudy: {folder: /tmp}",
    "hydra": "architecture: {network: []}\nhydra: {run: {dir: /tmp}}",
    "two documents": "architecture: {network: []}\n---\ndata: {_target_: os.system}",
    "bytes": "architecture: {network: !!binary aGk=}",
    "no mapping": "- architecture",
    "nothing": "",
    "no architecture": "training: {epochs: 1}",
    "architecture is a number": "architecture: 5",
    "recipe is a list": "architecture: {network: []}\ntraining: [1]",
    "budget is a number": "architecture: {network: []}\nbudget: 5",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("where", ["space", "part"])
def test_a_hostile_space_is_refused_and_nothing_is_run_or_written(tmp_path: Path, where: str, text: str) -> None:
    if where == "part" and "architecture: {network: []}" in text:
        text = text.replace("architecture: {network: []}", "op: identity")
    own = text if where == "space" else "defaults: [{architecture: part}, _self_]\n"
    write_space(tmp_path / "own.yaml", own)
    write_space(tmp_path / "architecture" / "part.yaml", text)
    before = everything(tmp_path)
    with pytest.raises(InputError):
        check_whole(configuration(["+search=own.yaml"]))
    assert everything(tmp_path) == before


def check_whole(config: Any) -> None:
    """What composes must still be a space, and must have changed nothing outside of it."""
    Space.from_document({**config.space, "seed": 0}, "search")
    section(Budget, config.options["search"]["budget"], "search.budget")
    Architecture.from_document({"input": {"channels": 1, "size": 8}, "classes": 2, **config.space["architecture"]})


def test_files_that_are_no_text_or_endless_are_refused(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_bytes(os.urandom(100))
    refusal("+search=own.yaml")
    (tmp_path / "own.yaml").write_text("a" * 2_000_000)
    assert "more than 1000000 bytes" in refusal("+search=own.yaml")


# Everything else of a configuration


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("data=nmist", "data: no configuration 'nmist'"),
        ("sampler=tp", "sampler: no configuration 'tp'; did you mean 'tpe'? There are: "),
        ("pruner=mdian", "pruner: no configuration 'mdian'; did you mean 'median'? There are: halving, "),
        ("study.trails=3", "study: no key 'trails'; did you mean 'trials'?"),
        ("stduy.trials=3", "configuration: no key 'stduy'; did you mean 'study'?"),
        ("+mine=3", "configuration: no key 'mine'"),
        ("data.path=x", "data: no key 'path'"),
        ("data=npz", "data.path: needs a value; give it as data.path=..."),
        ("+data.nonsense=3", "data: no key 'nonsense'"),
        ("+sampler.nonsense=3", "sampler: no key 'nonsense'; there are: "),
        ("+pruner.nonsense=3", "pruner: "),
        ("pruner.n_startup_trials=-1", "pruner.n_startup_trials: expected a whole number"),
        ("pruner.warmup=50", "pruner.warmup: expected a share from 0 to 1; got 50"),
        ("data._target_=no.such.module", "data: Error locating target 'no.such.module'"),
        ("data._partial_=false", "data: needs a _target_ and _partial_: true"),
    ],
)
def test_a_choice_or_key_that_there_is_not_is_refused_with_those_there_are(argument: str, said: str) -> None:
    assert said in refusal(argument)


def test_samplers_and_pruners_are_chosen_by_name() -> None:
    for sampler, kind in (("random", "RandomSampler"), ("tpe", "TPESampler")):
        made = SeededSampler(configuration([f"sampler={sampler}"]).sampler, 0)
        assert type(made._sampler).__name__ == kind
    for pruner, kind in (("median", "MedianPruner"), ("none", "NopPruner")):
        assert type(configuration([f"pruner={pruner}"]).pruner).__name__ == kind


def test_composing_writes_nothing(tmp_path: Path) -> None:
    configuration([])
    configuration(["+search=inception_cell", "data=digits"])
    assert everything(tmp_path) == []
