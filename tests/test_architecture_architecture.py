"""`Architecture`: from a document, back to one, and from a file or a name."""

import pickle
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from documents import FLAT_HEAD as AUX
from documents import HEAD, build, conv, document, side_by_side
from hypothesis import given
from hypothesis import strategies as st

from nas.architecture import Architecture
from nas.architecture.published import published_names
from nas.errors import InputError

EVERYTHING: dict[str, Any] = document(
    {"op": "channel_affine", "scale": [1, 2, 3], "shift": 0.5},
    conv(
        16, [3, 5], stride=[1, 2], padding=[0, 1, 2, 3], bias=True, norm={"eps": 1e-3}, activation="silu", name="stem"
    ),
    {"op": "cell", "name": "stage", "cell": "mixed", "depth": 2, "values": {"w": 8}, "each": {"k": [3, [1, 3]]}},
    {"op": "aux", "name": "side", "weight": 0.4, "of": "stem", "chain": AUX},
    {"op": "residual", "scale": 0.1, "projection": True, "body": conv({"of": "in", "times": 0.5}, form="stacked")},
    {"op": "chain", "chain": [{"op": "pool", "kind": "average", "stride": 2, "ceil": True}, {"op": "lrn", "k": 2}]},
    conv({"ref": "network.stem.width", "times": 2}, norm="none"),
    {"op": "adaptive_pool", "size": [2, 3]},
    *AUX[:1],
    {"op": "norm"},
    {"op": "linear", "width": 12, "norm": "batch", "activation": "relu"},
    {"op": "l2_norm"},
    {"op": "dropout", "rate": 0.25},
    *AUX[1:],
    size=[16, 24],
    width_multiplier={"times": 0.5, "multiple_of": 4},
    defaults={"conv": {"activation": "relu6", "norm": {"momentum": 0.2}}, "lrn": {"size": 3}},
    cells={
        "mixed": side_by_side(
            a=[conv("$w", "$k"), {"op": "cell", "cell": "inner", "values": {"w": "$w"}}],
            b=[{"op": "pool", "kind": "max"}],
            c=None,
            d=conv({"of": "$w", "times": 0.25}, 7, form={"kind": "asymmetric", "times": 2, "first": "nx1"}),
        ),
        "inner": [conv("$w", 3, form="fork"), {"op": "activation", "activation": "gelu"}, {"op": "identity"}],
        "unused": [{"op": "something else", "width": "$w"}],
    },
)


@pytest.fixture(params=["everything", *published_names()])
def architecture(request: pytest.FixtureRequest) -> Architecture:
    if request.param == "everything":
        return Architecture.from_document(EVERYTHING)
    return Architecture.load(request.param)


def test_an_architecture_survives_its_document(architecture: Architecture) -> None:
    written = architecture.to_document()
    again = Architecture.from_document(yaml.safe_load(yaml.safe_dump(written, sort_keys=False)))
    assert again == architecture
    assert hash(again) == hash(architecture)
    assert again.digest == architecture.digest
    assert again.to_document() == written


def test_an_architecture_survives_pickling(architecture: Architecture) -> None:
    again = pickle.loads(pickle.dumps(architecture))
    assert (again, again.digest, again.to_document()) == (
        architecture,
        architecture.digest,
        architecture.to_document(),
    )


def test_a_document_is_neither_changed_nor_kept() -> None:
    given = deepcopy(EVERYTHING)
    architecture = Architecture.from_document(given)
    assert given == EVERYTHING
    given["network"].clear()
    architecture.to_document()["cells"]["mixed"]["branches"].clear()
    assert Architecture.from_document(architecture.to_document()) == Architecture.from_document(EVERYTHING)


def test_every_default_is_written_out() -> None:
    written = Architecture.from_document(EVERYTHING).to_document()
    assert list(written) == ["input", "classes", "width_multiplier", "defaults", "cells", "network"]
    assert written["defaults"]["conv"] == {
        "stride": 1,
        "padding": "same",
        "groups": 1,
        "bias": False,
        "norm": {"eps": 1e-5, "momentum": 0.2, "scale": True},
        "activation": "relu6",
        "form": "full",
    }
    assert written["defaults"]["lrn"] == {"size": 3, "alpha": 1e-4, "beta": 0.75, "k": 1.0, "divide_alpha": True}
    assert set(written["defaults"]) == {
        *("residual", "aux", "conv", "pool", "adaptive_pool", "lrn", "dropout", "linear", "norm", "activation"),
        "channel_affine",
    }
    assert written["network"][1]["norm"] == {"eps": 1e-3, "momentum": 0.1, "scale": True}
    assert written["network"][6]["width"] == 32
    assert written["cells"]["unused"] == EVERYTHING["cells"]["unused"]


def test_a_document_means_the_same_when_the_languages_defaults_change() -> None:
    """Each default it relies on stands in it: with other defaults for the ops it would still be read the same."""
    written = build(conv(), {"op": "pool", "kind": "max"}, {"op": "dropout"}).to_document()
    assert all(key in written["defaults"]["conv"] for key in ("stride", "padding", "norm", "activation", "form"))
    assert written["defaults"]["pool"]["kernel"] == 3
    assert written["defaults"]["dropout"] == {"rate": 0.5}


def test_equal_ops_and_names_make_equal_architectures() -> None:
    assert build(conv(name="a")) == build(conv(8, [3, 3], name="a"))
    assert build(conv(name="a")) != build(conv(name="b"))
    assert build(conv()) != build(conv(), classes=6)
    assert build(conv()) != build(conv(), size=9)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"inputs": 3}, "architecture: no key 'inputs'; did you mean 'input'?"),
        ({"input": None}, "architecture: needs input"),
        ({"network": None}, "architecture: needs network"),
        ({"classes": None}, "architecture: needs classes"),
        ({"classes": 0}, "architecture.classes: expected an integer from 1"),
        ({"classes": "ten"}, "architecture.classes: expected an integer"),
        ({"input": 28}, "architecture.input: expected {channels: ..., size: ...}; got 28"),
        ({"input": {"channels": 3}}, "architecture.input: expected {channels: ..., size: ...}"),
        ({"input": {"channels": 3, "size": 8, "width": 8}}, "architecture.input: expected"),
        ({"input": {"channels": 0, "size": 8}}, "architecture.input.channels: expected an integer from 1"),
        ({"input": {"channels": 3, "size": [8, 8, 8]}}, "architecture.input.size: expected n or [height, width]"),
        ({"input": {"channels": 3, "size": 10**9}}, "architecture.input.size: expected an integer from 1 to 1000000"),
        ({"cells": []}, "cells: expected a mapping"),
        ({"cells": 0}, "cells: expected a mapping"),
        ({"network": "conv"}, "network: a chain is a list of ops"),
        ({"network": {"choice": {"a": []}}}, "network: still has a hole"),
        (
            {"network": [conv({"ref": "cells.a.width"})]},
            "network.width: the reference to 'cells.a.width' leads nowhere",
        ),
        ({"network": [conv(name="${oc.env:HOME}")]}, "architecture.network.0.name"),
        ({"_target_": "os.system"}, "architecture: the key '_target_'"),
    ],
)
def test_a_document_that_is_no_architecture_is_refused(change: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError) as error:
        Architecture.from_document({**document(conv(), *HEAD), **change})
    assert told in str(error.value)


@pytest.mark.parametrize("given", [None, [], "inception_v3", 3, {}, {"architecture": None}, {"architecture": []}])
def test_what_is_no_document_is_refused(given: Any) -> None:
    with pytest.raises(InputError, match="architecture"):
        Architecture.from_document(given)


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["conv", "in", "same", "$a", "a", "branches"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "op",
                    "width",
                    "kernel",
                    "chain",
                    "branches",
                    "cell",
                    "cells",
                    "ref",
                    "choice",
                    "name",
                    "body",
                    "a",
                    "norm",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(plain, plain, plain)
def test_any_data_is_an_architecture_or_an_input_error(network: Any, cells: Any, defaults: Any) -> None:
    given = document(channels=3)
    with suppress(InputError):
        Architecture.from_document({**given, "network": network, "cells": cells, "defaults": defaults})


@given(
    st.sampled_from(["conv", "pool", "linear", "branches", "residual", "cell", "aux", "lrn", "channel_affine"]),
    st.data(),
)
def test_any_fields_of_an_op_are_read_or_an_input_error(kind: str, data: st.DataObject) -> None:
    keys = "width kernel stride padding groups norm activation form kind branches body of chain depth each values"
    op = data.draw(st.dictionaries(st.sampled_from(keys.split()), plain, max_size=5))
    with suppress(InputError):
        build(conv(), {**op, "op": kind})


def test_a_whole_candidate_document_is_its_architecture() -> None:
    given = document(conv(), *HEAD)
    assert Architecture.from_document({"architecture": given, "training": {"lr": 1}}) == Architecture.from_document(
        given
    )


def test_an_architecture_is_loaded_from_a_file_or_by_a_published_name(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump({"architecture": EVERYTHING, "seed": 3}, sort_keys=False), encoding="utf-8")
    assert Architecture.load(file) == Architecture.load(str(file)) == Architecture.from_document(EVERYTHING)
    assert Architecture.load("inception_v3").classes == 1000


def test_what_cannot_be_loaded_is_refused_with_file_or_choices(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no published network 'inception_v33'; did you mean 'inception_v3'\?"):
        Architecture.load("inception_v33")
    with pytest.raises(InputError, match=r"no file '.*missing\.yaml'"):
        Architecture.load(tmp_path / "missing.yaml")
    for text in (
        "a: 1",
        "architecture: 3",
        "architecture: {network: []}",
        "architecture: !!python/name:x {}",
        "\0",
        "[]",
    ):
        (tmp_path / "wrong.yaml").write_text(text)
        with pytest.raises(InputError, match=r"wrong\.yaml"):
            Architecture.load(tmp_path / "wrong.yaml")
