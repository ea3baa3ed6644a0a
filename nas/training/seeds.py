"""Random states for every purpose of a training, each following from the document's seed alone."""

from hashlib import sha256

from torch import Generator


def derived_seed(seed: int, *purpose: str | int) -> int:
    """A seed for one purpose ("order", epoch, ...); what one purpose draws never changes another's numbers."""
    digest = sha256(repr((seed, *purpose)).encode()).digest()
    return int.from_bytes(digest[:7], "big")


def generator(seed: int, *purpose: str | int) -> Generator:
    """A CPU generator with the seed of this purpose."""
    return Generator().manual_seed(derived_seed(seed, *purpose))
