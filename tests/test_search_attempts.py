"""How often, and how, a candidate is tried again."""

from nas.pool import Need
from nas.search.attempts import LEAST_MICRO_BATCH, Attempt, after_death, after_memory


def test_a_candidate_that_dies_is_tried_as_often_as_allowed_and_no_more() -> None:
    attempt: Attempt | None = Attempt(Need())
    tries = 0
    while attempt is not None:
        tries += 1
        attempt = after_death(attempt, retries=2)
    assert tries == 3
    assert after_death(Attempt(Need()), retries=0) is None


def test_without_memory_a_candidate_is_first_alone_then_has_half_the_images_down_to_a_floor() -> None:
    attempt: Attempt | None = Attempt(Need(share=0.25))
    ways = []
    while attempt is not None:
        ways.append((attempt.need.share, attempt.micro_batch))
        attempt = after_memory(attempt, batch_size=50)
    assert ways == [(0.25, None), (1.0, None), (1.0, 25), (1.0, 13), (1.0, 7), (1.0, LEAST_MICRO_BATCH)]


def test_a_candidate_on_several_devices_halves_what_each_of_them_has() -> None:
    again = after_memory(Attempt(Need(devices=4)), batch_size=64)
    assert again == Attempt(Need(devices=4), micro_batch=8)


def test_memory_is_no_death() -> None:
    again = after_memory(Attempt(Need(), deaths=1), batch_size=64)
    assert again is not None
    assert again.deaths == 1


def test_what_is_kept_with_a_trial_gives_the_attempt_back() -> None:
    for attempt in (Attempt(Need(share=0.5)), Attempt(Need(), 16, 1), Attempt(Need(devices=2), None, 3)):
        assert Attempt.from_attribute(attempt.to_attribute(), attempt.need) == attempt
    kept = Attempt(Need(), 16).to_attribute()  # it runs alone though its price asks for a share
    assert Attempt.from_attribute(kept, Need(share=0.5)) == Attempt(Need(), 16)
    assert Attempt.from_attribute(None, Need(share=0.5)) == Attempt(Need(share=0.5))
