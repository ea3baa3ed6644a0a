"""A study in a database: its address, what may be wrong with it, and several drivers in processes of their own."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import postgresql
import pytest
from optuna.pruners import NopPruner
from optuna.samplers import RandomSampler
from search_parts import searching

from nas.errors import InputError
from nas.study import states
from nas.study.database import connected, engine_of, shown_url
from nas.study.files import CONFIG, write_atomically
from nas.study.study import JOURNAL, held, open_study, storage_errors

_engines: list[Any] = []


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    while _engines:
        _engines.pop().dispose()


def opened(folder: Path, url: str | None, pin: str = "") -> optuna.Study:
    study = open_study(folder, "shared", {"pin": pin}, RandomSampler(seed=0), NopPruner(), url)
    _engines.extend([engine_of(study)] if url else [])
    return study


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://ann:pa%40ss@host:5432/db", "postgresql://ann:***@host:5432/db"),
        ("postgresql://ann@host/db", "postgresql://ann@host/db"),
        ("postgresql://host/db?user=ann&password=secret", "postgresql://host/db?password=...&user=ann"),
        ("mysql+pymysql://ann:{secret}@host/db", "mysql+pymysql://ann:***@host/db"),
        ("sqlite:///studies.db", "sqlite:///studies.db"),
        ("postgresql://ann:sec@ret@host/db", "postgresql://..."),
        ("postgresql://ann:secret@host", "postgresql://..."),
        ("ann:secret@host/db", "..."),
    ],
)
def test_an_address_is_shown_without_its_password(url: str, shown: str) -> None:
    assert shown_url(url) == shown


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("blah", "no address of a database; expected postgresql://"),
        ("postgres://ann:secret@host/db", "no kind of database 'postgres'; did you mean 'postgresql'?"),
        ("postgresql://ann:sec@ret@host/db", "an @ in the password is written %40"),
        ("postgresql://ann:secret@host:port/db", "no address that can be read"),
        ("postgresql://ann:secret@host", "lacks the name of a database"),
        ("postgresql+nosuch://ann:secret@host/db", "needs the Python package nosuch, which is not installed"),
        (
            "postgresql://ann:secret@127.0.0.1:1/db",
            r"study.storage: postgresql://ann:\*\*\*@127.0.0.1:1/db cannot be used: .*refused",
        ),
        ("sqlite://", "lacks a file, as in sqlite:///studies.db"),
        ("sqlite:////no/such/folder/x.db", "the folder of /no/such/folder/x.db does not exist"),
        ("sqlite:////", "sqlite://// cannot be used: unable to open database file"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_without_its_password(tmp_path: Path, url: str, said: str) -> None:
    if "127.0.0.1" in url:
        pytest.importorskip("psycopg")
    with pytest.raises(InputError, match=said) as refused:
        opened(tmp_path / "new", url)
    assert "secret" not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__ or refused.value.__context__ is None
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("url", "package"), [("postgresql://ann@host/db", "psycopg"), ("mysql://ann@host/db", "pymysql")]
)
def test_a_missing_package_is_named_with_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, package: str
) -> None:
    monkeypatch.setattr("nas.study.database.find_spec", lambda name: None)
    with pytest.raises(
        InputError, match=f"needs the Python package .*{package}.*, which is not installed: pip install"
    ):
        opened(tmp_path, url)


def test_a_file_that_is_no_database_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("no database, " * 100)
    with pytest.raises(InputError, match="cannot be used: file is not a database"):
        opened(tmp_path, f"sqlite:///{path}")
    assert path.read_text() == "no database, " * 100


def test_a_study_in_a_database_is_opened_again_with_its_pin_and_identity(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'study.db'}"
    first, second = opened(tmp_path, url), opened(tmp_path, url)
    assert first.user_attrs["identity"] == second.user_attrs["identity"]
    told = """study 'shared' was made with something else.*\n  pin: "" in the study, "other" asked for now"""
    with pytest.raises(InputError, match=told):
        opened(tmp_path, url, "other")


def test_a_study_of_the_same_name_made_after_the_first_was_deleted_is_another(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'study.db'}"
    before = opened(tmp_path, url)
    identity = before.user_attrs["identity"]
    optuna.delete_study(study_name="shared", storage=before._storage)
    assert opened(tmp_path, url).user_attrs["identity"] != identity


def test_a_study_does_not_go_on_in_another_place(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'study.db'}"
    opened(tmp_path / "journal", None)
    told = rf"is kept in its {JOURNAL}; leave study\.storage out, or give the search a new name \(study\.name=\.\.\.\)$"
    with pytest.raises(InputError, match=told):
        opened(tmp_path / "journal", url)
    write_atomically(tmp_path / "database" / CONFIG, f"study: {{storage: '{url}'}}\n")
    with pytest.raises(InputError, match=r"is kept in sqlite:///.*study\.db; give that address again"):
        opened(tmp_path / "database", None)
    assert not (tmp_path / "database" / JOURNAL).exists()


def test_a_database_that_is_gone_is_said_without_a_traceback(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'study.db'}"
    study = opened(tmp_path, url)
    (tmp_path / "study.db").write_bytes(b"overwritten by something else " * 1000)
    with pytest.raises(InputError, match=r"sqlite:///.*study\.db cannot be used: "), storage_errors(url):
        study.ask()


def test_drivers_share_a_folder_whose_study_is_in_a_database(tmp_path: Path) -> None:
    refused = pytest.raises(InputError, match=f"another search runs in this study .process {os.getpid()} on ")
    with held(tmp_path, shared=True), held(tmp_path, shared=True), refused, held(tmp_path):
        pass
    with held(tmp_path):
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[postgresql.Server | None]:
    if postgresql.missing():
        yield None
        return
    with postgresql.server() as running:
        yield running


@pytest.fixture
def database(server: postgresql.Server | None, tmp_path: Path) -> str:
    """The address of an empty database: of PostgreSQL where it is installed."""
    return server.url() if server is not None else f"sqlite:///{tmp_path / 'study.db'}"


def test_a_server_with_another_password_or_without_the_database_says_so(server: postgresql.Server | None) -> None:
    if server is None:
        pytest.skip(f"PostgreSQL is {postgresql.missing()}")
    with pytest.raises(InputError, match="password authentication failed for user") as refused:
        connected(server.address("postgres", "wr@ng{1}"))
    assert "wr@ng" not in str(refused.value)
    assert "wr%40ng" not in str(refused.value)
    with pytest.raises(InputError, match='database "nothing" does not exist'):
        connected(server.address("nothing"))


def started(url: str, folder: Path, budget: int, seed: int, pin: str = "") -> "subprocess.Popen[str]":
    program = str(Path(__file__).parent / "sharing_driver.py")
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent)}
    arguments = [sys.executable, program, url, str(folder), str(budget), str(seed), pin]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, env=environment)


def said(process: "subprocess.Popen[str]") -> list[str]:
    try:
        output, _ = process.communicate(timeout=120)
    finally:
        process.kill()
    return output.splitlines()


def test_drivers_in_processes_of_their_own_reach_exactly_the_budget_though_one_is_killed(
    database: str, tmp_path: Path
) -> None:
    killed, one, other = (started(database, tmp_path, 25, seed) for seed in range(3))
    assert killed.stdout is not None
    before = [killed.stdout.readline() for _ in range(8)]
    killed.kill()
    lines = before + said(killed)
    assert killed.returncode == -9
    after = said(one) + said(other)
    assert (one.returncode, other.returncode) == (0, 0)
    ended = {line for line in lines if line.startswith("ends ")}
    left = {line.split()[1] for line in lines if line.startswith("trains ")} - {line.split()[1] for line in ended}
    there = opened(tmp_path, database).trials
    words = [states.word(trial) for trial in there]
    assert sum(word in states.COUNTED for word in words) == 25
    assert states.FAILED in words or states.INFEASIBLE in words
    assert not [trial.number for trial in there if not trial.state.is_finished()]
    adopted = {line.split()[1] for line in after if line.startswith("adopts ")}
    assert left <= adopted | {str(number) for number, word in enumerate(words) if word == states.TWIN}
    keys = [trial.user_attrs["key"] for trial in there if states.word(trial) in (*states.COUNTED, states.FAILED)]
    assert len(keys) == len(set(keys)), "no candidate is trained twice"


def test_drivers_that_make_a_study_at_the_same_moment_make_one(database: str, tmp_path: Path) -> None:
    processes = [started(database, tmp_path, 0, seed, pin=str(seed % 2)) for seed in range(4)]
    lines = [said(process) for process in processes]
    assert all(process.returncode == 0 for process in processes)
    opened = [line[0] for line in lines if line[0].startswith("opened ")]
    assert len(opened) == 2, "those with one of the two pins"
    assert len(set(opened)) == 1
    assert all("was made with something else" in line[0] for line in lines if line[0] not in opened)


def test_whole_searches_that_share_a_study_reach_its_exact_total_though_one_is_killed(
    database: str, tmp_path: Path
) -> None:
    count, url = 12, database
    first, second = (searching(tmp_path / "study", count, 2, url) for _ in range(2))
    time.sleep(0.5)
    first.kill()
    first.wait()
    third = searching(tmp_path / "study", count, 2, url)
    assert second.wait(180) == third.wait(180) == 0
    study = optuna.load_study(study_name="tiny", storage=connected(url))
    _engines.append(engine_of(study))
    ended = [trial for trial in study.trials if states.word(trial) is not None]
    counted = [trial for trial in ended if states.word(trial) in states.COUNTED]
    assert len(counted) == count
    assert len({trial.user_attrs["key"] for trial in counted}) == count
    assert not [trial for trial in study.trials if trial.state == optuna.trial.TrialState.RUNNING]
    assert not (tmp_path / "study" / "checkpoints").exists()
