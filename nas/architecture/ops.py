"""The ops of the language, by the name that a document calls them."""

from nas.architecture.containers import Aux, Branches, Cell, Chain, Graph, Residual
from nas.architecture.op import Op, Steps
from nas.architecture.unweighted import (
    LRN,
    Activation,
    AdaptivePool,
    ChannelAffine,
    Dropout,
    Flatten,
    GlobalPool,
    Identity,
    L2Norm,
    Norm,
    Pool,
)
from nas.architecture.weighted import Conv, Linear

__all__ = [
    "KINDS",
    "LRN",
    "OPS",
    "Activation",
    "AdaptivePool",
    "Aux",
    "Branches",
    "Cell",
    "Chain",
    "ChannelAffine",
    "Conv",
    "Dropout",
    "Flatten",
    "GlobalPool",
    "Graph",
    "Identity",
    "L2Norm",
    "Linear",
    "Norm",
    "Op",
    "Pool",
    "Residual",
    "Steps",
]

OPS: dict[str, type[Op]] = {
    "chain": Chain,
    "branches": Branches,
    "residual": Residual,
    "graph": Graph,
    "cell": Cell,
    "aux": Aux,
    "conv": Conv,
    "pool": Pool,
    "global_pool": GlobalPool,
    "adaptive_pool": AdaptivePool,
    "lrn": LRN,
    "dropout": Dropout,
    "identity": Identity,
    "flatten": Flatten,
    "linear": Linear,
    "norm": Norm,
    "activation": Activation,
    "l2_norm": L2Norm,
    "channel_affine": ChannelAffine,
}
"""The op of each name in a document."""

KINDS = {op: kind for kind, op in OPS.items()}
