"""Documents that are no architecture: each is refused with its place, its value and the choices."""

from copy import deepcopy
from typing import Any

import pytest
from documents import FLAT_HEAD as AUX
from documents import HEAD, build, conv, document, side_by_side

from nas.architecture import Architecture
from nas.architecture.ops import OPS, Aux, Cell, Conv
from nas.architecture.parse import MAX_OPS, forget_cells
from nas.errors import InputError


def refused(*ops: Any, **keys: Any) -> str:
    given = document(*ops, *HEAD, **keys)
    before = deepcopy(given)
    with pytest.raises(InputError) as error:
        Architecture.from_document(given)
    assert given == before
    return str(error.value)


@pytest.mark.parametrize(
    ("op", "told"),
    [
        ({"op": "convv", "width": 8}, ["network.0.op: no op 'convv'", "did you mean 'conv'", "There are: chain, "]),
        ({"op": ["conv"]}, ["network.0.op: no op ['conv']"]),
        ({"op": {"choice": ["conv"]}}, ["network.0.op: no op {'choice': ['conv']}"]),
        ({"op": None}, ["network.0.op: no op None"]),
        ({"kernel": 3}, ["network.0: expected an op", "{'kernel': 3}"]),
        ("conv", ["network.0: expected an op", "'conv'"]),
        (None, ["network.0: expected an op", "None"]),
        ([conv()], ["network.0: expected an op"]),
        ({"choice": {"a": conv()}}, ["network.0: expected an op"]),
        (conv(kernl=3), ["network.0.kernl: no field of conv called 'kernl'", "did you mean 'kernel'", "width"]),
        ({"op": "conv", "width": 8}, ["network.0: conv needs kernel"]),
        ({"op": "conv"}, ["network.0: conv needs width and kernel"]),
        ({"op": "pool"}, ["network.0: pool needs kind"]),
        ({"op": "branches"}, ["network.0: branches needs branches"]),
        ({"op": "residual"}, ["network.0: residual needs body"]),
        ({"op": "chain"}, ["network.0: chain needs chain"]),
        ({"op": "cell"}, ["network.0: cell needs the name of a cell; there are none"]),
        (conv("wide"), ["network.0.width: no width 'wide'", "in, classes"]),
        (conv(-1), ["network.0.width: expected an integer from 0 to 1000000; got -1"]),
        (conv(10**7), ["network.0.width: expected an integer from 0 to 1000000; got 10000000"]),
        (conv(8.0), ["network.0.width: expected an integer", "got 8.0"]),
        (conv(True), ["network.0.width: expected an integer", "got True"]),
        (conv({"choice": [8, 16]}), ["network.0.width: still has a hole", "sample the space first"]),
        (conv({"of": "out", "times": 2}), ["network.0.width.of: expected an integer", "'out'"]),
        (conv({"times": 2}), ["network.0.width.of: expected an integer", "None"]),
        (conv({"of": "in", "time": 2}), ["network.0.width: no field of a relative width 'time'"]),
        (conv({"of": "in", "times": 10**400}), ["network.0.width.times: expected a positive number"]),
        (conv(kernel=0), ["network.0.kernel: expected an integer from 1", "got 0"]),
        (conv(kernel=[1, 7, 1]), ["network.0.kernel: expected n or [height, width]; got [1, 7, 1]"]),
        (conv(kernel="3x3"), ["network.0.kernel: expected an integer"]),
        (conv(stride=[1, 0]), ["network.0.stride: expected an integer from 1"]),
        (conv(padding="full"), ["network.0.padding: no padding 'full'", "same, valid, tf_same"]),
        (conv(padding=-1), ["network.0.padding: expected an integer from 0"]),
        (conv(padding=[1, 2, 3]), ["network.0.padding: expected an integer", "[1, 2, 3]"]),
        (conv(groups=0), ["network.0.groups: expected an integer from 1"]),
        (conv(bias="yes"), ["network.0.bias: expected true or false; got 'yes'"]),
        (conv(norm="layer"), ["network.0.norm: no norm 'layer'", "none, batch"]),
        (conv(norm={"epsilon": 1}), ["network.0.norm: no field 'epsilon'", "eps"]),
        (conv(norm={"eps": -1}), ["network.0.norm.eps: expected a number from 0"]),
        (conv(norm={"momentum": 2}), ["network.0.norm.momentum: expected a number from 0 to 1; got 2"]),
        (conv(norm=None), ["network.0.norm: no norm None"]),
        (conv(activation="rely"), ["network.0.activation: no choice 'rely'", "did you mean 'relu'"]),
        (conv(activation=None), ["network.0.activation: no choice None"]),
        (conv(form="forked"), ["network.0.form: no choice 'forked'", "did you mean 'fork'"]),
        (conv(form={"times": 2}), ["network.0.form: needs kind"]),
        (conv(form={}), ["network.0.form: needs kind"]),
        (conv(form={"kind": "stacked", "times": 2}), ["times and first belong to kind asymmetric"]),
        (conv(form={"kind": "asymmetric", "times": 0}), ["network.0.form.times: expected an integer from 1 to 32"]),
        (conv(form={"kind": "asymmetric", "first": "7x1"}), ["network.0.form.first: no choice '7x1'", "1xn, nx1"]),
        ({"op": "pool", "kind": "avg"}, ["network.0.kind: no choice 'avg'", "max, average"]),
        ({"op": "pool", "kind": "max", "ceil": 1}, ["network.0.ceil: expected true or false; got 1"]),
        ({"op": "adaptive_pool", "size": [4]}, ["network.0.size: expected n or [height, width]"]),
        ({"op": "lrn", "size": 0}, ["network.0.size: expected an integer from 1"]),
        ({"op": "lrn", "alpha": float("inf")}, ["network.0.alpha: expected a number from 0"]),
        ({"op": "dropout", "rate": 1.5}, ["network.0.rate: expected a number from 0 to 1; got 1.5"]),
        ({"op": "dropout", "rate": "0.5"}, ["network.0.rate: expected a number from 0 to 1; got '0.5'"]),
        ({"op": "dropout", "rate": float("nan")}, ["network.0.rate: expected a number from 0 to 1; got nan"]),
        ({"op": "channel_affine", "scale": []}, ["network.0.scale: expected a number"]),
        ({"op": "channel_affine", "scale": [1, "2"]}, ["network.0.scale: expected a number", "'2'"]),
        ({"op": "channel_affine", "shift": 10**400}, ["network.0.shift: expected a number"]),
        ({"op": "residual", "body": [], "scale": True}, ["network.0.scale: expected a number", "True"]),
        ({"op": "chain", "chain": "conv"}, ["network.0.chain: a chain is a list of ops", "'conv'"]),
        ({"op": "chain", "chain": None}, ["network.0.chain: a chain is a list of ops", "None"]),
        ({"op": "chain", "chain": {"choice": {"a": []}}}, ["network.0.chain: still has a hole"]),
        ({"op": "branches", "branches": [[conv()]]}, ["network.0.branches: branches are a mapping of names to chains"]),
        ({"op": "branches", "branches": {}}, ["network.0.branches: at least one branch"]),
        (side_by_side(a=None, b=None), ["network.0.branches: at least one branch must be present", "['a', 'b']"]),
        ({"op": "branches", "branches": {"choice": {"a": []}}}, ["network.0.branches: still has a hole"]),
        (side_by_side(a=[conv(widht=1)]), ["network.0.branches.a.0.widht: no field of conv called 'widht'"]),
        ({"op": "cell", "cell": "x"}, ["network.0.cell: no cell 'x'; there are: none"]),
        ({"op": "cell", "cell": ["x"]}, ["network.0.cell: no cell ['x']"]),
        ({"op": "cell", "cell": "$x"}, ["network.0.cell: no value 'x'"]),
    ],
)
def test_a_wrong_op_is_refused_with_place_value_and_choices(op: Any, told: list[str]) -> None:
    message = refused(op)
    assert all(part in message for part in told), message


@pytest.mark.parametrize("kind", OPS)
def test_every_op_refuses_a_field_that_it_does_not_have(kind: str) -> None:
    assert f"network.0.colour: no field of {kind} called 'colour'" in refused({"op": kind, "colour": 1})


@pytest.mark.parametrize("name", ["forward", "training", "weight.bias", "a b", "", "_modules", "__init__", 3, "x" * 65])
def test_a_name_that_torch_could_not_take_is_refused(name: Any) -> None:
    assert "network.0.name: " in refused(conv(name=name))


@pytest.mark.parametrize("name", ["forward", "parameters", "drop_path", "a.b", "a-b"])
def test_so_is_that_of_a_branch(name: str) -> None:
    assert f"network.0.branches.{name}: " in refused(side_by_side(**{name: [conv()]}))


def test_a_name_stands_once_in_a_chain_and_as_often_as_one_likes_elsewhere() -> None:
    assert "network.1.name: 'a' stands twice in one chain" in refused(conv(name="a"), conv(name="a"))
    nested = side_by_side(a=[conv(name="a")], b=[conv(name="a")])
    assert build(conv(name="a"), nested)


def cells(**cells: Any) -> dict[str, Any]:
    return {"cells": cells}


def test_an_unknown_cell_is_refused_with_those_there_are() -> None:
    message = refused({"op": "cell", "cell": "norml"}, **cells(normal=[conv()], reduction=[conv()]))
    assert message == "network.0.cell: no cell 'norml'; did you mean 'normal'? There are: normal, reduction"


@pytest.mark.parametrize(
    ("between", "told"),
    [
        ({"a": [{"op": "cell", "cell": "a"}]}, "cells.a.0.cell: cell 'a' holds itself: a → a"),
        (
            {"a": [{"op": "cell", "cell": "b"}], "b": side_by_side(x=[{"op": "cell", "cell": "a"}])},
            "cells.b.branches.x.0.cell: cell 'a' holds itself: a → b → a",
        ),
    ],
)
def test_cells_that_hold_themselves_are_refused(between: Any, told: str) -> None:
    assert refused({"op": "cell", "cell": "a"}, cells=between) == told


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"depth": -1}, "network.0.depth: expected an integer from 0 to 20000; got -1"),
        ({"depth": 10**9}, "network.0.depth: expected an integer from 0 to 20000; got 1000000000"),
        ({"depth": "2"}, "network.0.depth: expected an integer"),
        ({"depth": {"int": [1, 2]}}, "network.0.depth: "),
        ({"values": [1]}, "network.0.values: expected a mapping"),
        ({"values": {}}, "cells.a.0.width: no value 'w'"),
        ({"values": {"v": 3}}, "no value 'w'; there are: v"),
        ({"depth": 2, "each": {"w": [1, 2, 3]}}, "network.0.each.w: expected a list of 2 values"),
        ({"depth": 2, "each": {"w": 3}}, "network.0.each.w: expected a list of 2 values"),
        ({"values": {"w": "wide"}}, "cells.a.0.width: no width 'wide'"),
    ],
)
def test_a_cell_that_is_used_wrongly_is_refused(fields: Any, told: str) -> None:
    assert told in refused({"op": "cell", "cell": "a", **fields}, **cells(a=[conv("$w")]))


def test_a_value_outside_of_cells_is_refused() -> None:
    assert "network.0.width: no value 'w'; there are: none (outside of cells there are none)" in refused(conv("$w"))


def widths(architecture: Architecture) -> list[int]:
    return [node.op.channels for node in architecture.plan.walk() if isinstance(node.op, Conv)]


def test_values_reach_into_a_cell_and_copies_may_each_have_their_own() -> None:
    cell = [conv("$w", kernel="$k"), side_by_side(a=[conv({"of": "$w", "times": 0.5})], b="$tail")]
    given = {"values": {"k": [1, 3], "tail": [conv(2)]}, "each": {"w": [8, 16]}}
    assert widths(build({"op": "cell", "cell": "a", "depth": 2, **given}, **cells(a=cell))) == [8, 4, 2, 16, 8, 2]


def test_values_are_handed_on_from_cell_to_cell() -> None:
    outer = {"op": "cell", "cell": "$inner", "values": {"w": "$width"}}
    network = {"op": "cell", "cell": "outer", "values": {"width": 6, "inner": "narrow"}}
    assert widths(build(network, **cells(outer=outer, narrow=[conv("$w")]))) == [6]


def test_a_cells_values_end_with_the_cell() -> None:
    outer = [{"op": "cell", "cell": "inner"}]
    message = refused({"op": "cell", "cell": "outer", "values": {"w": 3}}, **cells(outer=outer, inner=[conv("$w")]))
    assert "cells.inner.0.width: no value 'w'" in message


def test_depth_zero_is_no_copy() -> None:
    (cell, *_) = build({"op": "cell", "cell": "a", "depth": 0}, **cells(a=[conv()])).network
    assert isinstance(cell, Cell)
    assert cell.copies == ()


def test_defaults_of_the_document_take_the_place_of_the_languages() -> None:
    given = {"conv": {"activation": "silu", "norm": "none"}, "pool": {"padding": "valid"}}
    first, second, *_ = build(conv(), conv(activation="elu"), defaults=given).network
    assert isinstance(first, Conv)
    assert isinstance(second, Conv)
    assert (first.activation, first.norm, second.activation) == ("silu", None, "elu")


@pytest.mark.parametrize(
    ("defaults", "told"),
    [
        ({"convv": {}}, "defaults: no op 'convv'; did you mean 'conv'"),
        ({"conv": {"width": 3}}, "defaults.conv: no optional field 'width'"),
        ({"conv": {"activation": "rely"}}, "defaults.conv.activation: no choice 'rely'"),
        ({"conv": {"activation": "$a"}}, "defaults.conv.activation: no choice '$a'"),
        ({"conv": {"kernel": 3}}, "defaults.conv: no optional field 'kernel'"),
        ({"conv": None}, "defaults.conv: expected a mapping"),
        ([], "defaults: expected a mapping"),
        (False, "defaults: expected a mapping"),
    ],
)
def test_wrong_defaults_are_refused(defaults: Any, told: str) -> None:
    assert told in refused(conv(), defaults=defaults)


@pytest.mark.parametrize(
    ("ops", "told"),
    [
        ([conv(), {"op": "aux"}], "network.1: aux needs chain"),
        ([{"op": "aux", "chain": AUX}], "network.0: no op stands before this aux head"),
        ([conv(name="a"), {"op": "aux", "chain": AUX, "of": "b"}], "network.1.of: no earlier op called 'b'"),
        ([{"op": "aux", "chain": AUX, "of": "a"}, conv(name="a")], "network.0: no op stands before"),
        ([conv(name="a"), {"op": "aux", "chain": AUX, "of": 3}], "network.1.of: 3 is no name"),
        (
            [conv(name="a"), {"op": "aux", "name": "h", "chain": AUX}, {"op": "aux", "chain": AUX, "of": "h"}],
            "network.2.of: no earlier op called 'h'; there are: a",
        ),
        ([conv(), {"op": "aux", "chain": AUX, "weight": -1}], "network.1.weight: expected a number from 0"),
        ([{"op": "chain", "chain": [conv(), {"op": "aux", "chain": AUX}]}], "network.0.chain.1: an aux head stands in"),
        ([side_by_side(a=[conv(), {"op": "aux", "chain": AUX}])], "network.0.branches.a.1: an aux head stands in"),
        ([{"op": "residual", "body": [conv(), {"op": "aux", "chain": AUX}]}], "network.0.body.1: an aux head stands"),
        ([conv(), {"op": "aux", "chain": [conv(), {"op": "aux", "chain": AUX}]}], "network.1.chain.1: an aux head"),
        ([conv(), {"op": "cell", "cell": "a"}], "cells.a.1: an aux head stands in the network's own chain"),
    ],
)
def test_an_aux_head_stands_in_the_networks_own_chain_behind_what_it_reads(ops: list[Any], told: str) -> None:
    assert told in refused(*ops, **cells(a=[conv(), {"op": "aux", "chain": AUX}]))


def test_an_aux_head_reads_the_op_before_it_or_one_by_name() -> None:
    ops = build(conv(name="a"), conv(), {"op": "aux", "chain": AUX, "of": "a", "weight": 0.4}, conv()).network
    assert [(op.of, op.weight) for op in ops if isinstance(op, Aux)] == [("a", 0.4)]


@pytest.mark.parametrize(
    "keys",
    [
        {"cells": {"a": [conv()], "b": [{"op": "cell", "cell": "a", "depth": MAX_OPS}]}, "depth": 20_000},
        {"cells": {"a": [], "b": [{"op": "cell", "cell": "a", "depth": 10_000}]}, "depth": 20_000},
        {"cells": {"b": [conv()] * 200}, "depth": 200},
        {
            "cells": {f"c{n}": [{"op": "cell", "cell": f"c{n + 1}"}] * 9 for n in range(20)}
            | {"c20": [conv()], "b": [{"op": "cell", "cell": "c0"}]},
            "depth": 1,
        },
    ],
)
def test_a_network_of_too_many_ops_is_refused_before_they_are_made(keys: Any) -> None:
    depth = keys.pop("depth")
    assert f"the network has more than {MAX_OPS} ops" in refused({"op": "cell", "cell": "b", "depth": depth}, **keys)


def test_ops_within_ops_end_somewhere() -> None:
    chain = {f"c{n}": [{"op": "cell", "cell": f"c{n + 1}"}] for n in range(500)}
    message = refused({"op": "cell", "cell": "c0"}, cells={**chain, "c500": [conv()]})
    assert "ops within ops more than 64 levels deep" in message


def test_what_was_read_of_a_cell_before_makes_no_difference() -> None:
    cells = {"a": [conv("$width", "$kernel")], "b": side_by_side(x={"op": "cell", "cell": "a", "values": "$values"})}
    documents = [
        document({"op": "cell", "cell": "b", "values": {"values": {"width": width, "kernel": 3}}}, *HEAD, **keys)
        for width in (4, 8)
        for keys in ({}, {"width_multiplier": 0.5}, {"defaults": {"conv": {"activation": "none"}}})
    ]
    warm = [Architecture.from_document({**each, "cells": cells}) for _ in range(2) for each in documents][-6:]
    assert len({architecture.digest for architecture in warm}) == len(documents) - 1  # 8 · 0.5 is 4
    for each, architecture in zip(documents, warm, strict=True):
        forget_cells()
        cold = Architecture.from_document({**each, "cells": cells})
        assert (cold, cold.to_document()) == (architecture, architecture.to_document())


@pytest.mark.parametrize("multiplier", [0.5, {"times": 0.5, "multiple_of": 8, "minimum": 4}])
def test_the_width_multiplier_scales_widths_that_are_numbers(multiplier: Any) -> None:
    ops = [conv(48), conv(0), conv("in"), conv({"of": "in", "times": 2}), conv({"of": 48, "times": 0.5})]
    assert widths(build(*ops, width_multiplier=multiplier)) == [24, 24, 48, 12 if multiplier == 0.5 else 8]


@pytest.mark.parametrize("multiplier", [0, -1, "half", True, {"time": 2}, {"times": 0}, {"multiple_of": 0.5}, [2]])
def test_a_wrong_width_multiplier_is_refused(multiplier: Any) -> None:
    assert refused(conv(), width_multiplier=multiplier).startswith("architecture.width_multiplier")


def test_widths_that_grow_beyond_all_bounds_are_refused() -> None:
    assert "network.0.width, multiplied: expected an integer" in refused(conv(1000), width_multiplier=10_000)
    growing = [conv({"of": "in", "times": 1000})] * 3
    assert "width: expected an integer from 0 to 1000000; got" in refused(*growing)
