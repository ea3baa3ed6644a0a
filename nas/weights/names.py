"""What each source of weights calls the entries of a network's state dict."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from nas.space.reading import read_document

COPIES = 64
"""`*` in the table stands for the number of a copy, below this."""


@dataclass(frozen=True)
class Naming:
    """One source's names for the layers of one published network; a layer is a convolution with its norm, or a linear.

    `layers` has their name for each of our layers that the source has.
    """

    network: str
    sources: tuple[str, ...]
    layers: Mapping[str, str]

    def translated(self, keys: Iterable[str]) -> dict[str, str]:
        """Their key for each of our state dict's `keys` that the source has a name for."""
        keys = list(keys)
        normed = {key.removesuffix(".norm.running_mean") for key in keys if key.endswith(".norm.running_mean")}
        translated = {}
        for key in keys:
            match key.rsplit(".", 2):
                case [layer, "conv" | "norm" | "linear" as part, entry] if layer in self.layers:
                    inside = {"conv": "conv.", "norm": "bn."}[part] if layer in normed else ""
                    translated[key] = f"{self.layers[layer]}.{inside}{entry}"
        return translated


@lru_cache(maxsize=1)
def namings() -> tuple[Naming, ...]:
    """Every naming there is, from `names.yaml`."""
    table = read_document(Path(__file__).with_name("names.yaml"))
    return tuple(Naming(network, tuple(given["sources"]), dict(_layers(given))) for network, given in table.items())


def _layers(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield from given["layers"].items()
    for place, (theirs, table) in given["modules"].items():
        for number in range(COPIES) if "*" in place else (0,):
            for part, name in given["tables"][table].items():
                for layer, called in _in_part(part, name):
                    yield f"{place}.{layer}".replace("*", str(number)), f"{theirs}.{called}".replace("*", str(number))


def _in_part(part: str, name: str | list[str]) -> Iterator[tuple[str, str]]:
    """A layer by its name, or the convolutions of a branch, which are called conv, conv_2, conv_3 and so on."""
    if isinstance(name, str):
        yield part, name
    else:
        for number, called in enumerate(name, start=1):
            yield f"{part}.conv" + (f"_{number}" if number > 1 else ""), called
