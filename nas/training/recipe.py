"""How a candidate is trained: the `training` section of a document, as plain checked values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from math import isfinite
from typing import Any

from nas.errors import InputError, need_one_of, refuse_unknown

METRIC = "val/accuracy"  # what a search maximises: the share of validation images that are classified right, 0 to 1

OPTIMIZERS = ("adamw", "sgd", "rmsprop")
SCHEDULES = ("cosine", "constant", "step", "exponential")

Check = Callable[[str, object], object]  # (place, value) -> the value in its field's type, or an InputError


def _whole(default: int, low: int) -> Any:
    def check(place: str, value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < low:
            raise InputError(f"{place}: {value!r} is not a whole number of at least {low}")
        return value

    return field(default=default, metadata={"check": check})


def _real(default: float, low: float = 0.0, high: float = float("inf"), above: bool = False) -> Any:
    """A number from `low` (or just above it) to just below `high`."""
    wanted = f"a number {'above' if above else 'of at least'} {low:g}"
    wanted += f" and below {high:g}" if isfinite(high) else ""

    def check(place: str, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value):
            raise InputError(f"{place}: {value!r} is not {wanted}")
        if value < low or value >= high or (above and value == low):
            raise InputError(f"{place}: {value!r} is not {wanted}")
        return float(value)

    return field(default=default, metadata={"check": check})


def _switch(default: bool) -> Any:
    def check(place: str, value: object) -> bool:
        if not isinstance(value, bool):
            raise InputError(f"{place}: {value!r} is neither true nor false")
        return value

    return field(default=default, metadata={"check": check})


def _share(default: float) -> Any:
    """A probability from 0 to 1, or true (0.5) or false (0)."""

    def check(place: str, value: object) -> float:
        if isinstance(value, bool):
            return 0.5 if value else 0.0
        if not isinstance(value, (int, float)) or not 0 <= value <= 1:
            raise InputError(f"{place}: {value!r} is not true, false or a probability from 0 to 1")
        return float(value)

    return field(default=default, metadata={"check": check})


def _word(default: str, choices: tuple[str, ...]) -> Any:
    def check(place: str, value: object) -> str:
        need_one_of(place, "choice", value, choices)
        return str(value)

    return field(default=default, metadata={"check": check})


@dataclass(frozen=True)
class Training:
    """The recipe of one training. Every value is checked, also by the constructor and `dataclasses.replace`.

    Raises `InputError` for a value of a wrong type or out of its range.
    """

    epochs: int = _whole(8, low=1)
    batch_size: int = _whole(64, low=1)  # images per step, over all devices

    optimizer: str = _word("adamw", OPTIMIZERS)
    lr: float = _real(5e-3, above=True)
    weight_decay: float = _real(0.02)  # never of norms and biases; decoupled for adamw, L2 for the others
    momentum: float = _real(0.9, high=1)  # of sgd and rmsprop
    nesterov: bool = _switch(False)  # of sgd
    rmsprop_decay: float = _real(0.9, high=1)
    rmsprop_eps: float = _real(1e-8, above=True)

    schedule: str = _word("cosine", SCHEDULES)
    warmup_epochs: float = _real(1.0)  # the learning rate rises linearly, then follows its schedule
    decay: float = _real(0.94, above=True)  # of step and exponential: the factor of every `decay_epochs`
    decay_epochs: float = _real(2.0, above=True)

    label_smoothing: float = _real(0.1, high=1)
    ema: float = _real(0.0, high=1)  # averaged weights are evaluated: their decay per step; 0: off
    clip_gradient: float = _real(0.0)  # largest norm of the gradient; 0: not clipped
    drop_path: float = _real(0.0, high=1)  # chance that a residual body or a branch is left out

    crop: int = _whole(0, low=0)  # random shift: pixels padded on each side before the crop
    resized_crop: float = _real(0.0, high=1)  # smallest share of the area that a random resized crop keeps; 0: off
    flip: float = _share(0.5)  # chance of a horizontal flip
    trivial_augment: bool = _switch(False)  # one random change of colour or geometry an image
    cutout: int = _whole(0, low=0)  # side of a square that is blanked, in pixels
    mixup: float = _real(0.0)  # alpha of mixup; with cutmix as well, each batch gets one of the two
    cutmix: float = _real(0.0)  # alpha of cutmix

    def __post_init__(self) -> None:
        for each in fields(self):
            check: Check = each.metadata["check"]
            object.__setattr__(self, each.name, check(f"training.{each.name}", getattr(self, each.name)))
        if self.optimizer == "sgd" and self.nesterov and self.momentum == 0:
            raise InputError("training.nesterov: true needs a training.momentum above 0")

    @classmethod
    def from_document(cls, document: Mapping[str, object]) -> "Training":
        """The recipe of a document's `training` section; what is not written has its default.

        Raises `InputError` for an unknown key, a wrong type or a value out of range.
        """
        if not isinstance(document, Mapping):
            raise InputError(f"training: {document!r} is not a mapping of fields to values")
        names = [each.name for each in fields(cls)]
        refuse_unknown("training", "field", document, names)
        values: dict[str, Any] = dict(document)
        return cls(**values)

    def to_document(self) -> dict[str, object]:
        """Every field as a plain value; `from_document` gives the same recipe back."""
        return {each.name: getattr(self, each.name) for each in fields(self)}
