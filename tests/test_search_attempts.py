"""How often, and how, a candidate is tried again."""

import errno
import os

import pytest

from nas.pool import Died, Failed, Need
from nas.search.attempts import LEAST_MICRO_BATCH, Attempt, Setback, setback

DEATH = Died(0, -9, "killed by signal 9")
NO_MEMORY = Failed(0, "MemoryError: too much", "", "builtins.MemoryError")


def raised(kind: str, reason: str = "why") -> Failed:
    return Failed(0, reason, "", kind)


def course(event: Failed | Died, attempt: Attempt, batch_size: int = 50, retries: int = 2) -> list[Setback]:
    """What comes of one that fails in the same way again and again."""
    found = [setback(event, attempt, batch_size, retries)]
    while (again := found[-1].again) is not None:
        found.append(setback(event, again, batch_size, retries))
    return found


@pytest.mark.parametrize("event", [DEATH, raised("torch.distributed.DistNetworkError")])
def test_a_candidate_that_dies_is_tried_as_often_as_allowed_and_no_more(event: Failed | Died) -> None:
    tries = course(event, Attempt(Need()))
    assert len(tries) == 3
    assert tries[-1].why.endswith("on attempt 3 of 3")
    assert len(course(event, Attempt(Need()), retries=0)) == 1


def test_without_memory_a_candidate_is_first_alone_then_has_half_the_images_down_to_a_floor() -> None:
    tries = course(NO_MEMORY, Attempt(Need(share=0.25), deaths=1))
    ways = [(each.again.need.share, each.again.micro_batch) for each in tries if each.again]
    assert ways == [(1.0, None), (1.0, 25), (1.0, 13), (1.0, 7), (1.0, LEAST_MICRO_BATCH)]
    assert tries[-1] == Setback(f"out of memory with {LEAST_MICRO_BATCH} images at a time", too_large=True)
    assert {each.again.deaths for each in tries if each.again} == {1}, "memory is no death"


def test_a_candidate_on_several_devices_halves_what_each_of_them_has() -> None:
    first, *_ = course(NO_MEMORY, Attempt(Need(devices=4)), batch_size=64)
    assert first.again == Attempt(Need(devices=4), micro_batch=8)


def test_a_checkpoint_that_cannot_be_read_is_left_and_the_candidate_starts_anew() -> None:
    tries = course(raised("nas.training.result.UnreadableCheckpoint"), Attempt(Need()))
    assert [each.anew for each in tries] == [True] * 3


@pytest.mark.parametrize("event", [raised("builtins.ValueError"), Died(0, -9, "after 9 s", over_time=True)])
def test_what_would_happen_again_is_not_tried_again(event: Failed | Died) -> None:
    (only,) = course(event, Attempt(Need()))
    assert not only.too_large


def test_a_full_disk_is_no_fault_of_the_candidate() -> None:
    full = raised("builtins.RuntimeError", f"write failed: {os.strerror(errno.ENOSPC)}")
    with pytest.raises(OSError, match="write failed"):
        setback(full, Attempt(Need()), 50, 2)


def test_what_is_kept_with_a_trial_gives_the_attempt_back() -> None:
    for attempt in (Attempt(Need(share=0.5)), Attempt(Need(), 16, 1), Attempt(Need(devices=2), None, 3)):
        assert Attempt.from_attribute(attempt.to_attribute(), attempt.need) == attempt
    kept = Attempt(Need(), 16).to_attribute()  # it runs alone though its price asks for a share
    assert Attempt.from_attribute(kept, Need(share=0.5)) == Attempt(Need(), 16)
    assert Attempt.from_attribute(None, Need(share=0.5)) == Attempt(Need(share=0.5))
