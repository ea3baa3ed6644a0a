"""The learning rate over the steps of a training."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.training.recipe import SCHEDULES, Training
from nas.training.schedule import learning_rate_factor


def factors(training, steps_per_epoch=10):
    return [learning_rate_factor(training, i, steps_per_epoch) for i in range(training.epochs * steps_per_epoch)]


@given(st.sampled_from(SCHEDULES), st.integers(1, 8), st.floats(0, 10), st.floats(0.1, 1), st.integers(1, 20))
def test_the_factor_is_above_zero_and_at_most_one(schedule, epochs, warmup, decay, steps):
    training = Training(schedule=schedule, epochs=epochs, warmup_epochs=warmup, decay=decay)
    assert all(0 < factor <= 1 for factor in factors(training, steps))


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_warm_up_rises_in_equal_steps_to_one(schedule):
    training = Training(schedule=schedule, epochs=4, warmup_epochs=1)
    assert factors(training)[:10] == pytest.approx([(i + 1) / 10 for i in range(10)])


def test_cosine_falls_from_one_towards_zero():
    curve = factors(Training(schedule="cosine", epochs=4, warmup_epochs=0))
    assert curve[0] == 1
    assert curve[20] == pytest.approx(0.5)
    assert curve[-1] < 0.01
    assert curve == sorted(curve, reverse=True)


def test_constant_stays():
    assert set(factors(Training(schedule="constant", warmup_epochs=0))) == {1}


def test_step_decays_every_so_many_epochs():
    curve = factors(Training(schedule="step", epochs=6, warmup_epochs=0, decay=0.5, decay_epochs=2))
    assert curve == [1] * 20 + [0.5] * 20 + [0.25] * 20


def test_exponential_passes_through_the_steps_of_step():
    curve = factors(Training(schedule="exponential", epochs=6, warmup_epochs=0, decay=0.5, decay_epochs=2))
    assert curve[::20] == pytest.approx([1, 0.5, 0.25])
    assert all(later < earlier for earlier, later in pairwise(curve))
