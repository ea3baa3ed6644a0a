"""A study on disk or in a database, and what pins its values to be comparable."""

import fcntl
import json
import os
import socket
import uuid
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import optuna
import yaml
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler
from optuna.storages._cached_storage import _CachedStorage
from optuna.trial import FrozenTrial

from nas.errors import InputError
from nas.study.files import CONFIG
from nas.study.journal import damage, mend, open_journal
from nas.study.objectives import COSTS_ATTRIBUTE, ONE, Objectives

JOURNAL = "journal.log"
IDENTITY = "identity"
"""The user attribute of a study that no other study has the like of, not even one of the same name."""

SECONDS = "seconds"
"""The user attribute of a study that holds how long it has been searched, over all runs."""

PIN = "pin"
"""The user attribute of a study that holds, as JSON, what makes its values comparable."""


def open_study(
    folder: Path,
    name: str,
    pin: Mapping[str, Any],
    sampler: BaseSampler,
    pruner: BasePruner,
    storage: str | None = None,
    objectives: Objectives = ONE,
) -> optuna.Study:
    """The study in `folder`, or in the database at the URL `storage`, made if there is none.

    `pin` is what makes its values comparable (plain data: space, data, recipe, objective and so on). The caller holds
    the folder (see `held`). In a database a study is found by its name, and several may open or make it at once.

    Raises:
        InputError: the study was made with another pin, or is kept elsewhere, or cannot be read or written; says what
            differs. Nothing is changed then.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    _refuse_elsewhere(folder, storage)
    make = partial(
        optuna.create_study,
        study_name=name,
        sampler=sampler,
        pruner=pruner,
        directions=objectives.directions,
        load_if_exists=True,
    )
    if storage is not None:
        from nas.study.database import connected  # what it needs takes time to import

        with storage_errors(storage):
            study = make(storage=connected(storage))
            _pin(study, name, pin, objectives)
            return study
    journal = folder / JOURNAL
    try:
        if _mended(journal):
            study = load_study(folder, sampler, pruner)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            study = make(storage=open_journal(journal))
        _pin(study, name, pin, objectives)
        return study
    except OSError as error:
        raise InputError(f"{journal}: cannot be read and written ({error.strerror})") from None


def load_study(folder: Path, sampler: BaseSampler | None = None, pruner: BasePruner | None = None) -> optuna.Study:
    """The study in `folder`. Raises `InputError` if there is none."""
    journal = folder / JOURNAL
    if not journal.is_file():
        raise InputError(f"{folder}: no study there ({JOURNAL} is missing)")
    try:
        storage = open_journal(journal)
        names = optuna.get_all_study_names(storage)
        return optuna.load_study(study_name=names[0], storage=storage, sampler=sampler, pruner=pruner)
    except Exception as error:  # Optuna raises almost anything, by what the lines happen to look like
        where = damage(journal) or f"{type(error).__name__}: {error}"
        raise InputError(f"{journal}: damaged, or not a journal of a study ({where})") from None


def shown_url(storage: str) -> str:
    """The address of a database as it may be shown and written: without a password."""
    from nas.study import database  # what it needs takes time to import

    return database.shown_url(storage)


def storage_errors(storage: str | None) -> AbstractContextManager[None]:
    """Says what a database has to say, if there is one, as an `InputError`."""
    if storage is None:
        return nullcontext()
    from nas.study import database  # what it needs takes time to import

    return database.storage_errors(storage)


def is_shared(study: optuna.Study) -> bool:
    """Whether it is in a database, where other drivers may take part in it."""
    return isinstance(study._storage, _CachedStorage)


def _pin(study: optuna.Study, name: str, pin: Mapping[str, Any], objectives: Objectives) -> None:
    there = study.user_attrs
    if PIN not in there:
        _set_once(study, PIN, json.dumps(pin))
    if IDENTITY not in there:
        _set_once(study, IDENTITY, uuid.uuid4().hex[:12])
    _refuse_other(name, pinned(study), json.loads(json.dumps(pin)))
    if objectives.several:
        study.set_user_attr(COSTS_ATTRIBUTE, list(objectives.names[1:]))


def _set_once(study: optuna.Study, key: str, value: str) -> None:
    """Sets an attribute of the study that has none; of several drivers that do, the first has done it."""
    if is_shared(study):
        from nas.study.database import set_once  # what it needs takes time to import

        set_once(study, key, value)
    else:
        study.set_user_attr(key, value)


def _refuse_elsewhere(folder: Path, storage: str | None) -> None:
    """A study that went on in another place would begin anew there, among the files of the old one."""
    journal = folder / JOURNAL
    if storage is not None and journal.is_file():
        raise InputError(
            f"study.storage: the study in {folder} is kept in its {JOURNAL}; leave study.storage out, or give the "
            "search a new name (study.name=...)"
        )
    config = folder / CONFIG
    if storage is None and not journal.is_file() and config.is_file():
        match yaml.safe_load(config.read_text(encoding="utf-8")):
            case {"study": {"storage": str(there)}}:
                raise InputError(
                    f"study.storage: the study in {folder} is kept in {there}; give that address again, or give the "
                    "search a new name (study.name=...)"
                )


def _mended(journal: Path) -> bool:
    """Whether there is a journal with a record in it, after removing what a kill may have left: a writer's lock, and
    half a record at the end."""
    if not journal.is_file():
        return False
    with journal.open("rb+") as file:  # it has to be written, too
        begin = file.read(20)
    if begin[:1] not in (b"", b"{", b"\0"):  # a power cut leaves zeros
        raise InputError(f"{journal}: not a journal of a study; it begins with {begin!r}")
    Path(f"{journal}.lock").unlink(missing_ok=True)
    mend(journal)
    return journal.stat().st_size > 0


def pinned(study: optuna.Study) -> dict[str, Any]:
    """What makes its values comparable, as it was given to `open_study`."""
    pin: dict[str, Any] = json.loads(study.user_attrs[PIN])
    return pin


def trials(study: optuna.Study) -> list[FrozenTrial]:
    """All trials, oldest first; not copies, so they are read and left as they are."""
    return study.get_trials(deepcopy=False)


@contextmanager
def held(folder: Path, shared: bool = False) -> Iterator[None]:
    """Holds the study's folder for this process; a study in a database is `shared` with other drivers.

    Raises:
        InputError: another process holds it; says which. Or it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        opened = (folder / "lock").open("a+", encoding="utf-8")
    except OSError as error:
        raise InputError(f"study.folder: {folder} cannot be written ({error.strerror})") from None
    with opened as file:
        try:
            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            raise InputError(f"{folder}: another search runs in this study ({file.read().strip()})") from None
        if not shared:
            file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        file.flush()
        yield


def _refuse_other(name: str, there: Mapping[str, Any], here: Mapping[str, Any]) -> None:
    old, new = dict(_flat(there, "")), dict(_flat(here, ""))
    differing = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    if not differing:
        return
    listed = "".join(
        f"\n  {key}: {old.get(key, 'nothing')!s:.90} in the study, {new.get(key, 'nothing')!s:.90} asked for now"
        for key in differing[:6]
    )
    more = f"\n  and {len(differing) - 6} more" if len(differing) > 6 else ""
    raise InputError(
        f"study {name!r} was made with something else, so its results would not be comparable:{listed}{more}\n"
        "Give the search a new name (study.name=...), or ask for what the study has."
    )


def _flat(node: Any, path: str) -> Iterator[tuple[str, str]]:
    match node:
        case dict() if node and not {"choice", "int", "float"} & node.keys():
            for key, value in node.items():
                yield from _flat(value, f"{path}.{key}" if path else key)
        case list() if any(isinstance(item, dict | list) for item in node):
            for index, item in enumerate(node):
                label = item.get("name", index) if isinstance(item, dict) else index
                yield from _flat(item, f"{path}.{label}")
        case _:
            yield path, json.dumps(node, ensure_ascii=False)
