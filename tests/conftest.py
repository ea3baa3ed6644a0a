"""What all tests share: a home and an environment of their own, and how hard hypothesis tries."""

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import Engine, event

# Before torch is imported: tests have ops too small to share out, and two threads that wait for one another are many
# times slower than one where the cores are busy.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# HYPOTHESIS_PROFILE=thorough looks for new counterexamples; the default tries the same few every time.
settings.register_profile("quick", max_examples=40, deadline=None, derandomize=True, database=None)
settings.register_profile("thorough", max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


@pytest.fixture(scope="session", autouse=True)
def _no_waiting_for_the_disk() -> Iterator[None]:
    """What is written outlives any process that is killed; no test cuts the power."""
    event.listen(Engine, "connect", _hurry)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda file: None)
        yield
    event.remove(Engine, "connect", _hurry)


def _hurry(connection: object, record: object) -> None:
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous = off")


@pytest.fixture(scope="session", autouse=True)
def _own_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test reads or writes the home of whoever runs it, or sees their account, cache or devices of W&B."""
    with pytest.MonkeyPatch.context() as patch:
        for variable in os.environ:
            if variable.startswith(("WANDB_", "HYDRA_", "OPTUNA_")) or variable.lower().endswith("_proxy"):
                patch.delenv(variable)
        home = tmp_path_factory.mktemp("home")
        for variable in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "NETRC"):
            patch.delenv(variable, raising=False)
        patch.setenv("HOME", str(home))
        patch.setenv("WANDB_ERROR_REPORTING", "false")  # else a tracker sets it, and it would outlive the test
        patch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")  # should anything call: nobody answers there
        yield


@pytest.fixture
def own_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home of the test alone, in which it is: W&B reads settings below the working directory, too."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(home)
    return home
