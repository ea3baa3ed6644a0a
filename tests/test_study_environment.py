"""What a search ran on is written down, without a password and without another's commit."""

import subprocess
from pathlib import Path

from nas.pool.devices import Device
from nas.program import program
from nas.study.environment import git_state, read_environment, record_environment, without_password


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=me", "-c", "user.email=me@example.org", "-c", "commit.gpgsign=false"]
    command = ["git", *who, "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_every_run_is_added_with_its_command_versions_and_devices(tmp_path: Path) -> None:
    for slots in (1, 2):
        record_environment(tmp_path, ["+search=tiny"], {"study": 0}, [Device("cpu", "0"), Device("cpu", "1")], slots, 1)
    first, second = read_environment(tmp_path)
    assert first["command"] == [*program().split(), "+search=tiny"]
    assert (first["slots"], second["slots"]) == (1, 2)
    assert first["devices"] == {"cpu": 2}
    assert first["seeds"] == {"study": 0}
    assert {"python", "torch", "optuna", "pytorch-lightning"} <= first["versions"].keys()
    assert first["machine"]["cores"] >= 1


def test_a_folder_without_a_record_has_no_runs(tmp_path: Path) -> None:
    assert read_environment(tmp_path) == []


def test_the_commit_is_that_of_the_code_and_changes_are_seen(tmp_path: Path) -> None:
    code = tmp_path / "code"
    code.mkdir()
    (code / "__init__.py").write_text("")
    assert git_state(code) is None
    git(tmp_path, "init", "-q")
    assert git_state(code) is None, "a package in somebody's checkout, as in an environment there, is none of its files"
    git(tmp_path, "add", "code")
    git(tmp_path, "commit", "-q", "-m", "first")
    commit = git(tmp_path, "rev-parse", "HEAD")
    assert git_state(code) == {"commit": commit, "dirty": False}
    (tmp_path / "notes").write_text("not code")
    assert git_state(code) == {"commit": commit, "dirty": False}
    (code / "__init__.py").write_text("changed")
    assert git_state(code) == {"commit": commit, "dirty": True}


def test_a_password_is_not_written_down() -> None:
    written = without_password("study.storage=postgresql://me:secret@host/studies")
    assert "secret" not in written
    assert written.startswith("study.storage=postgresql://me:")
    assert without_password("study.storage=null") == "study.storage=null"
    assert without_password("study.name=a") == "study.name=a"
