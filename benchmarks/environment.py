"""What a figure was measured on, for the head of every benchmark's output."""

import os
import platform
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    "torch",
    "pytorch-lightning",
    "optuna",
    "hydra-core",
    "wandb",
    "numpy",
    "torchvision",
    "timm",
)


def described() -> str:
    """Date, processor, cores and versions in a few lines."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in _lines(Path("/proc/cpuinfo"))
            if line.startswith(("model name", "Model"))
        ),
        platform.processor() or platform.machine(),
    )
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    packages = ", ".join(filter(None, map(_installed, PACKAGES)))
    return (
        f"{date.today()}; {model}, {cores} cores, {platform.system()}; Python {platform.python_version()}, {packages}"
    )


def _installed(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return ""


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []
