"""The option `search.screen`: several candidates are scored cheaply, and the best of them is trained."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nas.data.images import scaled
from nas.errors import InputError, check_whole, unknown
from nas.training.job import PROXIES
from nas.training.recipe import Training

TRAINING, INHERITED = "training", "inherited"
BY = (*PROXIES, TRAINING, INHERITED)
PLACE = "search.screen"


@dataclass(frozen=True)
class Screen:
    """`of` candidates are scored `by` a zero-cost proxy, or by the accuracy of a brief training of so many `epochs`.

    `training` begins with fresh weights, `inherited` with those of the trained candidate that it shares most with.
    Brief trainings may be of smaller images (`size` pixels on the shorter side), and of a `share` of them.
    """

    by: str
    of: int
    epochs: int = 1
    size: int | None = None
    share: float = 1.0

    @classmethod
    def from_option(cls, value: Any) -> "Screen | None":
        """None for null. Raises `InputError` for a way that there is not, or a value out of range."""
        if value is None:
            return None
        if not isinstance(value, Mapping) or not {"by", "of"} <= value.keys():
            raise InputError(f"{PLACE}: expected {{by: ..., of: ...}}, or null for none; got {value!r:.80}")
        if value["by"] not in BY:
            raise unknown(f"{PLACE}.by", "way to score", value["by"], BY)
        keys = ["by", "of"] if value["by"] in PROXIES else ["by", "of", "epochs", "size", "share"]
        for key in value:
            if key not in keys:
                raise unknown(PLACE, f"key for {value['by']}", key, keys)
        for key, low, high in (("of", 2, 1000), ("epochs", 1, 10_000), ("size", 1, 10_000)):
            if value.get(key) is not None:
                check_whole(f"{PLACE}.{key}", value[key], low, high)
        share = value.get("share", 1.0)
        if not isinstance(share, int | float) or isinstance(share, bool) or not 0 < share <= 1:
            raise InputError(f"{PLACE}.share: expected a number above 0 and up to 1; got {share!r:.80}")
        return cls(**value)

    @property
    def trains(self) -> bool:
        return self.by not in PROXIES

    def check(self, epochs: Any, size: tuple[int, int]) -> None:
        """Raises `InputError` if its trainings are no briefer than whole ones, of `epochs` unless that is a hole, or if
        it would enlarge images of `size`."""
        if self.trains and isinstance(epochs, int) and self.epochs >= epochs:
            raise InputError(f"{PLACE}.epochs: {self.epochs} are no fewer than the {epochs} of a whole training")
        if self.size is not None and self.size > min(size):
            raise InputError(f"{PLACE}.size: {self.size} pixels are more than the images have, {min(size)}")

    def brief(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """The document to be trained for a score: its own schedule in few epochs, warm-up and decay as much shorter."""
        training = Training.from_document(document["training"]).to_document()
        shorter = self.epochs / Training.from_document(document["training"]).epochs
        for key in ("warmup_epochs", "decay_epochs"):
            training[key] = shorter * float(str(training[key]))
        architecture = dict(document["architecture"])
        if self.size is not None:
            given = architecture["input"]
            height, width = given["size"]
            architecture["input"] = {**given, "size": list(scaled((height, width), self.size))}
        return {**document, "architecture": architecture, "training": {**training, "epochs": self.epochs}}
