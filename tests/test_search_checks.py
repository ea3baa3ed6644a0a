"""What is found out about a space, a sampler and a pruner before a study is made."""

from functools import partial
from typing import Any

import pytest
from optuna.pruners import MedianPruner, NopPruner
from optuna.samplers import RandomSampler, TPESampler
from search_parts import tiny_space

from nas.errors import InputError
from nas.search.checks import check_sampler, check_space

RIGHT: Any = [{"op": "identity"}]
WRONG: Any = [{"op": "convolve"}]


def alternatives(**options: Any) -> dict[str, Any]:
    return {"op": "chain", "name": "body", "chain": {"choice": options}}


def test_a_space_that_is_right_passes() -> None:
    check_space(tiny_space(lr={"float": [0.001, 0.1], "log": True}))


def test_a_wrong_op_in_a_rare_alternative_is_found() -> None:
    rare = {f"right_{number}": RIGHT for number in range(30)} | {"wrong": WRONG}
    with pytest.raises(InputError, match="no op 'convolve'"):
        check_space(tiny_space(network=alternatives(**rare)))


def test_a_wrong_op_deep_inside_alternatives_is_found() -> None:
    inner: Any = WRONG
    for _ in range(4):
        inner = [alternatives(right=RIGHT, deeper=inner)]
    with pytest.raises(InputError, match="no op 'convolve'"):
        check_space(tiny_space(network=inner[0]))


@pytest.mark.parametrize("lr", [{"choice": [0.1, 0.2, 0.3, -1.0]}, {"float": [-1.0, 1.0]}, {"choice": [0.1, "fast"]}])
def test_a_wrong_option_of_the_recipe_is_found(lr: Any) -> None:
    with pytest.raises(InputError, match=r"training\.lr"):
        check_space(tiny_space(lr=lr))


def test_a_space_of_which_nothing_fits_is_refused_and_one_of_which_something_fits_is_not() -> None:
    large: Any = [{"op": "conv", "width": 2, "kernel": 9, "padding": "valid"}]
    with pytest.raises(InputError, match=r"none of .* candidates of the space fits the images: .*fit the grid"):
        check_space(tiny_space(network=alternatives(a=large)))
    check_space(tiny_space(network=alternatives(a=large, b=RIGHT)))


def test_samplers_and_pruners_that_work_pass() -> None:
    for sampler in (RandomSampler, partial(TPESampler, multivariate=True, group=True)):
        for pruner in (NopPruner(), MedianPruner()):
            check_sampler(tiny_space(), sampler, pruner, 0)


@pytest.mark.parametrize(
    ("sampler", "pruner"),
    [
        (partial(TPESampler, n_startup_trials="many"), NopPruner()),
        (partial(RandomSampler, nonsense=1), NopPruner()),
        (RandomSampler, "median"),
        (dict, NopPruner()),
    ],
)
def test_a_sampler_or_pruner_that_fails_is_refused(sampler: Any, pruner: Any) -> None:
    with pytest.raises(InputError, match="sampler or pruner: cannot be used as set"):
        check_sampler(tiny_space(), sampler, pruner, 0)
