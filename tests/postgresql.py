"""A PostgreSQL server of the tests' own, in a temporary folder and reached through a socket there."""

import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

PASSWORD = "s3cret/{%}@word"
"""With everything in it that an address or a template could stumble over."""


@dataclass(frozen=True)
class Server:
    sockets: Path

    def url(self, password: str = PASSWORD) -> str:
        """The address of a new, empty database."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        self._run(f"CREATE DATABASE {name}")
        return self.address(name, password)

    def address(self, database: str, password: str = PASSWORD) -> str:
        return f"postgresql://nas:{quote(password, safe='')}@/{database}?host={self.sockets}"

    def _run(self, statement: str) -> None:
        command = [_program("psql"), "-q", "-h", str(self.sockets), "-U", "nas", "-d", "postgres", "-c", statement]
        subprocess.run(command, check=True, env={**os.environ, "PGPASSWORD": PASSWORD})


def missing() -> str:
    """What the tests lack to run a server; empty if nothing."""
    names = [name for name in ("initdb", "pg_ctl", "psql") if not _program(name)]
    names += [] if find_spec("psycopg") or find_spec("psycopg2") else ["psycopg"]
    return f"not installed: {', '.join(names)}" if names else ""


@contextmanager
def server() -> Iterator[Server]:
    """Runs while the block does; PostgreSQL refuses to be run by root, so root lends it to another user."""
    folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))  # a socket's path has to be short
    try:
        (folder / "password").write_text(PASSWORD)
        user = _other_user()
        if user is not None:
            for path in (folder, folder / "password"):
                shutil.chown(path, user)
        data, log = str(folder / "data"), str(folder / "log")
        auth = ["-U", "nas", "-A", "scram-sha-256", f"--pwfile={folder / 'password'}"]
        _as(user, [_program("initdb"), "-D", data, "-N", "-E", "UTF8", "--locale=C", *auth])
        options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
        _as(user, [_program("pg_ctl"), "-D", data, "-l", log, "-w", "-o", options, "start"])
        try:
            yield Server(folder)
        finally:
            _as(user, [_program("pg_ctl"), "-D", data, "-m", "immediate", "stop"])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _as(user: str | None, command: list[str]) -> None:
    done = subprocess.run(
        command,
        user=user,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,  # not a pipe, which the server would hold open
        stderr=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode == 0, f"{command[0]} failed"


def _other_user() -> str | None:
    """Whom root runs the server as; None for other users, who run it themselves."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _program(name: str) -> str:
    """Its path, in PATH or where Debian puts it; empty if it is not installed."""
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    return str(places[0]) if places else shutil.which(name) or ""
