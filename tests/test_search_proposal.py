"""From parameters to a candidate: checked, priced and identified."""

from random import Random

import pytest
from search_parts import tiny_space

from nas.errors import InputError
from nas.search.options import Budget
from nas.search.proposal import Candidate, Misfit, excess, propose
from nas.space.space import Space
from nas.space.suggest import RandomSuggest, Recorded


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
    assert set(excess(one, Budget(parameters=0.5, macs=0.5))) == {"parameters", "macs"}
