"""Images per second of the published networks and of sampled candidates, against torchvision and timm.

    python benchmarks/speed.py [--device cuda] [--minutes 10] [--threads 1 2] [--candidates 10] [--networks NAME ...]
                               [--batch N] [--rewrites] [--compile]

Ours is what a training runs: channels last in memory, the recipe's optimizer, CUDA graphs on a GPU, evaluation with
folded batch norms. It is held against the same network of each library twice: as it comes (contiguous, torch's AdamW as
it is by default), and at equal settings (channels last, our optimizer). bn_inception and candidates exist nowhere else:
there the other one is the network as it is built, treated like that. All are measured in turns, in slices of a fraction
of a second; ratios are taken within a turn. One thread on a CPU is measured in CPU seconds, which other work on the
machine disturbs least, everything else in seconds.

--rewrites and --compile add our networks with sibling 1×1 convolutions merged, with average pools behind the 1×1 that
narrows, and compiled by torch (of which each takes minutes).
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from random import Random
from typing import Any

import torch
from rewrites import merged, swapped
from torch import Tensor, nn
from torch.nn import functional as F

from environment import described
from nas.architecture import Architecture
from nas.architecture.context import context
from nas.architecture.plan import ShapeError
from nas.compose import configuration
from nas.network import build_network, folded
from nas.search.spaces import at_data
from nas.space.suggest import RandomSuggest
from nas.training.graphs import graphed
from nas.training.optimizers import optimizer
from nas.training.recipe import Training

SLICE = 0.2  # seconds that one contestant is measured before it is the next one's turn
LEAST = 3  # turns
NATIVE = {"googlenet_bn": 224, "bn_inception": 224}  # the others: 299
SMALL = {"googlenet_bn": 128, "bn_inception": 128}  # on a CPU; the others: 160

Make = Callable[[], nn.Module]
Step = Callable[[], object]


@dataclass(frozen=True)
class Case:
    """A network of ours, the same of others, and the images for it."""

    name: str
    ours: Make
    others: Mapping[str, Make]
    channels: int
    size: int
    classes: int
    batch: int


@dataclass(frozen=True)
class Place:
    device: torch.device
    threads: int
    precision: str

    def __str__(self) -> str:
        return f"{self.threads} threads" if self.device.type == "cpu" else self.precision

    def autocast(self) -> AbstractContextManager[Any]:
        if self.precision == "bf16":
            return torch.autocast(self.device.type, dtype=torch.bfloat16)
        return nullcontext()

    def clock(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        return time.process_time() if self.device.type == "cpu" and self.threads == 1 else time.perf_counter()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--minutes", type=float, default=10.0, help="for all, as far as three turns of each allow")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="of a CPU")
    parser.add_argument("--networks", nargs="*", default=[*PUBLISHED], choices=[*PUBLISHED], metavar="NAME")
    parser.add_argument("--candidates", type=int, default=10, help="random ones of inception_cell at 1×28×28")
    parser.add_argument("--batch", type=int, help="images; default: 8 on a CPU, 64 on a GPU; of candidates 64")
    parser.add_argument("--rewrites", action="store_true")
    parser.add_argument("--compile", action="store_true")
    options = parser.parse_args()
    deadline = time.monotonic() + 60 * options.minutes
    print(described())
    device = torch.device(options.device)
    if device.type == "cuda":
        if not torch.cuda.is_available():
            raise SystemExit("there is no GPU here")
        precisions = ["float32"] + ["bf16"] * torch.cuda.is_bf16_supported(including_emulation=False)
        places = [Place(device, torch.get_num_threads(), precision) for precision in precisions]
        print(
            f"{torch.cuda.get_device_name()}, CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}; "
            f"TF32 in convolutions {torch.backends.cudnn.allow_tf32}, in matrix products "
            f"{torch.backends.cuda.matmul.allow_tf32}, cudnn.benchmark {torch.backends.cudnn.benchmark}"
        )
    else:
        places = [Place(device, threads, "float32") for threads in options.threads]
    cases = [*published(options.networks, device, options.batch), *candidates(options.candidates, options.batch)]
    print("medians and quartiles of n turns; above 1: the first is faster")
    runs = [(case, place, act) for case in cases for place in places for act in ACTS]
    for number, (case, place, act) in enumerate(runs):
        torch.set_num_threads(place.threads)
        share = (deadline - time.monotonic()) / (len(runs) - number)
        torch._dynamo.reset()
        with place.device:
            contestants = act(case, place, options.rewrites, options.compile)
        print(f"{case.name:<22}{ACTS[act]:<11}{place!s:<10}{measured(contestants, place, case, share)}", flush=True)
        del contestants


def published(names: list[str], device: torch.device, batch: int | None) -> Iterator[Case]:
    on_cpu = device.type == "cpu"
    for name in names:
        size = SMALL.get(name, 160) if on_cpu else NATIVE.get(name, 299)
        build = partial(built, Architecture.load(name), 3, size, 1000)
        others: dict[str, Make] = {}
        for library, make in PUBLISHED[name].items():
            if find_spec(library):
                others[library] = make
            else:
                print(f"{name}: {library} is not installed, so it is left out")
        yield Case(name, build, others or {"itself": build}, 3, size, 1000, batch or (8 if on_cpu else 64))


def candidates(number: int, batch: int | None) -> Iterator[Case]:
    composed = configuration(["+search=inception_cell"]).space
    assert composed is not None
    space = at_data(composed, 1, 28, 10)
    seed = 0
    while number:
        try:
            document = space.sample(RandomSuggest(Random(seed)), context)
            build = partial(built, Architecture.from_document(document), 1, 28, 10)
            yield Case(f"candidate {seed}", build, {"itself": build}, 1, 28, 10, batch or 64)
            number -= 1
        except ShapeError:
            pass
        seed += 1


def built(architecture: Architecture, channels: int, size: int, classes: int) -> nn.Module:
    return build_network(architecture, in_channels=channels, classes=classes, input_size=size, aux=False)


def torchvision_network(name: str) -> nn.Module:
    make: Callable[..., nn.Module] = getattr(import_module("torchvision.models"), name)
    return make(weights=None, aux_logits=False, init_weights=False)


def timm_network(name: str) -> nn.Module:
    made: nn.Module = import_module("timm").create_model(name)
    return made


PUBLISHED: dict[str, dict[str, Make]] = {
    "googlenet_bn": {"torchvision": partial(torchvision_network, "googlenet")},
    "inception_v3": {
        "torchvision": partial(torchvision_network, "inception_v3"),
        "timm": partial(timm_network, "inception_v3"),
    },
    "bn_inception": {},
    "inception_resnet_v2": {"timm": partial(timm_network, "inception_resnet_v2")},
}
"""The networks, and who else has them."""


def training(case: Case, place: Place, rewrites: bool, compiled: bool) -> dict[str, Step]:
    """A step of each contestant, ours first."""
    images, labels = batch_of(case, place)
    recipe = Training()

    def step(network: nn.Module, contiguous: bool = False, graphs: bool = False) -> Step:
        network.train()
        x = images.contiguous() if contiguous else images
        if contiguous:
            stepper: torch.optim.Optimizer = torch.optim.AdamW(network.parameters(), lr=recipe.lr)
        else:
            stepper = optimizer(network.to(memory_format=torch.channels_last), recipe)
        with place.autocast():
            call = graphed(network, x) if graphs else network

        def act() -> None:
            stepper.zero_grad()
            with place.autocast():
                loss = F.cross_entropy(call(x), labels)
            loss.backward()
            stepper.step()

        return act

    graphs = place.device.type == "cuda"
    steps = {"ours": step(case.ours(), graphs=graphs)}
    if graphs:
        steps["ours without graphs"] = step(case.ours())
    for name, make in case.others.items():
        steps[f"{name} as it comes"] = step(make(), contiguous=True)
        if name != "itself":
            steps[f"{name} at equal settings"] = step(make())
    if rewrites:
        steps |= {"ours merged": step(merged(case.ours()))}
        steps |= {"ours swapped": step(swapped(case.ours()))}
    if compiled:
        network = case.ours()
        network.compile(mode="reduce-overhead" if place.device.type == "cuda" else None)
        steps |= {"ours compiled": step(network)}
    return steps


def evaluation(case: Case, place: Place, rewrites: bool, compiled: bool) -> dict[str, Step]:
    images, _ = batch_of(case, place)

    def step(network: nn.Module, contiguous: bool = False) -> Step:
        network.eval()
        x = images.contiguous() if contiguous else images
        if not contiguous:
            network.to(memory_format=torch.channels_last)

        def act() -> None:
            with torch.inference_mode(), place.autocast():
                network(x)

        return act

    def fold(network: nn.Module) -> nn.Module:
        return folded(network.to(memory_format=torch.channels_last))

    ours = case.ours()
    steps = {"ours": step(fold(ours)), "ours unfolded": step(ours)}
    for name, make in case.others.items():
        steps[f"{name} as it comes"] = step(make(), contiguous=True)
        if name != "itself":
            steps[f"{name} at equal settings"] = step(make())
    if rewrites:
        steps |= {"ours swapped": step(swapped(fold(ours)))}
        steps |= {"ours unfolded, merged": step(merged(ours))}
    return steps


ACTS = {training: "training", evaluation: "evaluation"}


def batch_of(case: Case, place: Place) -> tuple[Tensor, Tensor]:
    images = torch.randn(case.batch, case.channels, case.size, case.size)
    labels = torch.randint(case.classes, (case.batch,))
    return images.contiguous(memory_format=torch.channels_last), labels


def measured(contestants: Mapping[str, Step], place: Place, case: Case, seconds: float) -> str:
    """Our images per second, and how many times those of each other one they are."""
    started = time.monotonic()
    repeats = {name: repeats_of(step, place) for name, step in contestants.items()}
    rates: dict[str, list[float]] = {name: [] for name in contestants}
    order = list(contestants)
    while len(rates["ours"]) < LEAST or time.monotonic() - started < seconds:
        for name in order:
            began = place.clock()
            for _ in range(repeats[name]):
                contestants[name]()
            rates[name].append(case.batch * repeats[name] / (place.clock() - began))
        order = [*order[1:], order[0]]
    said = [f"{statistics.median(rates['ours']):8.1f} images/s"]
    for name, others in rates.items():
        if name != "ours":
            ratios = [own / other for own, other in zip(rates["ours"], others, strict=True)]
            low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
            said.append(f"over {name} {middle:.2f} ({low:.2f} to {high:.2f})")
    return "; ".join([*said, f"n = {len(rates['ours'])}"])


def repeats_of(step: Step, place: Place) -> int:
    """As many steps as take a slice, at least one; before, as many that prepare things and raise the clocks."""
    until = time.monotonic() + SLICE
    step()
    while time.monotonic() < until:
        step()
    began = place.clock()
    step()
    return max(1, round(SLICE / (place.clock() - began)))


if __name__ == "__main__":
    main()
