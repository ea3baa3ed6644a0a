"""The ranks of a training on several devices: processes that find their places in the environment.

Whoever starts them sets LOCAL_RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT, NODE_RANK where there are several nodes,
and LOCAL_WORLD_SIZE where not all ranks are on one. Accelerators are numbered by LOCAL_RANK, so that every rank sees
all devices of its node that take part. Nothing here, and nothing of Lightning's, starts a process.
"""

import os

import torch
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from pytorch_lightning.strategies import DDPStrategy, Strategy
from torch import distributed, nn
from torch.func import functional_call

from nas.errors import InputError

NEEDED = ("LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


class Place(LightningEnvironment):
    """Lightning's reading of the environment, which leaves it as it is."""

    def teardown(self) -> None:
        pass


def devices_here(devices: int) -> int:
    """How many of a training's devices are on this node. `InputError` if this process is none of its ranks."""
    if devices == 1:
        return 1
    missing = [name for name in NEEDED if name not in os.environ]
    if missing:
        raise InputError(
            f"devices: {devices} devices need a process each; this one was started alone (no {', '.join(missing)})"
        )
    if int(os.environ["WORLD_SIZE"]) != devices:
        raise InputError(f"devices: {devices} devices, but WORLD_SIZE={os.environ['WORLD_SIZE']} processes")
    return int(os.environ.get("LOCAL_WORLD_SIZE", devices))


def strategy(devices: int, network: nn.Module, image: tuple[int, int, int]) -> Strategy | str:
    """How gradients of a network that takes images of shape (c, h, w) are shared.

    Buffers are not copied from rank 0 in every step: running statistics follow each rank's images, and are averaged
    after every epoch.
    """
    if devices == 1:
        return "auto"
    return DDPStrategy(find_unused_parameters=_has_unused(network, image), broadcast_buffers=False)


def _has_unused(network: nn.Module, image: tuple[int, int, int]) -> bool:
    """Whether some parameters take no part in the logits: a searched cell may compute what nothing reads.

    Ranks would wait for their gradients, and to look for them in every step takes time. So they are looked for once,
    with two images and on a copy of the buffers, which leaves the network as it was. (Tensors of the device "meta",
    which compute nothing, take longer: batch norm on them is Python.)
    """
    buffers = {name: each.clone() for name, each in network.named_buffers()}
    match functional_call(network, buffers, (torch.zeros(2, *image),)):
        case (logits, heads):
            outputs = [logits, *heads.values()]
        case logits:
            outputs = [logits]
    trained = [each for each in network.parameters() if each.requires_grad]
    found = torch.autograd.grad([each.sum() for each in outputs], trained, allow_unused=True)
    return any(each is None for each in found)


def is_first(devices: int) -> bool:
    """Whether this process is the one that writes and reports."""
    return devices == 1 or (os.environ["LOCAL_RANK"] == "0" and os.environ.get("NODE_RANK", "0") == "0")


def leave() -> None:
    """Ends the ranks' connection once all of them are done; without it, the first to go is an error to the others."""
    if distributed.is_initialized():
        distributed.barrier()
        distributed.destroy_process_group()
