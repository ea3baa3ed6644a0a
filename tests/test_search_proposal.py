"""From parameters to a candidate: checked, priced and identified."""

from random import Random
from typing import Any

import pytest
import torch
from search_parts import tiny_space

from nas.errors import InputError
from nas.search.options import Budget
from nas.search.proposal import Candidate, Misfit, excess, propose
from nas.space.space import Space
from nas.space.suggest import RandomSuggest, Recorded
from nas.training.optimizers import optimizer


def candidate(space: Space, **parameters: object) -> Candidate:
    proposal = propose(space, Recorded(parameters))
    assert isinstance(proposal, Candidate)
    return proposal


def test_recorded_parameters_repeat_their_candidate() -> None:
    for number in range(10):
        drawn = RandomSuggest(Random(number))
        first = propose(tiny_space(lr={"float": [0.001, 0.1]}), drawn)
        assert propose(tiny_space(lr={"float": [0.001, 0.1]}), Recorded(drawn.parameters)) == first


def test_the_key_tells_what_trains_differently_and_nothing_else() -> None:
    a = {"network.body.width": 4, "network.body.kernel": 1}
    one = candidate(tiny_space(), **a)
    assert candidate(tiny_space(), **a).key == one.key
    assert candidate(tiny_space(width=4), **{"network.body.kernel": 1}).key == one.key
    other_lr, longer = candidate(tiny_space(lr=0.02), **a), candidate(tiny_space(epochs=3), **a)
    other_width = candidate(tiny_space(), **{**a, "network.body.width": 5})
    assert len({one.key, other_lr.key, longer.key, other_width.key}) == 4
    assert one.digest == other_lr.digest != other_width.digest


def test_documents_that_write_one_network_in_two_ways_have_one_key() -> None:
    branches = {"a": [{"op": "conv", "width": 2, "kernel": 1}], "b": [{"op": "conv", "width": 3, "kernel": 1}]}
    orders = [dict(sorted(branches.items(), reverse=back)) for back in (False, True)]
    spaces = [tiny_space(network={"op": "branches", "branches": order}) for order in orders]
    assert candidate(spaces[0]).key == candidate(spaces[1]).key


def test_what_does_not_fit_the_grid_is_a_misfit_and_what_is_wrong_in_itself_an_error() -> None:
    deep = [{"op": "conv", "width": 2, "kernel": 3, "stride": 2, "padding": "valid"}] * 5
    proposal = propose(tiny_space(network={"op": "chain", "chain": deep}), Recorded({}))
    assert isinstance(proposal, Misfit)
    assert "does not fit the grid" in proposal.reason
    with pytest.raises(InputError, match="no op 'convolve'"):
        propose(tiny_space(network={"op": "convolve"}), Recorded({}))


def test_the_excess_is_a_share_of_each_limit_that_is_broken() -> None:
    one = candidate(tiny_space(width=4), **{"network.body.kernel": 1})
    size = one.cost.parameters
    assert excess(one, Budget()) == {}
    assert excess(one, Budget(parameters=size, macs=one.cost.macs)) == {}
    assert excess(one, Budget(parameters=size / 2)) == {"parameters": 1.0}
    all_broken = Budget(parameters=0.5, macs=0.5, depth=0.5, memory=0.5, latency=0.5)
    assert set(excess(one, all_broken)) == {"parameters", "macs", "depth", "memory"}  # latency has to be measured
    assert excess(one, Budget(depth=one.cost.depth, memory=one.memory())) == {}
    assert excess(one, Budget(depth=one.cost.depth / 3)) == {"depth": pytest.approx(2.0)}


def test_memory_is_that_of_the_batch_asked_for_or_of_the_candidate_s_own() -> None:
    one = candidate(tiny_space(width=4), **{"network.body.kernel": 1})
    own = one.training.batch_size
    assert one.memory() == one.memory(own) == one.facts["memory"]
    assert one.memory(own + 10) == one.memory() + 10 * one.cost.activations
    assert excess(one, Budget(memory=one.memory(), batch=own)) == {}
    assert set(excess(one, Budget(memory=one.memory(), batch=own + 1))) == {"memory"}


@pytest.mark.parametrize(
    ("training", "numbers"),
    [
        ({"optimizer": "adamw"}, 4),
        ({"optimizer": "sgd"}, 3),
        ({"optimizer": "sgd", "momentum": 0.0}, 2),
        ({"optimizer": "rmsprop"}, 4),
        ({"optimizer": "rmsprop", "momentum": 0.0}, 3),
        ({"optimizer": "adamw", "ema": 0.99}, 5),
    ],
    ids=str,
)
def test_memory_counts_what_the_optimizer_remembers(training: dict[str, Any], numbers: int) -> None:
    document = dict(tiny_space(width=4).document)
    space = Space.from_document({**document, "training": {**document["training"], **training}})
    one = candidate(space, **{"network.body.kernel": 1})
    assert one.memory() == one.training.batch_size * one.cost.activations + 4 * numbers * one.cost.parameters
    network = torch.nn.Linear(3, 2)
    made = optimizer(network, one.training)
    network(torch.ones(1, 3)).sum().backward()
    made.step()
    state = [value for of_one in made.state.values() for value in of_one.values() if value is not None]
    remembered = sum(value.numel() for value in state if torch.is_tensor(value) and value.ndim) / 8
    assert numbers == 2 + (one.training.ema > 0) + remembered


def test_a_wrong_recipe_is_an_error() -> None:
    document = dict(tiny_space().document)
    space = Space.from_document({**document, "training": {**document["training"], "optimiser": "sgd"}})
    with pytest.raises(InputError, match="optimiser"):
        propose(space, RandomSuggest(Random(0)))
