"""Tests of nas.tracking.offline: W&B's files are read as W&B reads them, whole or torn."""

import json
import subprocess
import sys
import zlib
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tracking_parts import on_disk, run_program, tracker_of
from wandb_files import read_run, read_runs

from nas.errors import InputError
from nas.tracking.offline import last_step, messages

BLOCK = 32768
HEADER = b":W&B" + pack("<HB", 0xBEE1, 0)


def framed(written):
    """`written` as a W&B file holds them, and where in it each one ends."""
    content = bytearray(HEADER)
    ends = []
    for message in written:
        rest, first = message, True
        while first or rest:
            left = BLOCK - len(content) % BLOCK
            if left < 7:
                content += bytes(left)
                left = BLOCK
            chunk, rest = rest[: left - 7], rest[left - 7 :]
            kind = (1 if first else 4) if not rest else (2 if first else 3)
            content += pack("<IHB", zlib.crc32(bytes([kind]) + chunk), len(chunk), kind) + chunk
            first = False
        ends.append(len(content))
    return bytes(content), ends


sizes = st.lists(st.sampled_from([0, 1, 100, BLOCK - 30, BLOCK - 14, BLOCK - 7, BLOCK, 2 * BLOCK + 5]), max_size=6)


@given(sizes, st.floats(0, 1))
def test_every_message_written_whole_is_read_and_none_after_the_tear(sizes, where):
    written = [bytes([index]) * size for index, size in enumerate(sizes)]
    content, ends = framed(written)
    assert list(messages(content)) == written
    cut = len(HEADER) + int(where * (len(content) - len(HEADER)))
    assert list(messages(content[:cut])) == written[: sum(end <= cut for end in ends)]


@given(sizes.filter(any), st.data())
def test_a_damaged_byte_ends_the_reading_before_its_message(sizes, data):
    written = [bytes([index + 1]) * size for index, size in enumerate(sizes)]
    content, _ = framed(written)
    place = data.draw(st.integers(len(HEADER), len(content) - 1))
    damaged = content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]
    read = list(messages(damaged))
    assert read == written[: len(read)]


@pytest.fixture
def study(own_home, tmp_path):
    return tmp_path / "study"


def test_a_run_reads_as_in_the_reader_of_wandb_itself(study):
    mirror = tracker_of(study)
    mirror.start(7, {"width": 64, "note": "é" * 50_000}, {"macs": 10**12, "digest": "abc"})
    for epoch in range(300):
        mirror.report(7, epoch, {"val/accuracy": epoch / 300, "train/loss": 1e-30 * epoch})
    mirror.finish(7, "failed", {"value": None, "reason": "loss is NaN"})
    mirror.close()
    (path,) = study.glob("wandb/offline-run-*/run-*-7.wandb")
    assert path.stat().st_size > 3 * BLOCK
    run = read_run(path)

    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(path.parent)]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    records = [json.loads(line) for line in lines]
    config, summary, about, code = {}, {}, {}, None
    for record in records:
        match record["type"]:
            case "run":
                about = record["run"]
                config |= about["config"]["update"]
            case "summary":
                summary |= record["summary"]["update"]
            case "exit":
                code = record["exit"]["exit_code"]
    history = [record["history"]["item"] for record in records if record["type"] == "history"]
    assert run.history == tuple(history)
    assert [row["_step"] for row in history] == list(range(300))
    assert run.config == {key: value for key, value in config.items() if not key.startswith("_wandb")}
    assert run.summary == {key: value for key, value in summary.items() if not key.startswith("_wandb")}
    assert (run.id, run.name, run.group) == (about["run_id"], about["display_name"], about["run_group"])
    assert run.tags == tuple(about["tags"]) == ("failed",)
    assert run.exit_code == code == 1


def test_a_candidate_that_went_on_later_reads_as_one_run(study):
    first = tracker_of(study)
    first.start(0, {"width": 8}, {})
    first.report(0, 1, {"loss": 3.0})
    first.report(0, 2, {"loss": 2.0})
    first.close()
    (interrupted,) = on_disk(study)
    assert (interrupted.exit_code, interrupted.tags) == (255, ("interrupted",))

    then = tracker_of(study)
    then.start(0, {"width": 8}, {})
    then.report(0, 2, {"loss": 2.5})
    then.report(0, 3, {"loss": 1.0})
    then.finish(0, "complete", {"value": 0.75})
    then.close()
    (run,) = on_disk(study)
    assert [(row["_step"], row["loss"]) for row in run.history] == [(1, 3.0), (2, 2.0), (3, 1.0)]
    assert (last_step(study / "wandb", run.id), last_step(study / "wandb", "another")) == (3, -1)
    assert (run.exit_code, run.tags, run.summary["value"]) == (0, ("complete",), 0.75)
    assert run.started == interrupted.started


def test_a_killed_search_leaves_its_records_and_the_next_goes_on_in_the_same_run(study):
    program = """
import os, signal, sys, time
from pathlib import Path
from nas.tracking import About, open_tracker
from nas.tracking.offline import kept_runs, last_step
study = Path(sys.argv[1])
tracker = open_tracker("wandb", About("tiny", "id", study), print)
tracker.start(0, {"width": 8}, {})
tracker.report(0, 1, {"loss": 3.0})
folder = study / "wandb"
while not any(last_step(folder, run) > 0 for run in kept_runs(folder)):
    time.sleep(0.05)
os.kill(os.getpid(), signal.SIGKILL)
"""
    run_program(program, study)
    (killed,) = on_disk(study)
    assert [row["loss"] for row in killed.history] == [3.0]
    assert killed.exit_code != 0

    then = tracker_of(study)
    then.start(0, {"width": 8}, {})
    then.report(0, 2, {"loss": 2.0})
    then.finish(0, "complete", {})
    then.close()
    (run,) = on_disk(study)
    assert [(row["_step"], row["loss"]) for row in run.history] == [(1, 3.0), (2, 2.0)]
    assert run.exit_code == 0


def test_files_that_have_only_been_opened_are_no_runs_yet(tmp_path):
    for name, content in {"a": b"", "b": HEADER[:3], "c": HEADER}.items():
        folder = tmp_path / f"offline-run-20260101_000000-{name}"
        folder.mkdir()
        (folder / f"run-{name}.wandb").write_bytes(content)
    assert read_runs(tmp_path) == {}
    assert read_runs(tmp_path / "nothing") == {}


def test_another_kind_of_file_is_refused_by_name(tmp_path):
    path = tmp_path / "run-x.wandb"
    path.write_bytes(b"PK\x03\x04 something else")
    with pytest.raises(InputError, match=r"run-x\.wandb: not a file of W&B's"):
        read_run(path)
