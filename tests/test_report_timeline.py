"""Who was in which slot when, as it follows from when trials began and ended."""

import itertools
from datetime import timedelta
from pathlib import Path

import pytest
from report_parts import BEGIN, studied

from nas.report.reading import read_study
from nas.report.timeline import Clock, timeline
from nas.study.environment import read_environment
from nas.study.files import yaml_text

LATER = BEGIN + timedelta(days=1)


def test_slots_hold_one_candidate_at_a_time(tmp_path: Path) -> None:
    line = timeline(read_study(studied(tmp_path / "tiny", 24)), LATER)
    for slot in range(line.slots):
        stays = sorted((stay.begin, stay.end) for stay in line.stays if stay.slot == slot)
        assert all(end <= begin for (_, end), (begin, _) in itertools.pairwise(stays))


def test_what_was_never_trained_takes_no_slot(tmp_path: Path) -> None:
    line = timeline(read_study(studied(tmp_path / "tiny", 24)), LATER)
    assert {stay.state for stay in line.stays} == {"complete", "pruned", "failed"}


def test_pauses_between_runs_are_left_out(tmp_path: Path) -> None:
    line = timeline(read_study(studied(tmp_path / "tiny", 24, words=["complete"])), LATER)
    assert line.later_runs == [4 * 60]
    assert line.seconds == pytest.approx(16 * 60)  # four minutes, then four before the ninth trial begins, then eight
    assert line.share(0, 4 * 60) == pytest.approx(1.0)


def test_a_run_of_which_nothing_came_changes_nothing(tmp_path: Path) -> None:
    folder = studied(tmp_path / "tiny", 24)
    before = timeline(read_study(folder), LATER)
    environment = folder / "environment.yaml"
    first, last = read_environment(folder)
    idle = {**first, "time": (BEGIN + timedelta(hours=1)).astimezone().isoformat()}
    environment.write_text(yaml_text({"runs": [first, idle, last]}), encoding="utf-8")
    after = timeline(read_study(folder), LATER)
    assert (after.stays, after.seconds) == (before.stays, before.seconds)


def test_utilisation_is_the_share_of_the_slots_time(tmp_path: Path) -> None:
    line = timeline(read_study(studied(tmp_path / "tiny", 8, words=["complete"], slots=4)), LATER)
    assert line.slots == 4
    assert line.utilisation == pytest.approx(1.0)
    alone = timeline(read_study(studied(tmp_path / "alone", 1, words=["complete"], slots=4)), LATER)
    assert alone.utilisation == pytest.approx(0.25)


def test_an_interrupted_candidate_ends_where_the_study_does(tmp_path: Path) -> None:
    line = timeline(read_study(studied(tmp_path / "tiny", 4, words=["complete"], running=1)), LATER)
    (stay,) = (stay for stay in line.stays if stay.number == 3)
    assert stay.state == "interrupted"
    assert stay.end == pytest.approx(line.seconds) == pytest.approx(2 * 60)


def test_a_study_without_trials_has_an_empty_timeline(tmp_path: Path) -> None:
    line = timeline(read_study(studied(tmp_path / "tiny", 0)), LATER)
    assert (line.stays, line.seconds, line.utilisation) == ([], 0.0, 0.0)


def test_the_clock_stands_still_in_pauses() -> None:
    clock = Clock((0.0, 100.0), ((10.0, 100.0),))
    assert [clock(moment) for moment in (0.0, 10.0, 50.0, 100.0, 130.0)] == [0.0, 10.0, 10.0, 10.0, 40.0]
