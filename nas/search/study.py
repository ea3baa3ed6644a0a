"""A study on disk: Optuna's journal in a folder of its own, and what pins its values to be comparable."""

import fcntl
import json
import os
import socket
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial

from nas.errors import InputError
from nas.search.journal import mend

JOURNAL = "journal.log"
_PIN = "pin"


def open_study(
    folder: Path, name: str, pin: Mapping[str, Any], sampler: BaseSampler, pruner: BasePruner
) -> optuna.Study:
    """The study in `folder`, made if there is none.

    `pin` is what makes its values comparable (plain data: space, data, recipe, objective and so on). The caller holds
    the folder (see `held`).

    Raises:
        InputError: the study was made with another pin; says what differs. Nothing is changed then.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    journal = folder / JOURNAL
    if _mended(journal):
        study = load_study(folder, sampler, pruner)
        there = study.user_attrs.get(_PIN)
        if there is not None:
            _refuse_other(name, json.loads(there), json.loads(json.dumps(pin)))
            return study
    folder.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        storage=_storage(journal),
        study_name=name,
        sampler=sampler,
        pruner=pruner,
        direction="maximize",
        load_if_exists=True,
    )
    study.set_user_attr(_PIN, json.dumps(pin))
    return study


def load_study(folder: Path, sampler: BaseSampler | None = None, pruner: BasePruner | None = None) -> optuna.Study:
    """The study in `folder`. Raises `InputError` if there is none."""
    journal = folder / JOURNAL
    if not journal.is_file():
        raise InputError(f"{folder}: no study there ({JOURNAL} is missing)")
    try:
        storage = _storage(journal)
        names = optuna.get_all_study_names(storage)
        return optuna.load_study(study_name=names[0], storage=storage, sampler=sampler, pruner=pruner)
    except Exception as error:  # Optuna raises almost anything, by what the lines happen to look like
        raise InputError(f"{journal}: not a journal of a study ({type(error).__name__}: {error})") from None


def _mended(journal: Path) -> bool:
    """Whether there is a journal with a record in it, after removing what a kill may have left: a writer's lock, and
    half a record at the end."""
    if not journal.is_file():
        return False
    with journal.open("rb") as file:
        begin = file.read(20)
    if begin[:1] not in (b"", b"{"):
        raise InputError(f"{journal}: not a journal of a study; it begins with {begin!r}")
    Path(f"{journal}.lock").unlink(missing_ok=True)
    mend(journal)
    return journal.stat().st_size > 0


def _storage(journal: Path) -> JournalStorage:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return JournalStorage(JournalFileBackend(str(journal)))


def trials(study: optuna.Study) -> list[FrozenTrial]:
    """All trials, oldest first; not copies, so they are read and left as they are."""
    return study.get_trials(deepcopy=False)


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Holds the study's folder for this process.

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
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            raise InputError(f"{folder}: another search runs in this study ({file.read().strip()})") from None
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        file.flush()
        yield


def _refuse_other(name: str, there: Mapping[str, Any], here: Mapping[str, Any]) -> None:
    old, new = dict(_flat(there, "")), dict(_flat(here, ""))
    differing = [key for key in {**old, **new} if old.get(key, "nothing") != new.get(key, "nothing")]
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
