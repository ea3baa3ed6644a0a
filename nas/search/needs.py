"""What a candidate runs on: a number of devices, a share of one, or whichever its price asks for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nas.cost import Cost
from nas.errors import InputError, need_one_of
from nas.pool import Need

PLACE = "pool.devices_per_candidate"
_PRICES = {"parameters_above": lambda cost: cost.parameters, "macs_above": lambda cost: cost.macs}


@dataclass(frozen=True)
class Rule:
    """`need` for candidates above all of `limits`; no limits: for all."""

    limits: Mapping[str, float]
    need: Need

    def holds(self, cost: Cost) -> bool:
        return all(_PRICES[name](cost) > limit for name, limit in self.limits.items())


@dataclass(frozen=True)
class Needs:
    """The first rule that holds decides; the last one holds for all."""

    rules: tuple[Rule, ...]

    @classmethod
    def from_option(cls, option: object) -> "Needs":
        """Of 1, 4 or 0.5; or of a list such as `[{macs_above: 1e9, devices: 4}, {devices: 1}]`.

        Raises:
            InputError: a number that is neither whole nor a share that fits a device evenly, or an unknown key.
        """
        if not isinstance(option, Sequence) or isinstance(option, str):
            return cls((Rule({}, _need(option, PLACE)),))
        rules = tuple(_rule(item, f"{PLACE}.{index}") for index, item in enumerate(option))
        if not rules or rules[-1].limits:
            raise InputError(f"{PLACE}: the last rule must hold for all candidates; give it no more than 'devices'")
        return cls(rules)

    def of(self, cost: Cost) -> Need:
        return next(rule.need for rule in self.rules if rule.holds(cost))

    @property
    def usual(self) -> Need:
        return self.rules[-1].need

    @property
    def least(self) -> Need:
        """The one that finds room soonest."""
        return min((rule.need for rule in self.rules), key=lambda need: need.devices * need.share)


def _rule(item: Any, place: str) -> Rule:
    if not isinstance(item, Mapping) or "devices" not in item:
        raise InputError(f"{place}: expected 'devices' and what it is for, such as macs_above; got {item!r:.80}")
    limits = {key: value for key, value in item.items() if key != "devices"}
    for key, value in limits.items():
        need_one_of(place, "key", key, ["devices", *_PRICES])
        if not isinstance(value, int | float) or isinstance(value, bool) or value < 0:
            raise InputError(f"{place}.{key}: expected a number of at least 0; got {value!r:.80}")
    return Rule(limits, _need(item["devices"], f"{place}.devices"))


def _need(value: object, place: str) -> Need:
    if isinstance(value, int | float) and not isinstance(value, bool):
        if value >= 1 and value == int(value):
            return Need(devices=int(value))
        if 0 < value < 1 and abs(1 / value - round(1 / value)) < 0.05:  # 0.33 is meant as a third
            return Need(share=1 / round(1 / value))
    raise InputError(f"{place}: expected a whole number of devices, or a share such as 0.5 or 0.25; got {value!r:.80}")
