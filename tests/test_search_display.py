"""What a search shows: lines where the output is no terminal, a live table where it is one."""

from collections.abc import Mapping
from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial
from rich.console import Console

from nas.search.display import (
    LineDisplay,
    LiveDisplay,
    best_table,
    console,
    count,
    display,
    duration,
    say,
    standing,
    written,
)
from nas.search.progress import Progress, Running
from nas.space.holes import Scalar


def trial(number: int, state: str, value: float | None = None, **facts: object) -> FrozenTrial:
    told = TrialState.FAIL if value is None else TrialState.COMPLETE
    made = create_trial(state=told, value=value, user_attrs={"state": state, "digest": f"digest-of-{number}", **facts})
    made.number = number
    return made


BEST = trial(3, "complete", 0.75, parameters=295_000, macs=8_300_000, seconds=13.46)


def progress() -> Progress:
    made = Progress("inception_cell", 24, 2, started=0.0)
    made.counts.update(complete=3, twin=1)
    made.running[5] = Running(5, 6, 267_000, 8_570_000, started=3.0, epoch=1, value=0.484)
    made.running[6] = Running(6, 6, 300_000, 8_600_000, started=70.0)
    made.found.take(BEST)
    made.ended = 3
    return made


def terminal(width: int = 80) -> Console:
    return Console(file=StringIO(), force_terminal=True, width=width, color_system=None)


def shown(to: Console) -> str:
    assert isinstance(to.file, StringIO)
    return to.file.getvalue()


@pytest.mark.parametrize(
    ("ended", "line"),
    [
        (BEST, "trial 3 complete 0.7500 (295 k parameters, 8.3 M MACs) in 13 s"),
        (
            trial(0, "failed", parameters=5, macs=7, seconds=2.0, reason="no [bold]memory"),
            "trial 0 failed (5 parameters, 7 MACs) in 2.0 s: no [bold]memory",
        ),
        (trial(1, "infeasible", reason="does not fit"), "trial 1 infeasible: does not fit"),
    ],
)
def test_a_trial_is_one_line(ended: FrozenTrial, line: str) -> None:
    assert written(ended) == line
    to = Console(file=StringIO(), width=30)
    LineDisplay(to).tell(ended, progress())
    assert shown(to) == f"[3/24] {line}; best 0.7500 (trial 3)\n"


def test_output_that_is_no_terminal_has_no_control_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    out = StringIO()
    monkeypatch.setattr("sys.stdout", out)
    plain = console()
    lines = display(plain)
    lines.show(progress())
    lines.tell(BEST, progress())
    lines.say("a line")
    plain.print(best_table([BEST]))
    lines.close()
    assert "\x1b" not in out.getvalue()
    assert out.getvalue().startswith("[3/24] trial 3")
    assert "digest-of-3" in out.getvalue()


def test_the_live_table_shows_what_runs_the_best_the_counts_and_the_time_left() -> None:
    to = terminal()
    live = display(to)
    assert isinstance(live, LiveDisplay)
    live.show(progress())
    live.tell(BEST, progress())
    live.close()
    text = shown(to)
    for part in (
        "inception_cell",
        "3/24",
        "3 complete, 1 twin",
        "best 0.7500 (trial 3, 295 k parameters",
        "1/6",
        "0.4840",
        "left",
    ):
        assert part in text
    assert "[3/24] trial 3 complete" in text


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_line_of_the_live_table_wraps(width: int) -> None:
    to = terminal(width)
    to.print(standing(replace(progress(), now=75.0), "normal: 1×1 16 | " * 20, most=9))
    lines = shown(to).splitlines()
    assert len(lines) == 8
    assert max(map(len, lines)) <= width


def test_the_best_candidate_is_sketched_once_while_it_is_the_best() -> None:
    asked: list[int] = []

    def sketch(choices: Mapping[str, Scalar]) -> str:
        asked.append(len(choices))
        return "normal: 1×1 16 | 3×3 32"

    to = terminal()
    live = display(to, sketch)
    live.show(progress())
    live.show(progress())
    live.close()
    assert "normal: 1×1 16 | 3×3 32" in shown(to)
    assert asked == [0]


def test_the_pace_is_that_of_this_run_and_counts_what_is_in_training() -> None:
    now = replace(progress(), now=75.0, busy=10.0, devices=2.0)
    assert now.rate == pytest.approx(3600 * 3 / 75)
    assert now.utilisation == pytest.approx((10 + 72 + 5) / (2 * 75))
    to = terminal(100)
    to.print(standing(now, "", most=9))
    assert "about 8 min 45 s left, 144 candidates an hour, slots 58% busy" in shown(to)


def test_more_candidates_than_lines_are_counted_instead_of_shown() -> None:
    many = progress()
    many.running = {number: Running(number, 6, 1, 1, started=0.0) for number in range(40)}
    to = terminal()
    to.print(standing(many, "", most=5))
    assert len(shown(to).splitlines()) < 13
    assert "and 35 more" in shown(to)


def test_an_unknown_word_of_a_trials_end_is_counted_too() -> None:
    other = progress()
    other.counts["postponed"] = 2
    to = terminal()
    to.print(standing(other, "", most=5))
    assert "3 complete, 1 twin, 2 postponed" in shown(to)


def test_a_live_table_can_be_shown_before_anything_runs() -> None:
    to = terminal()
    live = display(to)
    live.show(Progress("new", 3, 1, started=0.0))
    live.close()
    assert "0/3" in shown(to)


def test_the_best_table_has_complete_trials_alone_best_first() -> None:
    facts = {"parameters": 1, "macs": 1, "seconds": 1.0}
    ended = [trial(n, "complete", value, **facts) for n, value in enumerate((0.2, 0.5, 0.5, 0.1, 0.3, 0.4, 0.0))]
    ended += [trial(9, "twin", 0.9, **facts), trial(10, "pruned", 0.8, **facts)]
    to = Console(file=StringIO(), width=100)
    to.print(best_table(ended))
    rows = [line.split() for line in shown(to).splitlines()[2:]]
    assert [row[0] for row in rows] == ["1", "2", "5", "4", "0"]
    assert rows[0][-1] == "digest-of-1"


def test_a_line_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    say(Console(width=20), "/a/very/long/path/[red]that/is/not/wrapped: 0.123")
    assert capsys.readouterr().out == "/a/very/long/path/[red]that/is/not/wrapped: 0.123\n"


@pytest.mark.parametrize(
    ("function", "value", "text"),
    [
        (count, 0, "0"),
        (count, 999, "999"),
        (count, 1234, "1.23 k"),
        (count, 1_234_567, "1.23 M"),
        (count, 999_999, "1 M"),
        (count, 5.7e9, "5.7 G"),
        (duration, 0.04, "0.0 s"),
        (duration, 9.44, "9.4 s"),
        (duration, 59.6, "1 min 0 s"),
        (duration, 83, "1 min 23 s"),
        (duration, 3725, "1 h 2 min"),
    ],
)
def test_numbers_are_short(function: Any, value: float, text: str) -> None:
    assert function(value) == text


def test_the_time_left_follows_from_this_run_alone() -> None:
    made = Progress("s", trials=10, slots=2, started=100.0)
    made.counts.update(complete=4, twin=9)
    assert made.counted == 4
    made.now = 160.0
    assert made.seconds_left is None
    made.ended = 2
    assert made.seconds_left == 6 * 30.0
