"""Readers of an op's fields: each takes a document's value and its place, and gives the typed value or an error."""

import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from functools import cache
from typing import Any, TypeVar

from nas.errors import InputError, need_one_of, refuse_unknown, unknown
from nas.space.references import SCALING, read_scaling, scaled

LARGEST = 1_000_000
"""No number of an op is larger."""

T = TypeVar("T")
Reader = Callable[[object, str], T]

Pair = tuple[int, int]
"""(height, width)"""
Sides = tuple[int, int, int, int]
"""(top, bottom, left, right)"""

ACTIVATIONS = ("relu", "none", "relu6", "leaky_relu", "elu", "silu", "gelu", "hardswish", "sigmoid")

# A module cannot have a child of these names: they are attributes of torch's modules, or of ours (the last line).
RESERVED = frozenset(
    """
    add_module apply bfloat16 buffers call_super_init children compile cpu cuda double dump_patches eval extra_repr
    float forward get_buffer get_extra_state get_parameter get_submodule half ipu load_state_dict modules mtia
    named_buffers named_children named_modules named_parameters parameters register_backward_hook register_buffer
    register_forward_hook register_forward_pre_hook register_full_backward_hook register_full_backward_pre_hook
    register_load_state_dict_post_hook register_load_state_dict_pre_hook register_module register_parameter
    register_state_dict_post_hook register_state_dict_pre_hook requires_grad_ set_extra_state set_submodule
    share_memory state_dict to to_empty train training type xpu zero_grad T_destination
    append extend insert pop aux_heads aux_weights classes drop_path input_shape
    """.split()
)


@dataclass(frozen=True)
class Relative:
    """A width that follows from the width that comes in: `{of: in, times: 0.5, multiple_of: 8}`."""

    times: float = 1.0
    multiple_of: int = 1
    minimum: int = 1

    def of(self, width: int) -> int:
        return scaled(width, self.times, self.multiple_of, self.minimum)


Width = int | str | Relative
"""A number, `in`, `classes`, or `Relative` to the incoming width."""


@dataclass(frozen=True)
class BatchNorm:
    """Batch normalization (Ioffe and Szegedy 2015); `momentum` as in torch, `scale` is whether gamma is learned."""

    eps: float = 1e-5
    momentum: float = 0.1
    scale: bool = True


@dataclass(frozen=True)
class Form:
    """How an n×n convolution is carried out.

    full: as it is. stacked: (n-1)/2 convolutions of 3×3. asymmetric: 1×n and n×1, `times` in a row, starting with
    `first`. fork: 1×n beside n×1, concatenated, each of half the width (Szegedy et al. 2016, figures 5 to 7).
    """

    kind: str = "full"
    times: int = 1
    first: str = "1xn"


def required(read: Reader[Any]) -> Any:
    """A field that every document gives."""
    return field(metadata={"read": read})


def optional(read: Reader[Any], default: Any) -> Any:
    """A field with a default, which is part of the language: changing it changes what documents mean."""
    return field(default=default, metadata={"read": read})


def readers(op: type) -> dict[str, Reader[Any]]:
    """The fields of an op that a document may give, each with its reader."""
    return _described(op)[0]


def defaults(op: type) -> dict[str, Any]:
    """The typed defaults of an op's optional fields."""
    return _described(op)[1]


@cache
def _described(op: type) -> tuple[dict[str, Reader[Any]], dict[str, Any]]:
    """Readers and defaults, worked out once: they are asked for with every op that is read."""
    given = [f for f in fields(op) if "read" in f.metadata]
    return {f.name: f.metadata["read"] for f in given}, {f.name: f.default for f in given if f.default is not MISSING}


def plain(value: Any) -> Any:
    """What a document writes for a typed value; reading it again gives the same value."""
    match value:
        case None:
            return "none"
        case Form(kind="full" | "stacked" | "fork" as kind):
            return kind
        case Relative():
            return {"of": "in", **{f.name: getattr(value, f.name) for f in fields(value)}}
        case (int(), *_):
            return value[0] if len(set(value)) == 1 else list(value)
        case tuple():
            return list(value)
        case _ if is_dataclass(value):
            return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
        case _:
            return value


def name(value: object, place: str) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_]{0,63}", value):
        raise InputError(f"{place}: {value!r:.80} is no name; names are 1 to 64 letters, digits and underscores")
    if value in RESERVED:
        raise InputError(f"{place}: the name {value!r} is taken by torch's modules; choose another, such as {value}_")
    return value


def mapping(value: object, place: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InputError(f"{place}: expected a mapping of names to values; got {value!r:.60}")
    return value


def optional_mapping(document: Mapping[str, Any], key: str, place: str) -> Mapping[str, Any]:
    """The mapping under a key that may be left out or null."""
    value = document.get(key)
    return {} if value is None else mapping(value, place)


def integer(minimum: int, maximum: int = LARGEST) -> Reader[int]:
    def read(value: object, place: str) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not minimum <= value <= maximum:
            raise InputError(f"{place}: expected an integer from {minimum} to {maximum}; got {value!r:.60}")
        return value

    return read


def number(low: float = -LARGEST, high: float = LARGEST) -> Reader[float]:
    def read(value: object, place: str) -> float:
        if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
            raise InputError(f"{place}: expected a number from {low} to {high}; got {value!r:.60}")
        return float(value) + 0.0  # -0.0 is 0.0

    return read


def boolean(value: object, place: str) -> bool:
    if not isinstance(value, bool):
        raise InputError(f"{place}: expected true or false; got {value!r}")
    return value


def one_of(*choices: str) -> Reader[str]:
    def read(value: object, place: str) -> str:
        need_one_of(place, "choice", value, choices)
        return str(value)

    return read


def pair(minimum: int) -> Reader[Pair]:
    whole = integer(minimum)

    def read(value: object, place: str) -> Pair:
        match value:
            case [height, width]:
                return whole(height, place), whole(width, place)
            case list():
                raise InputError(f"{place}: expected n or [height, width]; got {value!r}")
            case _:
                return whole(value, place), whole(value, place)

    return read


def padding(value: object, place: str) -> str | Sides:
    """`same`, `valid`, `tf_same`, a number, [height, width], or [top, bottom, left, right]."""
    whole = integer(0)
    match value:
        case "same" | "valid" | "tf_same":
            return str(value)
        case str():
            raise unknown(place, "padding", value, ("same", "valid", "tf_same", "a number", "two or four numbers"))
        case [height, width]:
            high, wide = whole(height, place), whole(width, place)
            return high, high, wide, wide
        case [top, bottom, left, right]:
            return whole(top, place), whole(bottom, place), whole(left, place), whole(right, place)
        case _:
            return (whole(value, place),) * 4


def width(value: object, place: str) -> Width:
    """A number (0: the op is absent), `in`, `classes`, or `{of: in or a number, times, multiple_of, minimum}`."""
    match value:
        case "in" | "classes":
            return str(value)
        case dict():
            refuse_unknown(place, "field of a relative width", value, ("of", *SCALING))
            scaling = read_scaling(value, place)
            if value.get("of") == "in":
                return Relative(**scaling)
            return scaled(integer(0)(value.get("of"), f"{place}.of"), **scaling)
        case str():
            raise unknown(place, "width", value, ("a number", "in", "classes", "{of: in, ...}"))
        case _:
            return integer(0)(value, place)


def multipliers(document: Mapping[str, Any], place: str) -> tuple[dict[str, Any], ...]:
    """The scaling of widths that a document or a use of a cell asks for with `width_multiplier`, if it does.

    It is `0.5`, or `{times: 0.5, multiple_of: 8, minimum: 16}`.
    """
    value = document.get("width_multiplier", 1.0)
    record = value if isinstance(value, dict) else {"times": value}
    refuse_unknown(f"{place}.width_multiplier", "field", record, SCALING)
    scaling = read_scaling(record, f"{place}.width_multiplier")
    return () if scaling == {"times": 1} else (scaling,)


def groups(value: object, place: str) -> int | str:
    return "in" if value == "in" else integer(1)(value, place)


def norm(value: object, place: str) -> BatchNorm | None:
    """`none`, `batch`, or `{eps, momentum, scale}` of a batch norm."""
    match value:
        case "none":
            return None
        case "batch":
            return BatchNorm()
        case dict():
            return BatchNorm(**_record(value, place, {"eps": number(0), "momentum": number(0, 1), "scale": boolean}))
        case _:
            raise unknown(place, "norm", value, ("none", "batch", "{eps, momentum, scale}"))


def form(value: object, place: str) -> Form:
    """`full`, `stacked`, `asymmetric`, `fork`, or `{kind: asymmetric, times: 2, first: nx1}`."""
    kinds = one_of("full", "stacked", "asymmetric", "fork")
    match value:
        case dict():
            given = _record(value, place, {"kind": kinds, "times": integer(1, 32), "first": one_of("1xn", "nx1")})
            if "kind" not in given:
                raise InputError(f"{place}: needs kind; got {value!r:.60}")
            if given["kind"] != "asymmetric" and len(given) > 1:
                raise InputError(f"{place}: times and first belong to kind asymmetric; got {value!r:.60}")
            return Form(**given)
        case _:
            return Form(kinds(value, place))


def per_channel(value: object, place: str) -> tuple[float, ...]:
    """One number for all channels, or one for each."""
    values = value if isinstance(value, list) and value else [value]
    return tuple(number()(v, place) for v in values)


def _record(value: dict[str, Any], place: str, read: dict[str, Reader[Any]]) -> dict[str, Any]:
    refuse_unknown(place, "field", value, list(read))
    return {key: read[key](given, f"{place}.{key}") for key, given in value.items()}
