"""Optimizers from recipes."""

import pytest
import torch
from training_parts import quick, small_network

from nas.training.optimizers import optimizer
from nas.training.recipe import OPTIMIZERS


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_norms_and_biases_do_not_decay(name):
    network = small_network()
    decay, plain = optimizer(network, quick(optimizer=name, weight_decay=0.5)).param_groups
    assert decay["weight_decay"] == 0.5
    assert plain["weight_decay"] == 0
    decaying = {id(each) for each in decay["params"]}
    names = {key for key, each in network.named_parameters() if id(each) in decaying}
    assert names == {"0.weight", "4.weight", "7.weight"}
    assert len(decay["params"]) + len(plain["params"]) == len(list(network.parameters()))


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("clip", [0.0, 1.0])
def test_a_step_moves_every_parameter(name, clip):
    network = small_network()
    before = [each.detach().clone() for each in network.parameters()]
    made = optimizer(network, quick(optimizer=name, clip_gradient=clip))
    for each in network.parameters():
        each.grad = torch.ones_like(each)
    made.step()
    assert not any(torch.equal(*pair) for pair in zip(before, network.parameters(), strict=True))


def test_the_recipe_reaches_the_optimizer():
    sgd = optimizer(small_network(), quick(optimizer="sgd", lr=0.3, momentum=0.8, nesterov=True)).param_groups[0]
    assert (sgd["lr"], sgd["momentum"], sgd["nesterov"]) == (0.3, 0.8, True)
    recipe = quick(optimizer="rmsprop", momentum=0.7, rmsprop_decay=0.95, rmsprop_eps=1.0)
    rmsprop = optimizer(small_network(), recipe).param_groups[0]
    assert (rmsprop["momentum"], rmsprop["alpha"], rmsprop["eps"]) == (0.7, 0.95, 1.0)
