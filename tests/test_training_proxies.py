"""Zero-cost proxies: values worked out by hand, invariances, and every kind of network."""

from math import exp, inf, isfinite, log, pi, sqrt

import pytest
import torch
from torch import nn
from training_parts import CLASSES, DOCUMENT, small_data, small_network

from nas.architecture import Architecture
from nas.architecture.published import published_path
from nas.errors import InputError
from nas.network import build_network
from nas.space.reading import read_document
from nas.training.candidate import run
from nas.training.job import PROXIES, Job
from nas.training.proxies import REGISTRY, STEP, _finite, grad_norm, naswot, proxies, sensitivity, snip, synflow, zen
from nas.training.seeds import generator


def batch(n: int = 8, channels: int = 1, size: int = 8):
    rng = torch.Generator().manual_seed(0)
    return torch.randn(n, channels, size, size, generator=rng), torch.arange(n) % CLASSES


def linear(*weights: list[list[float]]) -> nn.Sequential:
    """A network of linear layers alone, without biases, over inputs "n c 1 1"."""
    layers = [nn.Linear(len(each[0]), len(each), bias=False) for each in weights]
    for layer, each in zip(layers, weights, strict=True):
        layer.weight.data = torch.tensor(each)
    return nn.Sequential(nn.Flatten(), *layers)


FIRST, SECOND = [[1.0, -2.0], [0.5, 3.0]], [[-1.0, 2.0], [4.0, 0.25]]


def test_synflow_of_two_linear_layers_is_the_sum_of_products_of_absolute_weights_once_a_layer():
    """Each layer's scores add up to R itself (Tanaka et al. 2020, theorem 2)."""
    products = sum(abs(SECOND[o][m] * FIRST[m][i]) for o in range(2) for m in range(2) for i in range(2))
    images = torch.randn(3, 2, 1, 1)
    assert exp(synflow(linear(FIRST, SECOND), images, torch.zeros(3))) == pytest.approx(2 * products)


def test_synflow_ignores_signs_images_and_batch_norms():
    images, labels = batch()
    plain, turned = small_network(), small_network()
    for parameter in turned.parameters():
        parameter.data *= -1
    turned[1].running_var.fill_(7.0)
    value = synflow(plain, images, labels)
    assert synflow(turned, images * 100 + 1, labels) == value
    without = small_network()
    without[1] = nn.Identity()
    assert synflow(without, images, labels) == value


def test_grad_norm_and_snip_of_one_linear_layer_are_those_worked_out_by_hand():
    """The gradient of cross-entropy by the logits is (softmax - target) / n."""
    images, labels = torch.tensor([[1.0, 2.0], [0.0, -1.0]])[:, :, None, None], torch.tensor([0, 1])
    weight = torch.tensor(FIRST)
    x = images.flatten(1)
    error = torch.softmax(x @ weight.T, 1) - torch.eye(2)[labels]
    gradient = error.T @ x / 2
    assert grad_norm(linear(FIRST), images, labels) == pytest.approx(gradient.norm().item())
    assert snip(linear(FIRST), images, labels) == pytest.approx((gradient * weight).abs().sum().item())


def test_grad_norm_adds_up_layers_and_snip_weighs_with_the_weights():
    """Weights ten times as large in front of a batch norm change nothing behind it: their gradient is a tenth."""
    images, labels = batch()
    parts = [small_network() for _ in range(4)]
    for network in parts[2:]:
        network[0].weight.data *= 10
    norms = [grad_norm(network, images, labels) for network in (parts[0], parts[2])]
    assert norms[1] < norms[0]
    assert snip(parts[3], images, labels) == pytest.approx(snip(parts[1], images, labels), rel=1e-2)


def test_naswot_is_the_determinant_of_shared_codes():
    """Codes 10, 11 and 00 of two units: K = [[2, 1, 1], [1, 2, 0], [1, 0, 2]], and one more on the diagonal."""
    images = torch.tensor([[1.0, -1.0], [1.0, 1.0], [-1.0, -1.0]])[:, :, None, None]
    determinant = 27 - 3 - 3
    assert naswot(nn.Sequential(nn.ReLU()), images, torch.zeros(3)) == pytest.approx(log(determinant))


def test_naswot_grows_with_distinct_codes_and_stays_finite_where_all_are_one():
    images = torch.tensor([[1.0, -1.0], [1.0, 1.0], [-1.0, -1.0]])[:, :, None, None]
    values = [naswot(nn.ReLU(), each, torch.zeros(3)) for each in (images[[0, 0, 0]], images[[0, 0, 1]], images)]
    assert values == sorted(values)
    assert values[0] == pytest.approx(log(7))  # the unit matrix and twos everywhere: 1 · 1 · (1 + 3 · 2)
    assert values[0] < values[1] < values[2]
    assert naswot(nn.Conv2d(2, 3, 1), images, torch.zeros(3)) == 0.0


def test_naswot_does_not_depend_on_the_scale_of_what_comes_in_or_on_the_order_of_the_images():
    images, labels = batch()
    value = naswot(small_network(), images, labels)
    assert naswot(small_network(), 3 * images, labels) == pytest.approx(value, rel=1e-3)
    assert naswot(small_network(), images.flip(0), labels.flip(0)) == pytest.approx(value, rel=1e-6)


def test_the_sensitivity_of_a_linear_layer_is_the_norm_of_its_weights():
    """‖W ε‖ for one number in: E|ε| · ‖W‖, and E|ε| = √(2/π)."""
    network = linear([[3.0], [4.0]])
    found = sensitivity(network, (20_000, 1, 1, 1), generator(0))
    assert exp(found) == pytest.approx(STEP * sqrt(2 / pi) * 5.0, rel=0.02)


def test_zen_looks_before_the_last_global_pool_and_grows_with_width_and_depth():
    images, labels = batch()
    values = {}
    for width, depth in ((4, 1), (16, 1), (4, 3)):
        body = [{"op": "conv", "width": width, "kernel": 3}] * depth
        for classes in (3, 50):
            document = {
                "input": {"channels": 1, "size": 8},
                "classes": classes,
                "network": [*body, {"op": "global_pool"}, {"op": "linear", "width": "classes"}],
            }
            network = build_network(Architecture.from_document(document), in_channels=1, classes=classes)
            values[width, depth, classes] = zen(network, images, labels)
    assert values[4, 1, 3] == values[4, 1, 50]
    assert values[4, 1, 3] < values[16, 1, 3]
    assert values[4, 1, 3] < values[4, 3, 3]


def test_the_names_that_a_driver_knows_are_those_that_there_are():
    assert tuple(REGISTRY) == PROXIES


def values(document=DOCUMENT, names=PROXIES, **options):
    return proxies(document, small_data, names, threads=1, accelerator="cpu", **options)


def test_a_document_with_aux_head_residual_and_drop_path_has_every_proxy_the_same_each_time():
    found = values()
    assert list(found) == list(PROXIES)
    assert all(map(isfinite, found.values()))
    assert values() == found
    assert values(names=["zen", "snip"]) == {name: found[name] for name in ("zen", "snip")}
    network = [op for op in DOCUMENT["architecture"]["network"] if op["op"] != "aux"]
    plain = {**DOCUMENT["architecture"], "network": network}
    assert values({**DOCUMENT, "architecture": plain, "training": {}}) == found


def test_proxies_follow_the_seed_of_the_document():
    other = values({**DOCUMENT, "seed": 4})
    found = values()
    assert other["grad_norm"] != found["grad_norm"]
    assert other["synflow"] != found["synflow"]


def test_dropout_is_off():
    images, labels = batch()
    assert grad_norm(small_network(dropout=0.9), images, labels) == grad_norm(small_network(), images, labels)


@pytest.mark.parametrize("name", ["inception_small", "inception_resnet_v2", "googlenet", "nin_cifar10"])
def test_proxies_of_published_networks_are_finite(name):
    architecture = read_document(published_path(name))["architecture"]
    offered = architecture.get("variants", {})
    small = {**architecture, "width_multiplier": 0.1, **({"variant": "small"} if "small" in offered else {})}
    found = proxies(
        {"architecture": small, "seed": 0},
        lambda: small_data(size=(32, 32)),
        PROXIES,
        threads=1,
        accelerator="cpu",
        batch=4,
    )
    assert all(map(isfinite, found.values()))


def test_what_overflows_is_the_largest_number():
    class Endless(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(1, 1))

        def forward(self, x):
            return (x.flatten(1) * inf) @ self.weight[:, :1].expand(x[0].numel(), 1)

    images, _ = batch()
    assert _finite(sensitivity(Endless(), images.shape, generator(0))) == torch.finfo(torch.float64).max


def test_a_proxy_that_there_is_not_is_refused():
    with pytest.raises(InputError, match=r"proxy: no proxy 'naswott'; did you mean 'naswot'"):
        values(names=["naswott"])


def test_a_job_with_a_proxy_gives_that_and_how_long_it_took():
    score = run(Job(DOCUMENT, small_data, "cpu", proxy="snip"), lambda epoch, metrics: 1 / 0, threads=1)
    assert score.value == values(names=["snip"])["snip"]
    assert score.seconds > 0
