"""A cache entry is whole or absent, whoever asks at once and whoever is killed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from nas.data.cache import default_cache, made_once
from nas.errors import InputError

ROOT = Path(__file__).parents[1]


def write(part: Path) -> None:
    (part / "content").write_text("whole")


def refuse(part: Path) -> None:
    raise AssertionError("made twice")


def test_an_entry_is_made_once(tmp_path: Path) -> None:
    folder = made_once(tmp_path / "deep" / "cache", "a", write)
    assert (folder / "content").read_text() == "whole"
    assert made_once(tmp_path / "deep" / "cache", "a", refuse) == folder


def test_an_entry_whose_making_fails_is_absent_and_leaves_nothing(tmp_path: Path) -> None:
    def fail(part: Path) -> None:
        write(part)
        raise InputError("bad image")

    with pytest.raises(InputError, match="bad image"):
        made_once(tmp_path, "a", fail)
    assert [path.name for path in tmp_path.iterdir()] == ["a.lock"]
    assert made_once(tmp_path, "a", write).is_dir()


SLOW = """
import sys, time
from pathlib import Path
from nas.data.cache import made_once
def slow(part):
    with open(part.parent / "calls", "a") as calls:
        calls.write("made once ")
    time.sleep(0.5)
    (part / "content").write_text("whole")
print((made_once(Path(sys.argv[1]), "a", slow) / "content").read_text())
"""


def test_of_several_processes_at_once_one_makes_the_entry(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SLOW, str(tmp_path)]
    asking = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert [process.communicate(timeout=60)[0] for process in asking] == ["whole\n"] * 3
    assert (tmp_path / "calls").read_text() == "made once "


HANG = """
import sys, time
from pathlib import Path
from nas.data.cache import made_once
def hang(part):
    (part / "content").write_text("hal")
    print("half way", flush=True)
    time.sleep(60)
made_once(Path(sys.argv[1]), "a", hang)
"""


def test_a_process_killed_half_way_leaves_no_entry_and_no_lock(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HANG, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "half way\n"
        process.send_signal(signal.SIGKILL)
    assert not (tmp_path / "a").exists()
    assert (made_once(tmp_path, "a", write) / "content").read_text() == "whole"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "a.lock"]


def test_a_place_that_cannot_be_written_is_named_with_the_option(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"file.*choose another place with data.cache"):
        made_once(tmp_path / "file", "a", write)


def test_the_default_place_is_the_users_cache_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/elsewhere")
    assert default_cache() == Path("/elsewhere/inception-nas")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_cache() == Path(os.path.expanduser("~/.cache/inception-nas"))
