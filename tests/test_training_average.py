"""Averaged weights."""

import torch
from torch import nn

from nas.training.average import Average


def test_the_average_follows_weights_and_statistics_with_its_decay():
    network = nn.BatchNorm2d(2)
    average = Average(network, 0.5)
    with torch.no_grad():
        network.weight.fill_(3.0)
        network.running_mean.fill_(2.0)
    average.update(10_000)
    assert average.network.weight.tolist() == [2.0, 2.0]
    assert average.network.running_mean.tolist() == [1.0, 1.0]


def test_the_initial_weights_are_soon_forgotten():
    network = nn.Linear(1, 1, bias=False)
    nn.init.constant_(network.weight, 100.0)
    average = Average(network, 0.9999)
    nn.init.constant_(network.weight, 1.0)
    for step in range(30):
        average.update(step)
    assert abs(average.network.weight.item() - 1) < 0.01


def test_the_average_evaluates_and_leaves_the_network_alone():
    network = nn.Sequential(nn.Linear(2, 2), nn.Dropout()).train()
    average = Average(network, 0.9)
    average.update(0)
    assert not average.network.training
    assert not any(each.requires_grad for each in average.network.parameters())
    assert network.training
    assert all(each.requires_grad for each in network.parameters())
