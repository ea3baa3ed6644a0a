"""What a training that starts from a file of weights takes from it; found out before anything is trained.

Imports torch only where that is looked at, so that the driver can have it done in another process.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any


def fingerprint(weights: Path) -> str:
    """Of what is in the file."""
    return sha256(weights.read_bytes()).hexdigest()


def tried(
    architecture: Mapping[str, Any],
    shape: tuple[int, int, int],
    classes: int,
    weights: Path,
    imports: Sequence[str] = (),
) -> str:
    """What the network of an architecture document takes from a file of weights, and what it does not, in words.

    `shape` is that of an image: channels, height, width. `imports` are modules that register ops.

    Raises:
        InputError: no such file, or something but the heads does not fit; all that does not is named.
    """
    # here, as a driver imports this module, and torch is for its children
    from nas.architecture import Architecture
    from nas.architecture.own_ops import import_own
    from nas.network import build_network
    from nas.weights import load_weights

    import_own(imports)
    channels, *size = shape
    built = Architecture.from_document(architecture)
    network = build_network(built, in_channels=channels, classes=classes, input_size=(size[0], size[1]), aux=True)
    loaded = load_weights(network, weights, head=None)
    return f"starts from {weights} ({loaded})"
