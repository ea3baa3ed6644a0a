"""Names and values in the form that W&B can hold: any text that a document, a study or an error may carry is safe."""

from collections.abc import Mapping, Sequence
from numbers import Integral, Real


def safe_name(text: str) -> str:
    """`text` as a W&B project or group: at most 128 characters, none that break its URLs; letters of any script stay.

    >>> safe_name("tiny/100% é")
    'tiny-100- é'
    """
    kept = "".join(c if c.isprintable() and c not in "/\\#?%:\"'<>" else "-" for c in text)
    return kept[:128].strip() or "study"


def label(name: str) -> str:
    """The path name of a parameter as W&B can plot it: it takes dots for steps into nested values.

    >>> label("cells.normal.width")
    'cells/normal/width'
    """
    return name.replace(".", "/")


def plain(values: Mapping[str, object]) -> dict[str, object]:
    """`values` as numbers, text, None, lists and mappings of them; a key ``_wandb``, which is W&B's own, is renamed."""
    return {"wandb" if key == "_wandb" else _text(key): _value(value) for key, value in values.items()}


def _value(value: object) -> object:
    match value:
        case None | bool():
            return value
        case Integral():
            return int(value)
        case Real():
            return float(value)
        case str():
            return _text(value).replace("wandb-artifact://", "wandb-artifact:")  # would be asked of the server
        case Mapping():
            return {_text(str(key)): _value(inner) for key, inner in value.items()}
        case Sequence():
            return [_value(inner) for inner in value]
        case _:
            return _text(str(value))


def _text(text: str) -> str:
    return text.encode("utf-8", "replace").decode()  # lone surrogates cannot be written
