"""Which devices are found, under every setting of CUDA_VISIBLE_DEVICES."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from nas.errors import InputError
from nas.pool import Device, Need, cores, devices, find_devices
from nas.pool.devices import read_listing

A, B, C = (f"GPU-{letter * 8}-0000-1111-2222-333333333333" for letter in "abc")
PART1, PART2 = (f"MIG-{letter * 8}-0000-1111-2222-333333333333" for letter in "de")
WHOLE = f"GPU 0: NVIDIA H100 80GB HBM3 (UUID: {A})\nGPU 1: NVIDIA H100 80GB HBM3 (UUID: {B})\n"
PARTED = WHOLE + (
    f"GPU 2: NVIDIA H100 80GB HBM3 (UUID: {C})\n"
    f"  MIG 3g.40gb     Device  0: (UUID: {PART1})\n"
    f"  MIG 1g.10gb     Device  1: (UUID: {PART2})\n"
)
FAILURE = "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n"


Machine = Callable[..., None]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Makes this one whose `nvidia-smi -L` says `listing`, with CUDA_VISIBLE_DEVICES set, or not set if None."""

    def become(listing: str, visible: str | None = None) -> None:
        monkeypatch.setattr(devices, "_nvidia_smi", lambda: listing)
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        if visible is not None:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)

    return become


@pytest.mark.parametrize(
    ("visible", "ids"),
    [
        (None, [A, B, PART1, PART2]),
        ("0", ["0"]),
        ("1,0", ["1", "0"]),
        (" 1 , 0 ", ["1", "0"]),
        ("2", [PART1, PART2]),
        ("0,7,1", ["0"]),
        ("0,-1,1", ["0"]),
        ("0,x,1", ["0"]),
        (f"0,{B}", ["0"]),
        (B, [B]),
        (f"{B},{A}", [B, A]),
        ("GPU-bb,GPU-aa", [B, A]),
        (f"{B},0,{A}", [B]),
        (f"{B},GPU-ffff,{A}", [B]),
        (C, [PART1, PART2]),
        (PART2, [PART2]),
        (f"{PART2},{PART1}", [PART2, PART1]),
        (f"{PART2},{A}", [PART2]),
    ],
)
def test_what_is_visible_is_found_in_its_order(machine: Machine, visible: str | None, ids: list[str]) -> None:
    machine(PARTED, visible)
    assert find_devices("gpu") == tuple(Device("cuda", id) for id in ids)


@pytest.mark.parametrize("visible", ["", "-1", "none", "7", "0,0", f"{A},{A}", "GPU-", "GPU-ffff", "MIG-ffff", "-1,0"])
def test_what_hides_all_gpus_leaves_the_cpu(machine: Machine, visible: str) -> None:
    machine(PARTED, visible)
    assert [device.kind for device in find_devices("auto")] == ["cpu"] * cores()
    with pytest.raises(InputError, match=r"needs a GPU, and there is none here.*leaves none of 3"):
        find_devices("gpu")


@pytest.mark.parametrize("listing", ["", FAILURE, "No devices found.\n"])
def test_without_gpus_auto_takes_the_cpu_and_gpu_says_why_not(machine: Machine, listing: str) -> None:
    machine(listing)
    assert find_devices("auto")[0].kind == "cpu"
    for accelerator in ("gpu", "cuda"):
        with pytest.raises(InputError, match=f"'{accelerator}' needs a GPU, and .* says: ({listing.strip()}|nothing)"):
            find_devices(accelerator)


def test_older_names_of_parts_are_read() -> None:
    (gpu,) = read_listing(f"GPU 0: A100 (UUID: {A})\n  MIG 1g.5gb Device 0: (UUID: MIG-{A}/1/0)\n")
    assert gpu.parts == (f"MIG-{A}/1/0",)


def test_a_cpu_has_a_device_for_each_core_and_more_if_more_are_asked_for() -> None:
    assert find_devices("cpu") == tuple(Device("cpu", str(number)) for number in range(cores()))
    assert len(find_devices("cpu", 1000)) == 1000
    assert len(find_devices("cpu", 1000, Need(devices=2))) == 2000
    assert len(find_devices("cpu", 1001, Need(share=0.5))) == 501
    assert len(find_devices("cpu", None, Need(devices=100))) == 100
    assert len(find_devices("cpu", 1)) == cores()


def test_the_cpu_is_taken_though_there_are_gpus(machine: Machine) -> None:
    machine(WHOLE)
    assert find_devices("cpu")[0].kind == "cpu"


def test_apples_gpu_is_one_device(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine("")
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    for accelerator in ("auto", "gpu", "mps"):
        assert find_devices(accelerator) == (Device("mps", "0"),)
    with pytest.raises(InputError, match="'cuda' needs a GPU"):
        find_devices("cuda")


def test_what_is_not_here_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.system", lambda: "Linux")
    with pytest.raises(InputError, match="'mps' is of Apple's processors"):
        find_devices("mps")
    with pytest.raises(InputError, match="no accelerator 'tpu'"):
        find_devices("tpu")


@pytest.mark.parametrize(("text", "expected"), [("100000 100000", 1), ("50000 100000", 1), ("max 100000", None)])
def test_a_containers_quota_bounds_the_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, expected: int | None
) -> None:
    monkeypatch.setattr(devices, "QUOTA", tmp_path / "absent")
    unbounded = cores()
    monkeypatch.setattr(devices, "QUOTA", tmp_path / "cpu.max")
    (tmp_path / "cpu.max").write_text(text + "\n")
    assert cores() == (expected or unbounded)
