"""Which candidates count as known."""

from random import Random
from typing import Any

from search_parts import tiny_space

from nas.search.known import Known
from nas.search.proposal import Candidate, propose
from nas.space.suggest import RandomSuggest, Recorded


def candidate(width: int, lr: float) -> Candidate:
    space = tiny_space(lr={"choice": [0.01, 0.02, 0.03]})
    made: Any = propose(space, Recorded({"network.body.width": width, "network.body.kernel": 1, "training.lr": lr}))
    return made


def test_an_equal_candidate_is_known_and_another_is_not() -> None:
    known = Known(per_architecture=3)
    known.add(candidate(2, 0.01).key, 7)
    assert known.equals(candidate(2, 0.01), 99) == [7]
    assert known.equals(candidate(3, 0.01), 99) == []
    assert known.equals(candidate(2, 0.02), 99) == []


def test_an_architecture_gets_as_many_settings_as_allowed() -> None:
    known = Known(per_architecture=2)
    known.add(candidate(2, 0.01).key, 0)
    assert known.equals(candidate(2, 0.02), 99) == []
    known.add(candidate(2, 0.02).key, 1)
    assert known.equals(candidate(2, 0.03), 99) == [0, 1]
    assert known.equals(candidate(2, 0.02), 99) == [1]


def test_a_failed_candidate_is_not_tried_again_but_its_architecture_may_be() -> None:
    known = Known(per_architecture=1)
    known.add(candidate(2, 0.01).key, 0)
    known.has_failed(candidate(2, 0.01).key)
    assert known.equals(candidate(2, 0.01), 99) == [0]
    assert known.equals(candidate(2, 0.02), 99) == []


def test_a_trial_is_no_equal_of_its_own() -> None:
    known = Known(per_architecture=1)
    known.add(candidate(2, 0.01).key, 7)
    assert known.equals(candidate(2, 0.01), 7) == []


def test_of_equals_the_first_counts() -> None:
    known = Known(per_architecture=1)
    made: Any = propose(tiny_space(), RandomSuggest(Random(0)))
    known.add(made.key, 3)
    known.add(made.key, 5)
    assert known.equals(made, 99) == [3]


def test_what_is_forgotten_is_new_again_and_so_is_its_architecture() -> None:
    known = Known(per_architecture=1)
    known.add(candidate(2, 0.01).key, 7)
    known.forget(candidate(2, 0.01).key, 7)
    assert known.equals(candidate(2, 0.01), 99) == []
    assert known.equals(candidate(2, 0.02), 99) == []
    known.add(candidate(2, 0.01).key, 8)
    assert known.equals(candidate(2, 0.02), 99) == [8]


def test_only_the_trial_that_has_a_candidate_can_have_it_forgotten() -> None:
    known = Known(per_architecture=1)
    known.add(candidate(2, 0.01).key, 7)
    known.forget(candidate(2, 0.01).key, 8)
    known.forget(candidate(3, 0.01).key, 7)
    assert known.equals(candidate(2, 0.01), 99) == [7]


def test_a_failure_is_that_of_one_setting_and_counts_once() -> None:
    known = Known(per_architecture=2)
    known.has_failed(candidate(2, 0.01).key)
    known.add(candidate(2, 0.01).key, 0)
    known.add(candidate(2, 0.02).key, 1)
    for _ in range(2):
        known.has_failed(candidate(2, 0.01).key)
    assert known.equals(candidate(2, 0.03), 99) == []
    known.add(candidate(2, 0.03).key, 2)
    assert known.equals(candidate(2, 0.01), 99) == [0]
    assert known.equals(candidate(2, 0.02), 99) == [1]
