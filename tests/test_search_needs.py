"""What a candidate runs on, as the configuration says it."""

import pytest

from nas.cost import Cost
from nas.errors import InputError
from nas.pool import Need
from nas.search.needs import Needs


def priced(parameters: int = 0, macs: int = 0) -> Cost:
    return Cost(parameters, macs, depth=0, activations=0, aux_parameters=0)


@pytest.mark.parametrize(
    ("option", "need"),
    [(1, Need()), (4, Need(devices=4)), (2.0, Need(devices=2)), (0.5, Need(share=0.5)), (0.33, Need(share=1 / 3))],
)
def test_a_number_is_devices_and_a_fraction_is_a_share_of_one(option: float, need: Need) -> None:
    needs = Needs.from_option(option)
    assert needs.usual == needs.least == needs.of(priced()) == need


def test_the_first_rule_whose_limits_are_all_exceeded_decides() -> None:
    needs = Needs.from_option(
        [
            {"macs_above": 1e9, "parameters_above": 1e6, "devices": 4},
            {"macs_above": 1e9, "devices": 2},
            {"devices": 0.5},
        ]
    )
    assert needs.of(priced(2_000_000, 2_000_000_000)) == Need(devices=4)
    assert needs.of(priced(10, 2_000_000_000)) == Need(devices=2)
    assert needs.of(priced(2_000_000, 1_000_000_000)) == needs.usual == needs.least == Need(share=0.5)


@pytest.mark.parametrize(
    ("option", "told"),
    [
        (0, "a whole number of devices, or a share"),
        (1.5, "a whole number of devices, or a share"),
        (0.7, "a whole number of devices, or a share"),
        (True, "a whole number of devices, or a share"),
        ("2", "a whole number of devices, or a share"),
        (None, "a whole number of devices, or a share"),
        ([], "the last rule must hold for all"),
        ([{"macs_above": 1, "devices": 2}], "the last rule must hold for all"),
        ([{"mac_above": 1, "devices": 2}, {"devices": 1}], r"devices_per_candidate\.0.*macs_above"),
        ([{"macs_above": "big", "devices": 2}, {"devices": 1}], r"devices_per_candidate\.0\.macs_above"),
        ([{"macs_above": 1}, {"devices": 1}], "expected 'devices'"),
        ([3], "expected 'devices'"),
    ],
)
def test_what_is_no_need_is_refused_with_its_place(option: object, told: str) -> None:
    with pytest.raises(InputError, match=told):
        Needs.from_option(option)
