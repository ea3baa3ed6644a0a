"""What the built layers compute, held against straightforward references."""

import math
from itertools import product
from typing import Any

import pytest
import torch
from built import images
from documents import FLAT_HEAD, build, conv, document
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from nas.architecture import Architecture
from nas.architecture.fields import ACTIVATIONS
from nas.errors import InputError
from nas.network import build_network
from nas.network.layers import ACTIVATIONS as MODULES
from nas.network.layers import Unit


def layer(op: dict[str, Any], height: int = 8, width: int = 8, channels: int = 3) -> nn.Module:
    """The module of an op, in double precision."""
    given = document({**op, "name": "it"}, *FLAT_HEAD, size=[height, width], channels=channels)
    return layer_of(Architecture.from_document(given))


def layer_of(architecture: Architecture) -> nn.Module:
    return build_network(architecture).double().get_submodule("it")


def random_images(*shape: int) -> Tensor:
    return torch.rand(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 2 - 1


def pooled(x: Tensor, op: Any, out: tuple[int, int]) -> Tensor:
    """Window by window. The divisor of an average: the window's part in the image, or in image and padding."""
    (kh, kw), (sh, sw), (top, bottom, left, right) = op.kernel, op.stride, op.padding
    n, c, h, w = x.shape
    result = torch.empty(n, c, *out, dtype=x.dtype)
    for i, j in product(range(out[0]), range(out[1])):
        y, z = i * sh - top, j * sw - left
        window = x[:, :, max(y, 0) : y + kh, max(z, 0) : z + kw]
        if op.kind == "max":
            result[:, :, i, j] = window.amax((2, 3))
        else:
            inside = window.shape[2] * window.shape[3]
            padded = (min(y + kh, h + bottom) - y) * (min(z + kw, w + right) - z)
            result[:, :, i, j] = window.sum((2, 3)) / (padded if op.count_padding else inside)
    return result


@pytest.mark.parametrize("op", [{"kind": "max"}, {"kind": "average"}, {"kind": "average", "count_padding": False}])
def test_with_ceil_no_window_starts_in_uneven_padding(op: dict[str, Any]) -> None:
    """The height has a window more with ceil; the width must not, though its padding is padded in by hand."""
    pool = {"op": "pool", "kernel": 2, "stride": 2, "padding": [0, 0, 0, 1], "ceil": True, **op}
    architecture = build({**pool, "name": "it"}, size=[3, 4])
    node = architecture.plan.children[0]
    assert node.output == (3, 2, 2)
    x = random_images(2, 3, 3, 4)
    torch.testing.assert_close(layer_of(architecture)(x), pooled(x, node.op, (2, 2)))


sizes = st.integers(1, 9)
numbers = st.integers(0, 2)
kernels = st.lists(st.integers(1, 5), min_size=2, max_size=2)
strides = st.lists(st.integers(1, 3), min_size=2, max_size=2)
paddings = st.sampled_from(["same", "valid", "tf_same"]) | st.lists(numbers, min_size=4, max_size=4)


@settings(max_examples=120)
@given(
    st.fixed_dictionaries(
        {
            "op": st.just("pool"),
            "kind": st.sampled_from(["max", "average"]),
            "kernel": kernels,
            "stride": strides,
            "padding": paddings,
            "ceil": st.booleans(),
            "count_padding": st.booleans(),
        }
    ),
    sizes,
    sizes,
)
def test_pools_take_each_window_as_they_say(op: Any, height: int, width: int) -> None:
    try:
        architecture = build({**op, "name": "it"}, size=[height, width])
    except InputError:
        return
    node = architecture.plan.children[0]
    if node.kind == "identity":
        return
    x = random_images(2, 3, height, width)
    torch.testing.assert_close(layer_of(architecture)(x), pooled(x, node.op, (node.output[1], node.output[2])))


@settings(max_examples=60)
@given(kernels, strides, paddings, sizes, sizes)
def test_convolutions_are_padded_as_they_say(k: Any, stride: Any, padding: Any, height: int, width: int) -> None:
    op = conv(2, k, stride=stride, padding=padding, norm="none", activation="none", name="it")
    try:
        architecture = build(op, size=[height, width])
    except InputError:
        return
    module = layer_of(architecture)
    top, bottom, left, right = architecture.plan.children[0].op.sides  # type: ignore[attr-defined]
    x = random_images(2, 3, height, width)
    expected = functional.conv2d(
        functional.pad(x, (left, right, top, bottom)), module.get_parameter("conv.weight"), stride=stride
    )
    torch.testing.assert_close(module(x), expected)


def test_tf_same_is_tensorflows_padding_by_its_formula() -> None:
    module = layer(conv(1, 3, stride=2, padding="tf_same", norm="none", activation="none"), 4, 4, channels=1)
    with torch.no_grad():
        module.get_parameter("conv.weight").fill_(1)
    x = torch.arange(16, dtype=torch.float64).view(1, 1, 4, 4)
    padded = functional.pad(x, (0, 1, 0, 1))  # max((ceil(4/2) - 1)·2 + 3 - 4, 0) = 1, behind
    expected = torch.stack([padded[0, 0, i : i + 3, j : j + 3].sum() for i in (0, 2) for j in (0, 2)]).view(1, 1, 2, 2)
    torch.testing.assert_close(module(x), expected)


def test_a_max_pool_in_tf_same_on_an_even_grid_is_one_without_padding_and_with_ceil() -> None:
    x = random_images(2, 3, 8, 8)
    padded = layer({"op": "pool", "kind": "max", "stride": 2, "padding": "tf_same"})
    ceil = layer({"op": "pool", "kind": "max", "stride": 2, "padding": "valid", "ceil": True})
    torch.testing.assert_close(padded(x), ceil(x))


@pytest.mark.parametrize("divide", [True, False])
@pytest.mark.parametrize("size", [1, 3, 4, 5])
def test_lrn_is_its_formula_in_both_conventions_of_alpha(divide: bool, size: int) -> None:
    op = {"op": "lrn", "size": size, "alpha": 0.3, "beta": 0.6, "k": 2.0, "divide_alpha": divide}
    x = random_images(2, 7, 3, 3)
    alpha = 0.3 / size if divide else 0.3
    expected = torch.empty_like(x)
    for channel in range(7):
        near = x[:, max(channel - size // 2, 0) : channel + (size - 1) // 2 + 1]
        expected[:, channel] = x[:, channel] / (2.0 + alpha * (near**2).sum(1)) ** 0.6
    torch.testing.assert_close(layer(op, 3, 3, channels=7)(x), expected)


def test_a_norm_without_scale_learns_its_shift_alone() -> None:
    module = layer(conv(4, 1, norm={"eps": 1e-3, "momentum": 0.2, "scale": False}, activation="none"))
    assert [name for name, _ in module.named_parameters()] == ["conv.weight", "norm.bias"]
    assert "norm.weight" not in module.state_dict()
    norm = module.get_submodule("norm")
    assert isinstance(norm, nn.BatchNorm2d)
    assert (norm.eps, norm.momentum) == (1e-3, 0.2)
    x = random_images(2, 3, 8, 8)
    y = module.get_submodule("conv")(x)
    mean, variance = y.mean((0, 2, 3), keepdim=True), y.var((0, 2, 3), keepdim=True, correction=0)
    torch.testing.assert_close(module(x), (y - mean) / (variance + 1e-3).sqrt())


def test_a_norm_without_scale_can_be_copied_moved_and_reloaded() -> None:
    module = layer(conv(4, 1, norm={"scale": False}))
    other = layer(conv(4, 1, norm={"scale": False}))
    other.load_state_dict(module.state_dict())
    x = random_images(2, 3, 8, 8)
    torch.testing.assert_close(other.eval()(x), module.eval()(x))
    assert module.float().half().state_dict()["norm.bias"].dtype == torch.float16


def test_heads_of_every_kind_compute_what_they_say() -> None:
    x = random_images(2, 3, 4, 6)
    torch.testing.assert_close(layer({"op": "global_pool"}, 4, 6)(x), x.mean((2, 3)))
    torch.testing.assert_close(layer({"op": "global_pool", "kind": "max"}, 4, 6)(x), x.amax((2, 3)))
    torch.testing.assert_close(
        layer({"op": "adaptive_pool", "size": 2}, 4, 6)(x), x.unfold(2, 2, 2).unfold(3, 3, 3).mean((4, 5))
    )
    torch.testing.assert_close(layer({"op": "flatten"}, 4, 6)(x), x.reshape(2, 72))
    affine = layer({"op": "channel_affine", "scale": [1, 2, 3], "shift": 0.5}, 4, 6)
    torch.testing.assert_close(affine(x), x * torch.tensor([1, 2, 3]).view(1, 3, 1, 1) + 0.5)
    assert affine.state_dict() == {}
    scaled_to_one = layer({"op": "chain", "chain": [{"op": "flatten"}, {"op": "l2_norm"}]}, 4, 6)(x)
    torch.testing.assert_close(scaled_to_one, x.flatten(1) / x.flatten(1).norm(dim=1, keepdim=True))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_of_the_language_is_there_and_trains(name: str) -> None:
    network = build_network(build(conv(4, activation=name), {"op": "activation", "activation": name}))
    output = network(torch.rand(2, 3, 8, 8, requires_grad=True))
    output.sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_activations_of_the_language_and_of_the_network_are_the_same() -> None:
    assert set(MODULES) == set(ACTIVATIONS)
    x = torch.linspace(-3, 3, 13, dtype=torch.float64)
    expected = {
        "none": x,
        "relu": x.clamp(min=0),
        "relu6": x.clamp(0, 6),
        "leaky_relu": torch.where(x < 0, 0.01 * x, x),
        "elu": torch.where(x < 0, x.exp() - 1, x),
        "silu": x * x.sigmoid(),
        "gelu": x * 0.5 * (1 + torch.erf(x / math.sqrt(2))),
        "hardswish": x * (x + 3).clamp(0, 6) / 6,
        "sigmoid": 1 / (1 + (-x).exp()),
    }
    for name, values in expected.items():
        torch.testing.assert_close(MODULES[name](False)(x), values)


@pytest.mark.parametrize("ops", [[conv(4)], [{"op": "activation"}], [{"op": "residual", "body": []}], [{"op": "norm"}]])
def test_nothing_writes_into_the_images(ops: list[Any]) -> None:
    x = torch.rand(2, 3, 8, 8)
    kept = x.clone()
    build_network(build(*ops))(x)
    assert torch.equal(x, kept)


@pytest.mark.parametrize(
    "form",
    [
        "full",
        "stacked",
        "asymmetric",
        {"kind": "asymmetric", "first": "nx1"},
        {"kind": "asymmetric", "times": 2},
        "fork",
    ],
)
@pytest.mark.parametrize("n", [3, 5, 7])
def test_a_form_sees_what_the_full_convolution_sees(form: Any, n: int) -> None:
    """A pixel of the output depends on n×n pixels (twice asymmetric: more; a fork: a row and a column)."""
    size = 4 * n + 1
    module = layer(conv(2, n, form=form, norm="none", activation="none"), size, size)
    with torch.no_grad():
        for weight in module.parameters():
            weight.fill_(1)
    x = torch.zeros(1, 3, size, size, dtype=torch.float64, requires_grad=True)
    module(x)[0, :, size // 2, size // 2].sum().backward()
    assert x.grad is not None
    seen = x.grad[0, 0] != 0
    reach = 2 * n - 1 if form == {"kind": "asymmetric", "times": 2} else n
    low, high = size // 2 - reach // 2, size // 2 + reach // 2 + 1
    expected = torch.zeros(size, size, dtype=torch.bool)
    if form == "fork":
        expected[size // 2, low:high] = expected[low:high, size // 2] = True
    else:
        expected[low:high, low:high] = True
    assert torch.equal(seen, expected)


def test_a_fork_puts_its_row_before_its_column() -> None:
    module = layer(conv(2, 3, form="fork", norm="none", activation="none"), channels=1)
    with torch.no_grad():
        for weight in module.parameters():
            weight.fill_(1)
    x = torch.zeros(1, 1, 8, 8, dtype=torch.float64)
    x[0, 0, 4, 4] = 1
    row, column = module(x)[0]
    assert (row.sum(1) > 0).sum() == 1
    assert (column.sum(0) > 0).sum() == 1


def test_convolutions_start_as_he_et_al_say() -> None:
    module = layer(conv(256, 3, bias=True), channels=64)
    assert isinstance(module, Unit)
    weight, bias = module.get_parameter("conv.weight"), module.get_parameter("conv.bias")
    assert weight.std().item() == pytest.approx(math.sqrt(2 / (64 * 9)), rel=0.02)
    assert not bias.any()


def test_a_network_goes_into_channels_last_half_precision_and_on_meta() -> None:
    architecture = build({"op": "pool", "kind": "average", "kernel": 2, "count_padding": False}, conv(4, 2))
    network = build_network(architecture).to(memory_format=torch.channels_last)
    x = torch.rand(2, 3, 8, 8).to(memory_format=torch.channels_last)
    assert network(x).shape == (2, 5)
    assert network.bfloat16()(x.bfloat16()).dtype == torch.bfloat16
    assert network.to("meta")(images(architecture, dtype=torch.bfloat16)).shape == (2, 5)
