"""Who gets which devices: never more than there is of one, and everything comes back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.errors import InputError
from nas.pool import Device, Need
from nas.pool.ray_job import Actor, find_slots
from nas.pool.slots import Slots

GPUS = tuple(Device("cuda", f"GPU-{number}") for number in range(4))
NEEDS = st.one_of(
    st.builds(Need, devices=st.integers(1, 5)),
    st.builds(Need, share=st.sampled_from([1.0, 0.9, 0.5, 1 / 3, 0.25, 0.2, 0.1, 1 / 7])),
    st.builds(Need, share=st.floats(0.01, 1.0)),
)


@given(steps=st.lists(st.one_of(NEEDS, st.integers(0, 20)), max_size=60))
def test_no_device_is_over_committed_and_everything_is_given_back(steps: list[Need | int]) -> None:
    slots = Slots(GPUS)
    held: dict[int, tuple[Need, tuple[Device, ...]]] = {}
    for key, step in enumerate(steps):
        match step:
            case Need() as need:
                room = slots.room(need)
                devices = slots.take(key, need)
                assert room == (devices is not None)
                if devices is not None:
                    assert len(set(devices)) == need.devices
                    held[key] = (need, devices)
            case int(position) if held:
                given = sorted(held)[position % len(held)]
                slots.give_back(given)
                del held[given]
        for device in GPUS:
            shares = [need.share for need, devices in held.values() if device in devices]
            assert sum(shares) <= 1 + 1e-6
            assert shares == [1.0] or 1.0 not in shares  # who asked for a whole device is alone there
    for key in held:
        slots.give_back(key)
    assert slots.take(-1, Need(devices=4)) == GPUS


@given(need=NEEDS)
def test_capacity_is_how_many_jobs_start(need: Need) -> None:
    slots = Slots(GPUS)
    started = 0
    while slots.take(started, need) is not None:
        started += 1
    assert started == slots.capacity(need)


def test_shares_spread_over_idle_devices_before_they_meet() -> None:
    slots = Slots(GPUS[:2])
    half = Need(share=0.5)
    assert [slots.take(key, half) for key in range(5)] == [(GPUS[0],), (GPUS[1],), (GPUS[0],), (GPUS[1],), None]
    slots.give_back(1)
    assert not slots.room(Need())
    slots.give_back(3)
    assert slots.take(5, Need()) == (GPUS[1],)


def test_parts_of_a_gpu_and_mps_are_not_joined() -> None:
    parts = [Device("cuda", "MIG-1"), Device("cuda", "MIG-2")]
    assert Slots(parts).capacity(Need()) == 2
    assert Slots(parts).capacity(Need(devices=2)) == 0
    assert Slots([*parts, *GPUS]).take(1, Need(devices=2)) == GPUS[:2]
    assert not Slots([Device("mps", "0")]).room(Need(devices=2))


def test_a_group_holds_whole_devices() -> None:
    with pytest.raises(InputError, match=r"2 devices with a share of 0\.5 of each"):
        Need(devices=2, share=0.5)


@pytest.mark.parametrize("need", [{"devices": 0}, {"share": 0.0}, {"share": 1.5}, {"share": -0.5}])
def test_there_are_no_other_needs(need: dict[str, float]) -> None:
    with pytest.raises(InputError, match=r"pool\.devices_per_candidate"):
        Need(**need)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("free", "chosen"), [("aabbb", "aa"), ("abbbcc", "cc"), ("abc", "ab"), ("aab", "aa"), ("a", None), ("", None)]
)
def test_ranks_on_a_cluster_go_to_one_node_if_one_has_room(free: str, chosen: str | None) -> None:
    actors = [*(Actor(None, node) for node in free), Actor(None), Actor(None, "a", {1: 0.5})]
    found = find_slots(actors, Need(devices=2))
    assert (found and "".join(actor.node for actor in found)) == chosen
