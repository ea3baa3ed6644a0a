"""A study in a database that several searches share: its address checked, shown without the password, and opened."""

import json
import random
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import optuna
import sqlalchemy
from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from optuna.storages._cached_storage import _CachedStorage
from optuna.storages._rdb import models
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from nas.errors import InputError, need_one_of

T = TypeVar("T")

PLACE = "study.storage"
DRIVERS = {"postgresql": ("psycopg", "psycopg2"), "mysql": ("mysqldb", "pymysql"), "sqlite": ("pysqlite",)}
"""The databases, and by which packages they are reached; the first that is installed is taken."""

_MODULES = {"mysqldb": "MySQLdb", "pysqlite": "sqlite3"}  # where the module is not named as the driver is
_INSTALL = {"postgresql": "pip install 'psycopg[binary]'", "mysql": "pip install pymysql"}
_PATIENCE = 10  # seconds to connect

_CLAIMS = sqlalchemy.Table(
    "nas_claims",
    sqlalchemy.MetaData(),
    sqlalchemy.Column("study", sqlalchemy.String(32), primary_key=True),
    sqlalchemy.Column("name", sqlalchemy.String(200), primary_key=True),
    sqlalchemy.Column("holder", sqlalchemy.String(200), nullable=False),
)


def shown_url(url: str) -> str:
    """The address as it may be shown and written: without a password."""
    try:
        parsed = _parsed(url)
    except InputError:
        kind, separator, _ = url.partition("://")
        return f"{kind}{separator}..." if separator else "..."
    secret = {key: "..." for key in parsed.query if "pass" in key.lower()}
    return parsed.update_query_dict(secret).render_as_string(hide_password=True)


def connected(url: str) -> RDBStorage:
    """The database at `url`, with Optuna's tables made if there are none; several may do so at once.

    Raises:
        InputError: there is no such kind of database, its Python package is missing, or it cannot be reached or used.
    """
    parsed = _with_driver(_parsed(url))
    options: dict[str, Any] = {"pool_pre_ping": True}  # a connection may be cut while candidates train
    if parsed.get_backend_name() == "sqlite":
        options["connect_args"] = {"timeout": 60}  # seconds to wait for another writer
    elif "connect_timeout" not in parsed.query:
        parsed = parsed.update_query_dict({"connect_timeout": str(_PATIENCE)})
    with storage_errors(url):
        _try(parsed, options)
        plain = parsed.render_as_string(hide_password=False)
        braces = plain.replace("{", "{{").replace("}", "}}")  # Optuna takes the URL for a template
        try:
            return made_by_several(lambda: RDBStorage(braces, engine_kwargs=dict(options)))
        except RuntimeError as error:  # tables of another version of Optuna; it says what to do
            raise InputError(f"{PLACE}: {shown_url(url)}: {error}") from None


@contextmanager
def storage_errors(url: str) -> Iterator[None]:
    """Says what a database has to say as an `InputError`, without the password."""
    try:
        yield
    except (SQLAlchemyError, StorageInternalError) as error:
        cause = error.__cause__ if isinstance(error, StorageInternalError) else error
        original = cause.orig if isinstance(cause, DBAPIError) else cause
        said = " ".join(str(original).split()) or type(original).__name__
        for password in _passwords(url):
            said = said.replace(password, "***")
        raise InputError(f"{PLACE}: {shown_url(url)} cannot be used: {said:.300}") from None


def made_by_several(make: Callable[[], T], attempts: int = 20) -> T:
    """What `make` makes, tried again where another driver has just made the same tables."""
    try:
        return make()
    except (DBAPIError, StorageInternalError, AssertionError):  # perhaps half of it was there, and the rest will be
        if attempts == 1:
            raise
    time.sleep(random.uniform(0.05, 0.3))
    return made_by_several(make, attempts - 1)


def engine_of(study: optuna.Study) -> sqlalchemy.Engine:
    """The connections of a study in a database."""
    storage = study._storage
    assert isinstance(storage, _CachedStorage), "a study in a database"
    return storage._backend.engine


def set_once(study: optuna.Study, key: str, value: str) -> None:
    """Sets an attribute of the study if it has none yet: of several who try at once, the first has done it.

    The table allows one row a study and key, so that a second insertion fails, whereas Optuna would overwrite.
    """
    row = {"study_id": study._study_id, "key": key, "value_json": json.dumps(value)}
    try:
        with engine_of(study).begin() as connection:
            connection.execute(sqlalchemy.insert(models.StudyUserAttributeModel).values(row))
    except IntegrityError:
        pass


class Shared:
    """The claims (see `Claims`) of a study in a database, in a table `nas_claims` beside Optuna's.

    Every call is one statement and one transaction. Taking what nobody holds is an insertion, which the primary key
    lets succeed once. Taking over is an update of the row that still has the old holder: a database lets writers of a
    row wait for one another, and whoever comes second finds no such row any more.
    """

    def __init__(self, study: optuna.Study, identity: str) -> None:
        self._engine = engine_of(study).execution_options(isolation_level="AUTOCOMMIT")
        self._identity = identity
        made_by_several(lambda: _CLAIMS.create(self._engine, checkfirst=True))

    def take(self, name: str, holder: str, instead_of: str | None = None) -> bool:
        with self._engine.connect() as connection:
            if instead_of is None:
                try:
                    connection.execute(_CLAIMS.insert().values(study=self._identity, name=name, holder=holder))
                except IntegrityError:
                    return False
                return True
            there = self._rows([name]) & (_CLAIMS.c.holder == instead_of)
            return connection.execute(_CLAIMS.update().where(there).values(holder=holder)).rowcount == 1

    def holders(self, names: Iterable[str]) -> dict[str, str]:
        asked = list(names)
        if not asked:
            return {}
        with self._engine.connect() as connection:
            rows = connection.execute(sqlalchemy.select(_CLAIMS.c.name, _CLAIMS.c.holder).where(self._rows(asked)))
            return {row.name: row.holder for row in rows}

    def _rows(self, names: list[str]) -> sqlalchemy.ColumnElement[bool]:
        return (_CLAIMS.c.study == self._identity) & _CLAIMS.c.name.in_(names)


def _parsed(url: str) -> sqlalchemy.URL:
    """Raises `InputError`, without a word of what might be a password."""
    expected = "expected postgresql://user@host/database, mysql://..., or sqlite:///file"
    kind, separator, _ = url.partition("://")
    kind = kind.partition("+")[0]
    if not separator:
        raise InputError(f"{PLACE}: no address of a database; {expected}")
    need_one_of(PLACE, "kind of database", kind, DRIVERS)
    try:
        parsed = sqlalchemy.make_url(url)
    except (SQLAlchemyError, ValueError):
        raise InputError(f"{PLACE}: no address that can be read; {expected}") from None
    if any("@" in (part or "") for part in (parsed.host, parsed.database)) and kind != "sqlite":
        raise InputError(f"{PLACE}: an @ in the password is written %40 (and / as %2F)")
    if not parsed.database and "service" not in parsed.query:
        missing = "a file, as in sqlite:///studies.db" if kind == "sqlite" else "the name of a database, after host/"
        raise InputError(f"{PLACE}: the address lacks {missing}")
    return parsed


def _with_driver(url: sqlalchemy.URL) -> sqlalchemy.URL:
    kind, _, given = url.drivername.partition("+")
    names = (given,) if given else DRIVERS[kind]
    for name in names:
        if find_spec(_MODULES.get(name, name)) is not None:
            return url.set(drivername=f"{kind}+{name}")
    advice = f": {_INSTALL[kind]}" if not given else ""
    raise InputError(f"{PLACE}: {kind} needs the Python package {' or '.join(names)}, which is not installed{advice}")


def _try(url: sqlalchemy.URL, options: dict[str, Any]) -> None:
    """Connects once, so that what is wrong is not taken for tables that another driver is making."""
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").absolute().parent.is_dir():
        raise InputError(f"{PLACE}: the folder of {url.database} does not exist")
    try:
        engine = sqlalchemy.create_engine(url, **options)
    except ImportError as error:
        raise InputError(f"{PLACE}: the Python package {url.get_driver_name()} cannot be used ({error})") from None
    try:
        sqlalchemy.inspect(engine).get_table_names()
    finally:
        engine.dispose()


def _passwords(url: str) -> list[str]:
    try:
        parsed = _parsed(url)
    except InputError:
        return []
    found = [parsed.password, *(value for key, value in parsed.query.items() if "pass" in key.lower())]
    return [password for password in found if isinstance(password, str) and password]
