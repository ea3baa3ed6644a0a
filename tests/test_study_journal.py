"""A torn journal is cut at its last whole record, and a study in it goes on."""

import json
import resource

import optuna
import pytest

from nas.errors import InputError
from nas.study.journal import damage, mend, open_journal


@pytest.fixture
def journal(tmp_path):
    path = tmp_path / "journal.log"
    study = optuna.create_study(storage=open_journal(path), study_name="s", direction="maximize")
    for _ in range(3):
        trial = study.ask()
        study.tell(trial, trial.suggest_float("x", 0, 1))
    return path


def test_a_whole_journal_is_left_as_it_is(journal):
    before = journal.read_bytes()
    mend(journal)
    assert journal.read_bytes() == before
    assert damage(journal) == ""
    assert not journal.with_name("journal.log.cut").exists()


TORN = [
    b'{"op_code": 4, "wor',
    b'{"op_code": 4, "worker": "Z\xc3',  # in the middle of a letter
    b'{"op_code": 4, "worker": "Z\xc3\n',
    b'{"op_code": 4}',  # all of it but its end of line
    *(b"\0" * size for size in (1, 4096, 3 << 20)),
    b'{"op_co' + b"\0" * 4000 + b"\n",
    b"\xff\xfe\n",
    b"\n\n",
    b"17\n",
]


@pytest.mark.parametrize("tail", TORN, ids=range(len(TORN)))
def test_what_is_no_record_at_the_end_is_cut_and_kept_aside(journal, tail):
    before = journal.read_bytes()
    journal.write_bytes(before + tail)
    mend(journal)
    assert journal.read_bytes() == before
    assert journal.with_name("journal.log.cut").read_bytes() == tail


def test_a_study_goes_on_after_a_cut_at_any_byte(journal):
    whole = journal.read_bytes()
    lines = whole.splitlines(keepends=True)
    created = len(lines[0]) + len(lines[1])
    for size in range(created, len(whole), 31):
        journal.write_bytes(whole[:size])
        mend(journal)
        kept = journal.read_bytes()
        assert whole.startswith(kept)
        assert all(json.loads(line) for line in kept.splitlines())
        study = optuna.load_study(study_name="s", storage=open_journal(journal))
        trial = study.ask()
        study.tell(trial, 0.5)
        assert study.trials[-1].value == 0.5


@pytest.mark.parametrize("content", [b"", b"\0" * 100])
def test_a_journal_without_any_record_becomes_empty(tmp_path, content):
    path = tmp_path / "journal.log"
    path.write_bytes(content)
    mend(path)
    assert path.read_bytes() == b""
    assert damage(path) == ""


@pytest.mark.parametrize("line", [b"\0" * 60 + b"\n", b'{"op_code": 4, "wor\n', b"17\n", b'"\xc3"\n', b"\n"])
def test_damage_in_the_middle_is_left_alone_and_found(journal, line):
    lines = journal.read_bytes().splitlines(keepends=True)
    broken = b"".join([*lines[:4], line, *lines[4:]])
    journal.write_bytes(broken)
    mend(journal)
    assert journal.read_bytes() == broken
    assert damage(journal).startswith("line 5 is no record: it begins with ")


def test_a_full_disk_leaves_the_journal_whole_and_says_what_to_do(journal):
    study = optuna.load_study(study_name="s", storage=open_journal(journal))
    trial = study.ask()
    before = journal.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 20, limits[1]))  # a write beyond ends after 20 bytes
    try:
        with pytest.raises(InputError, match=r"journal\.log cannot be written \(File too large\); the study is whole"):
            trial.set_user_attr("note", "x" * 100)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert journal.read_bytes() == before
    trial.set_user_attr("note", "room again")
    study.tell(trial, 0.5)
    assert optuna.load_study(study_name="s", storage=open_journal(journal)).trials[-1].value == 0.5
