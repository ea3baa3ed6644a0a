"""Where the time of a candidate and of a search goes: `python benchmarks/where_time_goes.py [--candidates 6]`.

The training of random candidates of inception_cell by torch's profiler, one thread, written by hand (`by_hand.py`:
Lightning, DataLoader, AdamW, contiguous) and as ours: seconds of what runs in each group of torch's operations, and
outside of them (Python, Lightning, the profiler itself). Before it, a search of as many candidates on two slots: CPU
seconds of its processes, looked at every tenth of a second. Linux only.
"""

import argparse
import os
import subprocess
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

from processes import adopt_orphans, descendants, environment, wait_for_orphans
from searches import command, counted, documents_of

from environment import described

GROUPS = {
    "convolution": ("convolution", "mkldnn_convolution", "thnn_conv", "slow_conv"),
    "batch norm": ("batch_norm",),
    "pooling": ("pool",),
    "optimizer": ("adam", "sgd", "_foreach_"),
    "activation": ("relu", "threshold", "clamp", "silu", "gelu"),
    "copies, concatenation, sums": ("cat", "copy_", "add", "mul", "slice", "narrow", "fill_", "zero_", "contiguous"),
}
"""Parts of the names of torch's operations; the first group that has one takes it."""

OTHERS, OUTSIDE = "other operations", "outside of operations"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--candidates", type=int, default=6)
    parser.add_argument("--epochs", type=int, default=2)
    options = parser.parse_args()
    adopt_orphans()
    print(described())
    with tempfile.TemporaryDirectory() as folder:
        seconds = searched(command(Path(folder), "profiled", options.candidates, options.epochs, 2), Path(folder))
        documents = documents_of(counted(Path(folder) / "profiled"), options.epochs)
        os.chdir(folder)  # where a training by hand writes its logs
        profile(documents)
    print(f"CPU seconds of a search of {options.candidates} candidates on two slots, by process:")
    for name, value in seconds.items():
        print(f"  {name:<24}{value:>8.2f}  {value / sum(seconds.values()):6.1%}")


def profile(documents: list[Any]) -> None:
    """Prints the seconds of the groups in training and evaluating all documents, by hand and as ours."""
    import torch
    from by_hand import trained

    from nas.data.builtin import load_fashion_mnist_mini
    from nas.training.candidate import train_candidate
    from nas.training.job import Job

    data = load_fashion_mnist_mini()
    torch.set_num_threads(1)
    by_hand, mine = Groups(), Groups()
    for document in documents:
        with redirect_stdout(StringIO()):  # Lightning has much to say
            by_hand.add(lambda document=document: trained(document, data, "cpu", []))
        mine.add(lambda document=document: train_candidate(Job(document, lambda: data, "cpu"), threads=1))
    print(f"{len(documents)} candidates, seconds of training and evaluation under the profiler: by hand, ours")
    for name in [*GROUPS, OTHERS, OUTSIDE]:
        before, after = by_hand.seconds[name], mine.seconds[name]
        print(f"  {name:<30}{before:8.2f} {before / by_hand.whole:6.1%} {after:8.2f} {after / mine.whole:6.1%}")
    print(f"  {'all':<30}{by_hand.whole:8.2f} {'':>6} {mine.whole:8.2f}")


@dataclass
class Groups:
    """Seconds of the groups of operations in what has been added."""

    seconds: Counter[str] = field(default_factory=Counter)
    whole: float = 0.0

    def add(self, act: Callable[[], object]) -> None:
        from torch.profiler import ProfilerActivity
        from torch.profiler import profile as profiled

        with profiled(activities=[ProfilerActivity.CPU]) as found:
            started = time.perf_counter()
            act()
            took = time.perf_counter() - started
        inside = 0.0
        for event in found.key_averages():
            if event.key.startswith(("aten::", "autograd::", "mkldnn")):
                group = next(
                    (name for name, words in GROUPS.items() if any(word in event.key for word in words)), OTHERS
                )
                self.seconds[group] += event.self_cpu_time_total / 1e6
                inside += event.self_cpu_time_total / 1e6
        self.seconds[OUTSIDE] += took - inside
        self.whole += took


def searched(arguments: list[str], folder: Path) -> dict[str, float]:
    """The CPU seconds of each kind of process of a search."""
    seen: dict[Path, tuple[str, float]] = {}
    running = subprocess.Popen(
        arguments, env=environment(), cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while running.poll() is None:
        for process in descendants():
            with suppress(OSError):
                seen[process] = kind_of(process, running.pid), cpu_seconds(process)
        time.sleep(0.1)
    if running.returncode:
        raise SystemExit(f"{arguments} failed")
    wait_for_orphans()
    seconds: defaultdict[str, float] = defaultdict(float)
    for kind, value in seen.values():
        seconds[kind] += value
    return dict(seconds)


def kind_of(process: Path, driver: int) -> str:
    words = (process / "cmdline").read_text()
    parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
    if process.name == str(driver):
        return "driver"
    if "wandb-core" in words:
        return "W&B service"
    return "fork server, its imports" if parent == driver else "candidates"


def cpu_seconds(process: Path) -> float:
    user, system = (process / "stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
