"""From an architecture to a torch module."""

from nas.network.build import Network, build_network, set_drop_path
from nas.network.folded import folded, refold

__all__ = ["Network", "build_network", "folded", "refold", "set_drop_path"]
