"""A study on disk: opened, pinned, held, and mended after a kill."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.pruners import NopPruner
from optuna.samplers import RandomSampler

from nas.errors import InputError
from nas.study.objectives import COSTS_ATTRIBUTE, Objectives
from nas.study.study import IDENTITY, JOURNAL, held, is_shared, load_study, open_study, pinned, storage_errors, trials

PIN = {
    "search": {"architecture": {"network": [{"op": "conv", "name": "a", "width": {"choice": [1, 2]}}]}},
    "data": {"name": "digits", "fingerprint": "f"},
    "study": {"seed": 0},
}


def opened(folder: Path, pin: Any = PIN) -> optuna.Study:
    return open_study(folder, "study", pin, RandomSampler(seed=0), NopPruner())


def add_trial(study: optuna.Study) -> None:
    trial = study.ask()
    trial.suggest_int("x", 1, 9)
    study.tell(trial, 1.0)


def test_a_study_is_made_once_and_opened_again(tmp_path: Path) -> None:
    add_trial(opened(tmp_path / "new" / "study"))
    add_trial(opened(tmp_path / "new" / "study"))
    assert [trial.number for trial in trials(load_study(tmp_path / "new" / "study"))] == [0, 1]
    assert opened(tmp_path / "new" / "study").direction == optuna.study.StudyDirection.MAXIMIZE


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"data": {"name": "digits", "fingerprint": "g"}}, 'data.fingerprint: "f" in the study, "g" asked for now'),
        ({"study": {"seed": 1}}, "study.seed: 0 in the study, 1 asked for now"),
        (
            {"search": {"architecture": {"network": [{"op": "conv", "name": "a", "width": {"choice": [1, 2, 3]}}]}}},
            'search.architecture.network.a.width: {"choice": [1, 2]} in the study, {"choice": [1, 2, 3]} asked for now',
        ),
        ({"sampler": {"n": 1}}, "sampler.n: nothing in the study, 1 asked for now"),
        ({"data": {}}, 'data.name: "digits" in the study, nothing asked for now'),
        ({"study": {"seed": False}}, "study.seed: 0 in the study, false asked for now"),
        (
            {"study": {}},
            "0 in the study, nothing asked for now\n  study: nothing in the study, {} asked for now",
        ),
        ({"data": {"name": "Größen", "fingerprint": "f"}}, 'data.name: "digits" in the study, "Größen" asked for now'),
        (
            {"search": {"architecture": {"network": [{"op": "conv", "width": {"int": [1, 2]}}]}}},
            '\n  search.architecture.network.0.width: nothing in the study, {"int": [1, 2]} asked for now',
        ),
        (
            {"search": {"architecture": {"network": [[{"op": "conv"}]]}, "lr": {"float": [0, 1], "log": True}}},
            '\n  search.architecture.network.0.0.op: nothing in the study, "conv" asked for now'
            '\n  search.lr: nothing in the study, {"float": [0, 1], "log": true} asked for now',
        ),
        ({"data": {"name": "digits", "fingerprint": ["f", 1]}}, '"f" in the study, ["f", 1] asked for now'),
    ],
)
def test_another_pin_is_refused_with_what_differs_and_changes_nothing(
    tmp_path: Path, changed: dict[str, Any], said: str
) -> None:
    add_trial(opened(tmp_path))
    before = (tmp_path / JOURNAL).read_bytes()
    with pytest.raises(InputError, match="study 'study' was made with something else") as refused:
        opened(tmp_path, PIN | changed)
    assert said in str(refused.value)
    assert "study.name=..." in str(refused.value)
    assert (tmp_path / JOURNAL).read_bytes() == before


def test_of_many_differences_the_first_are_listed(tmp_path: Path) -> None:
    opened(tmp_path, {"training": {f"k{number}": 0 for number in range(9)}})
    for differing, more in ((7, 1), (9, 3)):
        changed = {f"k{number}": int(number < differing) for number in range(9)}
        with pytest.raises(InputError, match=f"and {more} more\nGive the search a new name .*, or ask for .* has.$"):
            opened(tmp_path, {"training": changed})


def test_six_differences_are_all_listed_each_in_ninety_characters(tmp_path: Path) -> None:
    opened(tmp_path, {"training": {f"k{number}": "a" * 200 for number in range(6)}})
    with pytest.raises(InputError) as refused:
        opened(tmp_path, {"training": {f"k{number}": 1 for number in range(6)}})
    assert str(refused.value).count(f': "{"a" * 89} in the study, 1 asked for now') == 6
    assert "more" not in str(refused.value)


def test_a_study_opened_again_is_the_same_with_the_sampler_and_pruner_it_is_given(tmp_path: Path) -> None:
    objectives = Objectives(("accuracy", "macs"))
    for _ in range(2):
        sampler, pruner = RandomSampler(seed=0), NopPruner()
        study = open_study(tmp_path / "several", "study", PIN, sampler, pruner, objectives=objectives)
        assert (study.sampler, study.pruner) == (sampler, pruner)
        assert study.directions == objectives.directions
        assert (study.study_name, study.user_attrs[COSTS_ATTRIBUTE], pinned(study)) == ("study", ["macs"], PIN)
        assert len(study.user_attrs[IDENTITY]) == 12
        assert study.user_attrs[IDENTITY] == load_study(tmp_path / "several").user_attrs[IDENTITY]
    alone = opened(tmp_path / "alone")
    assert COSTS_ATTRIBUTE not in alone.user_attrs
    assert alone.user_attrs[IDENTITY] != study.user_attrs[IDENTITY]
    assert not is_shared(alone)


def test_the_order_of_keys_and_a_round_trip_make_no_other_pin(tmp_path: Path) -> None:
    opened(tmp_path)
    opened(tmp_path, json.loads(json.dumps(dict(reversed(PIN.items())))))


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n", b"hello\n", b"[1]\n", b'{"a": 1}\n', b'{"op_code": 99}\n'])
def test_a_file_that_is_no_journal_is_refused_and_kept(tmp_path: Path, content: bytes) -> None:
    (tmp_path / JOURNAL).write_bytes(content)
    with pytest.raises(InputError, match="not a journal of a study"):
        opened(tmp_path)
    with pytest.raises(InputError, match="not a journal of a study"):
        load_study(tmp_path)
    assert (tmp_path / JOURNAL).read_bytes() == content


def test_a_folder_without_a_study_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no study there \(journal.log is missing\)"):
        load_study(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("tail", [b"", b'{"op_code": 4, "wor', b"\0" * 40, b"\0" * 4000])
def test_a_journal_with_a_torn_end_is_continued(tmp_path: Path, tail: bytes) -> None:
    add_trial(opened(tmp_path))
    whole = (tmp_path / JOURNAL).read_bytes()
    (tmp_path / JOURNAL).write_bytes(whole + tail)
    add_trial(opened(tmp_path))
    assert (tmp_path / JOURNAL).read_bytes().startswith(whole)
    assert [trial.number for trial in trials(load_study(tmp_path))] == [0, 1]


def test_damage_in_the_middle_of_a_journal_is_refused_with_its_line(tmp_path: Path) -> None:
    add_trial(opened(tmp_path))
    lines = (tmp_path / JOURNAL).read_bytes().splitlines(keepends=True)
    broken = b"".join([*lines[:3], lines[3][:20], *lines[3:]])
    (tmp_path / JOURNAL).write_bytes(broken)
    with pytest.raises(InputError, match=rf"{JOURNAL}: damaged, .*line 4 is no record: it begins with "):
        opened(tmp_path)
    assert (tmp_path / JOURNAL).read_bytes() == broken


@pytest.fixture
def unprivileged() -> Iterator[None]:
    """Root may write anywhere, so it steps back."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    yield
    os.seteuid(before)


@pytest.mark.usefixtures("unprivileged")
def test_a_folder_or_a_journal_that_may_only_be_read_is_refused() -> None:
    with tempfile.TemporaryDirectory() as folder:  # not below tmp_path, where nobody else may look
        add_trial(opened(Path(folder)))
        journal = Path(folder) / JOURNAL
        journal.chmod(0o444)
        with pytest.raises(InputError, match=r"journal\.log.* cannot be .*written \(Permission denied\)"):
            add_trial(opened(Path(folder)))
        journal.chmod(0o644)
        Path(folder).chmod(0o555)
        with pytest.raises(InputError, match=r"lock.*Permission denied|cannot be .*written \(Permission denied\)"):
            add_trial(opened(Path(folder)))
        with pytest.raises(InputError, match=r"study\.folder: .* cannot be written"), held(Path(folder)):
            pass
        Path(folder).chmod(0o755)


@pytest.mark.parametrize("content", [b"", b"\0" * 100, b'{"op_co'])
def test_a_study_killed_before_its_first_record_is_begun_anew(tmp_path: Path, content: bytes) -> None:
    (tmp_path / JOURNAL).write_bytes(content)
    add_trial(opened(tmp_path))
    assert len(load_study(tmp_path).trials) == 1


def test_the_lock_of_a_killed_writer_stops_nobody(tmp_path: Path) -> None:
    opened(tmp_path)
    Path(f"{tmp_path / JOURNAL}.lock").symlink_to(tmp_path / JOURNAL)
    add_trial(opened(tmp_path))


def test_a_held_folder_is_refused_to_others_with_who_holds_it(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from nas.study.study import held\n"
        "with held(Path(sys.argv[1])): print('holding', flush=True); sys.stdin.read()"
    )
    arguments = [sys.executable, "-c", code, str(tmp_path / "study")]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "holding\n"
        refused = pytest.raises(InputError, match=rf"another search runs in this study \(process {other.pid} on ")
        with refused, held(tmp_path / "study"):
            pass
        other.kill()
    with held(tmp_path / "study"):
        assert (tmp_path / "study" / "lock").read_text().startswith(f"process {os.getpid()} on ")


@pytest.mark.parametrize("parent", ["/dev/null", "a file"])
def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path, parent: str) -> None:
    (tmp_path / "a file").write_text("")
    with pytest.raises(InputError, match=r"study\.folder: .* cannot be written"), held(tmp_path / parent / "study"):
        pass


def test_without_a_database_an_error_stays_what_it_is() -> None:
    with pytest.raises(ZeroDivisionError), storage_errors(None):
        _ = 1 / 0
