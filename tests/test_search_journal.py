"""A torn journal is cut at its last whole record, and a study in it goes on."""

import json
import warnings

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from nas.search.journal import mend


def _storage(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return JournalStorage(JournalFileBackend(str(path)))


@pytest.fixture
def journal(tmp_path):
    path = tmp_path / "journal.log"
    study = optuna.create_study(storage=_storage(path), study_name="s", direction="maximize")
    for _ in range(3):
        trial = study.ask()
        study.tell(trial, trial.suggest_float("x", 0, 1))
    return path


def test_a_whole_journal_is_left_as_it_is(journal):
    before = journal.read_bytes()
    assert mend(journal) == 0
    assert journal.read_bytes() == before
    assert not journal.with_name("journal.log.cut").exists()


@pytest.mark.parametrize("tail", [b'{"op_code": 4, "wor', b"\0" * 40, b"\0" * 5000, b"\xff\xfe\n", b"\n\n", b"17\n"])
def test_what_is_no_record_at_the_end_is_cut_and_kept_aside(journal, tail):
    before = journal.read_bytes()
    journal.write_bytes(before + tail)
    assert mend(journal) == len(tail)
    assert journal.read_bytes() == before
    assert journal.with_name("journal.log.cut").read_bytes() == tail


def test_a_study_goes_on_after_a_cut_at_any_byte(journal):
    whole = journal.read_bytes()
    lines = whole.splitlines(keepends=True)
    created = len(lines[0]) + len(lines[1])
    for size in range(created, len(whole), 7):
        journal.write_bytes(whole[:size])
        mend(journal)
        kept = journal.read_bytes()
        assert whole.startswith(kept)
        assert all(json.loads(line) for line in kept.splitlines())
        study = optuna.load_study(study_name="s", storage=_storage(journal))
        trial = study.ask()
        study.tell(trial, 0.5)
        assert study.trials[-1].value == 0.5


def test_a_journal_longer_than_one_read_is_mended(tmp_path, monkeypatch):
    monkeypatch.setattr("nas.search.journal.TAIL", 16)
    path = tmp_path / "journal.log"
    whole = b"".join(json.dumps({"number": i, "text": "x" * 50}).encode() + b"\n" for i in range(5))
    path.write_bytes(whole + b'{"number": 5, "te')
    mend(path)
    assert path.read_bytes() == whole


def test_a_journal_without_any_record_becomes_empty(tmp_path):
    path = tmp_path / "journal.log"
    path.write_bytes(b"\0" * 100)
    assert mend(path) == 100
    assert path.read_bytes() == b""
