"""What each op makes of a shape, held against the built network on the meta device."""

from typing import Any

import pytest
from built import assert_built_as_planned, on_meta, parameters
from documents import HEAD, build, conv, document, side_by_side
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.architecture import Architecture
from nas.architecture.ops import Conv, Pool
from nas.errors import InputError

small = st.integers(1, 7)
strides = st.integers(1, 3)
sizes = st.integers(1, 16)


def either(numbers: st.SearchStrategy[int]) -> st.SearchStrategy[Any]:
    """A number, or one for the height and one for the width."""
    return numbers | st.lists(numbers, min_size=2, max_size=2)


paddings = (
    st.sampled_from(["same", "valid", "tf_same"])
    | either(st.integers(0, 3))
    | st.lists(st.integers(0, 3), min_size=4, max_size=4)
)
norms = st.sampled_from(["none", "batch", {"eps": 1e-3}, {"scale": False}])
convs = st.fixed_dictionaries(
    {"op": st.just("conv"), "width": st.integers(0, 8) | st.sampled_from(["in", "classes"]), "kernel": either(small)},
    optional={
        "stride": either(strides),
        "padding": paddings,
        "groups": st.integers(1, 4) | st.just("in"),
        "bias": st.booleans(),
        "norm": norms,
        "activation": st.sampled_from(["relu", "none", "silu"]),
        "form": st.sampled_from(["full", "stacked", "asymmetric", "fork", {"kind": "asymmetric", "times": 2}]),
    },
)
formed = st.fixed_dictionaries(
    {
        "op": st.just("conv"),
        "width": st.integers(2, 8),
        "kernel": st.sampled_from([1, 3, 5, 7]),
        "stride": either(strides),
        "padding": st.sampled_from(["same", "valid"]),
        "form": st.sampled_from(["stacked", "fork"])
        | st.fixed_dictionaries(
            {"kind": st.just("asymmetric"), "times": st.integers(1, 3), "first": st.sampled_from(["1xn", "nx1"])}
        ),
    }
)
pools = st.fixed_dictionaries(
    {"op": st.just("pool"), "kind": st.sampled_from(["max", "average"])},
    optional={
        "kernel": either(small),
        "stride": either(strides),
        "padding": paddings,
        "ceil": st.booleans(),
        "count_padding": st.booleans(),
    },
)
rest = st.sampled_from(
    [
        {"op": "lrn"},
        {"op": "dropout"},
        {"op": "identity"},
        {"op": "norm"},
        {"op": "norm", "norm": {"scale": False}},
        {"op": "activation", "activation": "gelu"},
        {"op": "channel_affine", "scale": 2, "shift": [1]},
        {"op": "adaptive_pool", "size": [3, 2]},
        {"op": "adaptive_pool", "size": 1, "kind": "max"},
    ]
)
fitting = st.fixed_dictionaries(
    {"op": st.just("conv"), "width": st.integers(0, 8), "kernel": st.sampled_from([1, 3, [1, 7], [2, 4]])},
    optional={"bias": st.booleans(), "norm": norms},
)
REFUSALS = ("does not fit the grid", "groups do not divide", "the form ", "more than half of the kernel")


def built_or_refused(*ops: Any, **keys: Any) -> Architecture | None:
    """None if the ops are refused for what comes in, and for nothing else."""
    try:
        return build(*ops, **keys)
    except InputError as error:
        reason = str(error)
    assert any(known in reason for known in REFUSALS), reason
    return None


@settings(max_examples=150)
@given(convs | formed | pools | rest, st.integers(1, 4), sizes, sizes)
def test_an_op_is_built_as_planned_or_refused_for_its_shape(op: Any, channels: int, height: int, width: int) -> None:
    architecture = built_or_refused(op, channels=channels, size=[height, width])
    if architecture is not None:
        assert_built_as_planned(architecture)


@settings(max_examples=25)
@given(st.lists(fitting | formed | rest, min_size=2, max_size=6))
def test_a_chain_of_ops_is_built_as_planned(ops: list[Any]) -> None:
    architecture = built_or_refused(*ops, size=32)
    if architecture is not None:
        assert_built_as_planned(architecture)


chains = st.none() | st.lists(fitting, max_size=2)


@settings(max_examples=25)
@given(st.lists(chains, max_size=3), st.lists(fitting, max_size=2), st.booleans())
def test_branches_and_residuals_are_built_as_planned(many: list[Any], one: list[Any], project: bool) -> None:
    branches = side_by_side(**{f"b{index}": chain for index, chain in enumerate([*many, one])})
    architecture = build(
        branches,
        {"op": "residual", "body": branches, "projection": True},
        {"op": "residual", "body": branches, "shortcut": [conv(5)] if project else branches, "projection": project},
    )
    assert_built_as_planned(architecture)


@pytest.mark.parametrize(
    "ops",
    [
        [{"op": "flatten"}, {"op": "linear", "width": 12, "norm": "batch", "activation": "relu"}],
        [{"op": "flatten"}, {"op": "norm"}, {"op": "linear", "width": {"of": "in", "times": 0.5}, "bias": False}],
        [{"op": "global_pool", "kind": "max"}, {"op": "l2_norm"}, {"op": "linear", "width": 0}],
        [{"op": "global_pool"}, {"op": "flatten"}, {"op": "dropout", "rate": 0}, {"op": "activation"}],
        [side_by_side(a=[{"op": "flatten"}], b=[{"op": "global_pool"}, {"op": "linear", "width": 3}])],
        [{"op": "flatten"}, {"op": "residual", "body": [{"op": "linear", "width": "in"}]}],
        [{"op": "adaptive_pool", "size": 4}, {"op": "flatten"}],
    ],
)
def test_heads_of_every_kind_are_built_as_planned(ops: list[Any]) -> None:
    given = document(*ops, {"op": "linear", "width": "classes"}, size=[5, 7])
    assert_built_as_planned(Architecture.from_document(given))


def convs_of(architecture: Architecture) -> dict[str, Conv]:
    return {node.path: node.op for node in architecture.plan.walk() if isinstance(node.op, Conv)}


@pytest.mark.parametrize(
    ("form", "stride", "expected"),
    [
        ("full", 2, {"c": ((5, 5), (2, 2), 8)}),
        ("stacked", 2, {"c.3x3_1": ((3, 3), (1, 1), 8), "c.3x3_2": ((3, 3), (2, 2), 8)}),
        ("asymmetric", 2, {"c.1x5": ((1, 5), (1, 2), 8), "c.5x1": ((5, 1), (2, 1), 8)}),
        (
            {"kind": "asymmetric", "first": "nx1"},
            [3, 2],
            {"c.5x1": ((5, 1), (3, 1), 8), "c.1x5": ((1, 5), (1, 2), 8)},
        ),
        (
            {"kind": "asymmetric", "times": 2, "first": "nx1"},
            2,
            {
                "c.5x1_1": ((5, 1), (1, 1), 8),
                "c.1x5_1": ((1, 5), (1, 1), 8),
                "c.5x1_2": ((5, 1), (2, 1), 8),
                "c.1x5_2": ((1, 5), (1, 2), 8),
            },
        ),
        ("fork", 2, {"c.1x5.conv": ((1, 5), (2, 2), 4), "c.5x1.conv": ((5, 1), (2, 2), 4)}),
    ],
)
def test_a_form_is_these_convolutions_and_takes_its_stride_once(form: Any, stride: Any, expected: Any) -> None:
    made = convs_of(build(conv(8, 5, name="c", form=form, stride=stride), size=16))
    assert {path: (op.kernel, op.stride, op.channels) for path, op in made.items()} == expected
    assert all(op.activation == "relu" and op.norm is not None for op in made.values())


@pytest.mark.parametrize("form", ["full", "stacked", "asymmetric", "fork", {"kind": "asymmetric", "times": 3}])
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("stride", [1, 2, [1, 3]])
def test_every_form_gives_the_grid_of_the_full_convolution(form: Any, padding: str, stride: Any) -> None:
    if (form == "fork" or isinstance(form, dict)) and padding == "valid":
        return  # a fork cannot be valid, and twice valid loses twice the border
    full, other = (
        build(conv(8, 5, form=kind, padding=padding, stride=stride), size=[13, 16]).plan.children[0].output
        for kind in ("full", form)
    )
    assert full == other


@pytest.mark.parametrize("n", [3, 5, 7])
def test_parameters_of_the_forms(n: int) -> None:
    def weights(form: Any) -> int:
        return parameters(on_meta(build(conv(8, n, name="c", form=form, norm="none"))).get_submodule("c"))

    assert weights("full") == n * n * 3 * 8
    assert weights("stacked") == 9 * 3 * 8 + ((n - 1) // 2 - 1) * 9 * 8 * 8
    assert weights("asymmetric") == n * 3 * 8 + n * 8 * 8
    assert weights({"kind": "asymmetric", "times": 2}) == n * 3 * 8 + 3 * n * 8 * 8
    assert weights("fork") == n * 3 * 8


def test_an_odd_fork_gives_the_wider_half_to_the_row() -> None:
    widths = [op.channels for op in convs_of(build(conv(7, 3, form="fork"))).values()]
    assert widths == [4, 3]


@pytest.mark.parametrize(
    ("op", "told"),
    [
        (conv(4, 9, padding="valid"), "a kernel of 9×9 does not fit the grid of 8×8"),
        (conv(4, 9, padding=[0, 1]), "a kernel of 9×9 does not fit the grid of 8×8"),
        (conv(4, 3, groups=2), "2 groups do not divide both 3 channels in and 4 out"),
        (conv(4, 3, groups="in"), "3 groups do not divide both 3 channels in and 4 out"),
        (conv(4, [3, 5], form="stacked"), "the form stacked needs a square kernel of odd size, not (3, 5)"),
        (conv(4, 4, form="asymmetric"), "the form asymmetric needs a square kernel of odd size, not (4, 4)"),
        (conv(4, 3, form="stacked", padding=1), "takes the padding same or valid"),
        (conv(4, 3, form="fork", padding="valid"), "the form fork takes the padding same"),
        (conv(1, 3, form="fork"), "a width of at least 2"),
        (conv(4, 99, form="stacked"), "the form stacked takes kernels up to 63, not 99"),
        ({"op": "pool", "kind": "max", "kernel": 9, "padding": "valid"}, "does not fit the grid"),
        ({"op": "pool", "kind": "max", "kernel": 3, "padding": 2}, "is more than half of the kernel"),
        (
            {"op": "linear", "width": 3},
            "linear needs a vector, but a map of 3×8×8 comes in; put flatten or global_pool",
        ),
        ({"op": "l2_norm"}, "l2_norm needs a vector"),
        ({"op": "channel_affine", "scale": [1, 2]}, "scale has 2 numbers for 3 channels"),
        ({"op": "channel_affine", "shift": [1, 1]}, "shift has 2 numbers for 3 channels"),
    ],
)
def test_an_op_that_does_not_fit_what_comes_in_is_refused_with_its_path(op: Any, told: str) -> None:
    with pytest.raises(InputError) as error:
        build(conv(3), {**op, "name": "wrong"})
    assert str(error.value).startswith("wrong")
    assert told in str(error.value)


@pytest.mark.parametrize("op", ["conv", "pool", "global_pool", "adaptive_pool", "lrn", "channel_affine"])
def test_an_op_on_maps_refuses_a_vector(op: str) -> None:
    needed = {"conv": conv(3), "pool": {"op": "pool", "kind": "max"}, "adaptive_pool": {"op": op, "size": 1}}
    with pytest.raises(InputError, match=f"{op} needs a map .* but a vector of 192 comes in"):
        build({"op": "flatten"}, needed.get(op, {"op": op}))


def test_symbolic_widths_follow_what_comes_in_and_the_classes() -> None:
    made = convs_of(build(conv(24), conv("in"), conv({"of": "in", "times": 0.5, "multiple_of": 8}), conv("classes")))
    assert [op.channels for op in made.values()] == [24, 24, 8, 5]


def test_an_op_that_does_nothing_becomes_an_identity() -> None:
    nothing = [
        conv(0),
        {"op": "pool", "kind": "max", "kernel": 1},
        {"op": "norm", "norm": "none"},
        {"op": "activation", "activation": "none"},
        {"op": "channel_affine", "scale": [1, 1, 1], "shift": [0, 0, 0]},
    ]
    kinds = [child.kind for child in build(*nothing).plan.children]
    assert kinds[:-2] == ["identity"] * len(nothing)
    assert len(HEAD) == 2


def test_flags_of_a_pool_that_say_nothing_are_dropped() -> None:
    (first, second, third, *_) = (
        node.op
        for node in build(
            {"op": "pool", "kind": "average", "padding": "valid", "count_padding": False},
            {"op": "pool", "kind": "max", "ceil": True, "stride": 2, "kernel": 2},
            {"op": "pool", "kind": "average", "ceil": True, "stride": 2, "count_padding": False},
        ).plan.children
    )
    assert isinstance(first, Pool)
    assert isinstance(second, Pool)
    assert isinstance(third, Pool)
    assert (first.count_padding, second.ceil) == (True, False)
    assert third.count_padding is False
