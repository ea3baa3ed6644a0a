"""The command line, taken apart: edits of documents, and what is left to Hydra."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.errors import InputError
from nas.overrides import Edit, edited, quoted, split


def edits_of(*arguments: str) -> tuple[list[Edit], list[str]]:
    edits, rest = split(arguments)
    return [*edits.search, *edits.training, *edits.architecture], [str(override.input_line) for override in rest]


@pytest.mark.parametrize(
    ("argument", "edit"),
    [
        ("search.architecture.network.body.width=4", Edit("architecture.network.body.width", 4)),
        ("+search.architecture.cells.a={op: identity}", Edit("architecture.cells.a", {"op": "identity"})),
        ("search.training.lr={choice:[0.1,0.2]}", Edit("training.lr", {"choice": [0.1, 0.2]})),
        ("training.lr=1e-3", Edit("training.lr", 0.001)),
        ("training={lr:0.1}", Edit("training", {"lr": 0.1})),
        ("~training.lr", Edit("training.lr", None, removes=True)),
        ("architecture.network.0.kernel=[1,7]", Edit("network.0.kernel", [1, 7])),
        ("architecture.cells.a=null", Edit("cells.a", None)),
        ("training.optimizer='sgd'", Edit("training.optimizer", "sgd")),
        ("training.flip=true", Edit("training.flip", True)),
    ],
)
def test_values_of_documents_are_edits(argument: str, edit: Edit) -> None:
    assert edits_of(argument) == ([edit], [])


@pytest.mark.parametrize(
    "argument",
    [
        "study.trials=3",
        "+search=inception_cell",
        "search.budget.macs=1e6",
        "search/architecture/cells/normal=residual",
        "~search/architecture/cells/normal",
        "architecture=googlenet",
        "data=npz",
        "data.path=/a/b.npz",
    ],
)
def test_everything_else_is_hydras(argument: str) -> None:
    assert edits_of(argument) == ([], [argument])


@pytest.mark.parametrize(
    "value",
    ["~/photos", "/home/jürgen/Bilder", "C (1)/x.npz", "it's", "a=b", "100%", "a b", "--x", "*.png", "a:b", "#1", "猫"],
)
def test_paths_are_read_as_they_are(value: str) -> None:
    (override,) = split([f"data.path={value}"])[1]
    assert str(override.value()) == value


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("study.trials", "not an override such as study.trials=10; there is no = in it"),
        ("a b=c", "not an override"),
        ("study.trials=1,2", "several values at once"),
        ("study.seed=range(3)", "several values at once"),
        ("training.lr=interval(0,1)", "several values at once"),
        ("training.lr=choice(0.1,0.2)", "several values at once"),
        ("data@x=npz", "leave out @x"),
        ("+search@_global_=x", "leave out @_global_"),
        ("hydra.run.dir=/tmp/x", "Hydra composes here and runs nothing"),
        ("hydra/launcher=basic", "Hydra composes here and runs nothing"),
        ("data.path=[a", "not an override"),
        ("data.path='a", "not an override"),
        ("~study", "only parts and values of documents can be removed"),
        ("~training", "only parts and values of documents can be removed"),
        ("~data.path", "only parts and values of documents can be removed"),
        ("data=null", "data is chosen by its name, data=NAME"),
        ("sampler=[tpe]", "sampler is chosen by its name"),
        ("pool={slots:2}", "pool is chosen by its name, pool=NAME, and changed by pool.KEY=VALUE"),
    ],
)
def test_what_would_be_ignored_or_misread_is_refused(argument: str, said: str) -> None:
    with pytest.raises(InputError) as refused:
        split([argument])
    assert str(refused.value).startswith(argument)
    assert said in str(refused.value)


def test_edits_are_made_in_their_order_on_a_copy() -> None:
    document = {"training": {"lr": {"choice": [1, 2]}}}
    edits = split(["training.lr=3", "training.epochs=1", "training.lr={choice:[4]}", "~training.epochs"])[0]
    assert edited(document, edits.training) == {"training": {"lr": {"choice": [4]}}}
    assert document == {"training": {"lr": {"choice": [1, 2]}}}


@given(st.text(st.characters(exclude_characters="\n\r", exclude_categories=["Cs", "Cc"]), min_size=1))
def test_a_quoted_value_is_read_back_as_it_was(text: str) -> None:
    (override,) = split(shlex.split(shlex.join([f"study.name={quoted(text)}"])))[1]
    assert str(override.value()) == text


def test_plain_paths_are_not_quoted() -> None:
    assert quoted("studies/inception_cell/best.yaml") == "studies/inception_cell/best.yaml"
    assert quoted("/a-b/c.1") == "/a-b/c.1"
