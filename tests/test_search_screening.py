"""Groups of which one candidate is trained, over a real study and a real pool; what the pool runs trains nothing."""

import random
import time
from collections import Counter, defaultdict
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.exceptions import UpdateFinishedTrialError
from optuna.pruners import ThresholdPruner
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState
from search_parts import Finished, ran, rows, searching, tiny_space, without_time
from search_targets import RAISES, TOO_LARGE

from nas.samplers.catalogue import Catalogue
from nas.search.driver import Driver, Stop
from nas.search.screen import Screen
from nas.search.screening import PARENTS, Screening
from nas.study import states
from nas.study.claims import Alone
from nas.study.ledger import Ledger, group_of
from nas.study.states import SCORE
from nas.study.study import JOURNAL, trials
from nas.tracking import Tracker
from nas.training.result import Score

WIDTH = {"by": "zen", "of": 3}  # of the tested pool's targets, a proxy is the width
BRIEF = {"by": "training", "of": 3, "epochs": 1}
TRIALS = 3
LR = {"float": [0.001, 0.01]}
SPACE = tiny_space(LR, epochs=3)


def groups(running: Driver) -> dict[int, list[FrozenTrial]]:
    """What has been scored, by group."""
    found = defaultdict(list)
    for trial in trials(running.study):
        if SCORE in trial.user_attrs:
            found[group_of(trial)].append(trial)
    return found


def check(running: Driver, of: int, count: int = TRIALS) -> None:
    """Of each group one has been trained; none has a higher score, if no model of all trials had a say; the budget is
    exact."""
    assert sum(running.progress.counts[word] for word in states.COUNTED) == count
    there = groups(running)
    for group, members in there.items():
        assert len(members) == of
        assert group <= min(trial.number for trial in members)  # its first may have failed
        assert Counter(map(states.word, members)) == Counter({states.COMPLETE: 1, states.SCREENED: len(members) - 1})
        best = max(members, key=lambda trial: (trial.user_attrs[SCORE], -trial.number))
        if running.screening.screen == Screen.from_option(WIDTH):
            assert states.word(best) == states.COMPLETE
    assert len(there) == count
    assert not (running.folder / "checkpoints").exists()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The folder and the rows of a screened study that nothing has disturbed."""
    folder = tmp_path_factory.mktemp("finished")
    running = ran(folder, TRIALS, SPACE, screen=BRIEF)
    check(running, 3)
    return folder, rows(running)


@pytest.mark.parametrize("screen", [WIDTH, BRIEF])
@pytest.mark.parametrize("slots", [1, 3])
def test_of_each_group_the_best_candidate_is_trained(tmp_path: Path, screen: dict[str, Any], slots: int) -> None:
    running = ran(tmp_path, TRIALS, SPACE, screen=screen, slots=slots)
    check(running, 3)


def test_a_model_of_all_trials_says_which_of_the_briefly_trained_is_the_best(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hoped(study: Study, catalogue: Catalogue, numbers: Collection[int]) -> dict[int, float]:
        known = trials(study)
        return {number: -known[number].user_attrs[SCORE] for number in numbers}

    monkeypatch.setattr("nas.search.screening.hoped", hoped)
    running = ran(tmp_path, TRIALS, SPACE, screen=BRIEF)
    for members in groups(running).values():
        worst = min(members, key=lambda trial: trial.user_attrs[SCORE])
        assert states.word(worst) == states.COMPLETE


def test_the_screened_are_told_as_pruned_without_a_value_and_count_for_nothing(tmp_path: Path) -> None:
    running = ran(tmp_path, TRIALS, SPACE, screen=BRIEF)
    screened = [trial for trial in trials(running.study) if states.word(trial) == states.SCREENED]
    assert running.progress.counted == TRIALS
    assert len(screened) == 2 * TRIALS
    for trial in screened:
        assert trial.state == TrialState.PRUNED
        assert (trial.value, trial.intermediate_values) == (None, {})
        assert "trial" in trial.user_attrs["reason"]
    trained = next(trial for trial in trials(running.study) if states.word(trial) == states.COMPLETE)
    assert list(trained.intermediate_values) == [0, 1, 2]
    assert trained.user_attrs["seconds"] == pytest.approx(0.08)  # three epochs, and one of the screen


def test_brief_trainings_have_a_schedule_of_their_own_and_are_not_pruned(tmp_path: Path) -> None:
    running = ran(tmp_path, 1, SPACE, screen=BRIEF, pruner=ThresholdPruner(lower=2.0))
    (members,) = groups(running).values()
    assert sorted(states.word(trial) or "" for trial in members) == ["pruned", "screened", "screened"]
    for trial in members:
        assert trial.user_attrs[SCORE] < 1.0
    assert running.progress.counts["pruned"] == 1


def test_a_candidate_that_fails_in_its_screening_is_replaced_and_the_group_goes_on(tmp_path: Path) -> None:
    space = tiny_space(lr={"choice": [0.001 * n for n in range(1, 9)] + [RAISES, TOO_LARGE]})
    running = ran(tmp_path, 4, space, screen=WIDTH, slots=2, failures=30)
    check(running, 3, 4)
    counts = running.progress.counts
    assert counts["failed"]
    assert counts["infeasible"]


def test_a_small_space_is_trained_to_its_last_candidate_in_groups_that_get_smaller(tmp_path: Path) -> None:
    running = ran(tmp_path, 99, tiny_space(width={"choice": [2, 3]}), screen={"by": "zen", "of": 3})  # four networks
    assert running.proposer.exhausted
    table = rows(running)
    complete = [row for row in table if row["state"] == "complete"]
    assert len(complete) == len({row["digest"] for row in complete}) == 4


def test_what_was_screened_out_may_be_proposed_again(tmp_path: Path) -> None:
    running = ran(tmp_path, 6, tiny_space(width={"choice": [2, 3, 4]}), screen={"by": "zen", "of": 3})  # six networks
    table = rows(running)
    complete = [row["digest"] for row in table if row["state"] == "complete"]
    assert len(complete) == len(set(complete)) == 6
    screened = [row["digest"] for row in table if row["state"] == "screened"]
    assert set(screened) & set(complete)


def test_inherited_weights_are_those_of_trials_before_the_group_and_few_are_kept(tmp_path: Path) -> None:
    running = ran(tmp_path, PARENTS + 2, SPACE, screen={"by": "inherited", "of": 2})
    check(running, 2, PARENTS + 2)
    complete = [trial for trial in trials(running.study) if states.word(trial) == states.COMPLETE]
    kept = {int(path.stem) for path in (tmp_path / "weights").iterdir()}
    best = sorted(complete, key=lambda trial: -(trial.value or 0))[:PARENTS]
    assert kept == {trial.number for trial in best}
    scored = {trial.number: trial for trial in trials(running.study) if SCORE in trial.user_attrs}
    for number, trial in scored.items():
        log = (tmp_path / "logs" / f"{number:04d}.log").read_text().splitlines()
        parents = [number for line in log if line.startswith("parents") for number in map(int, line.split()[1:])]
        earlier = [one.number for one in complete if one.number < group_of(trial)]
        assert len(parents) == len(set(parents)) == min(PARENTS, len(earlier))  # the whole training inherits nothing
        assert set(parents) <= set(earlier)


def test_a_screened_study_is_continued_from_any_cut_to_the_same_end(tmp_path: Path, finished: Finished) -> None:
    journal = (finished[0] / JOURNAL).read_bytes()
    for share in random.Random(0).sample(range(1000), 5):
        folder = tmp_path / str(share)
        folder.mkdir()
        (folder / JOURNAL).write_bytes(journal[: len(journal) * share // 1000])
        running = ran(folder, TRIALS, SPACE, screen=BRIEF)
        check(running, 3)
        assert without_time(rows(running)) == without_time(finished[1])


@pytest.mark.parametrize("stop", [Stop.GRACEFUL, Stop.NOW])
def test_an_interrupted_group_is_completed_by_the_next_run(tmp_path: Path, finished: Finished, stop: Stop) -> None:
    journal = tmp_path / JOURNAL
    for scored in (1, 2, 4, 5):

        def stopping(scored: int = scored) -> Stop:
            done = journal.exists() and journal.read_text().count(f'"{SCORE}"') >= scored
            return stop if done else Stop.NO

        running = ran(tmp_path, TRIALS, SPACE, screen=BRIEF, stopping=stopping)
    running = ran(tmp_path, TRIALS, SPACE, screen=BRIEF)
    check(running, 3)
    assert without_time(rows(running)) == without_time(finished[1])


def test_a_finished_search_goes_on_to_a_larger_total(tmp_path: Path) -> None:
    for total in (1, 3, 4):
        running = ran(tmp_path, total, SPACE, screen=WIDTH, slots=2)
        check(running, 3, total)


def test_every_screened_candidate_has_a_run_that_says_so(tmp_path: Path) -> None:
    heard = Heard()
    running = ran(tmp_path, 1, SPACE, screen=WIDTH, tracker=heard)
    assert [told[1] for told in heard.told] == ["screened", "screened", "complete"]
    assert all(summary[SCORE] == trials(running.study)[number].user_attrs[SCORE] for number, _, summary in heard.told)


class Heard(Tracker):
    """Keeps how candidates end."""

    def __init__(self) -> None:
        self.told: list[tuple[int, str, Any]] = []

    def finish(self, number: int, state: str, summary: Any, tags: Any = ()) -> None:
        self.told.append((number, state, summary))


@pytest.mark.parametrize("seed", range(3))
def test_a_screened_search_that_is_killed_at_any_moment_ends_in_the_same_groups(
    tmp_path: Path, finished: Finished, seed: int
) -> None:
    moments = random.Random(seed)
    for _ in range(3):
        program = searching(tmp_path, TRIALS, 1, call=f"main({BRIEF!r}, tiny_space({LR!r}, epochs=3))")
        time.sleep(moments.uniform(0.0, 1.0))
        program.kill()
        program.wait()
    running = ran(tmp_path, TRIALS, SPACE, screen=BRIEF)
    check(running, 3)
    assert without_time(rows(running)) == without_time(finished[1])


@dataclass
class Searcher:
    """A driver's ledger and groups, and what it would have in a pool."""

    study: optuna.Study
    ledger: Ledger
    of: int
    exhausted: str = ""
    scoring: dict[int, Trial] = field(default_factory=dict)
    training: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.screening = Screening(
            self.study, self.ledger, Screen("zen", self.of), Path("nowhere"), self, self.training.append
        )

    def forget(self, key: str, number: int) -> None:
        pass

    def end(self, trial: Trial, state: str, reason: str = "") -> None:
        if self.ledger.end(trial, state, values=[0.5] if state == states.COMPLETE else None):
            self.screening.left(trials(self.study)[trial.number])

    def step(self, random: Random) -> None:
        if self.ledger.refresh():
            self.screening.look()
        for number in self.ledger.lost:
            self.screening.forget(number)
            self.scoring.pop(number, None)
            self.training[:] = [other for other in self.training if other != number]
        action = random.choice(["ask", "ask", "score", "train"])
        if action == "score" and self.scoring:
            trial = self.scoring.pop(random.choice(list(self.scoring)))
            if random.random() < 0.2:
                self.end(trial, states.FAILED)
            elif self.ledger.holds(trial.number):
                self.screening.scored(trial, Score(random.random(), 1.0))
        elif action == "train" and self.training:
            trial = self.trial(self.training.pop(0))
            self.end(trial, states.FAILED if random.random() < 0.2 else states.COMPLETE)
        elif action == "ask":
            left = self.ledger.adopt(self.screening.short)
            trial: Trial | None = None
            if left is not None:
                trial = self.trial(left.number)
            elif self.ledger.wanted or self.screening.short is not None:
                trial = self.ledger.ask(self.screening.short)
            if trial is None:
                return
            trial.set_user_attr("key", str(trial.number))
            if random.random() < 0.2 and SCORE not in trial.user_attrs:
                self.end(trial, states.INFEASIBLE)
                self.screening.look()
            elif self.screening.joins(trial, None):
                self.scoring[trial.number] = trial

    def trial(self, number: int) -> Trial:
        return Trial(self.study, trials(self.study)[number]._trial_id)


@given(st.integers(0, 2**32), st.integers(1, 4), st.integers(2, 4))
@settings(max_examples=30, deadline=None)
def test_drivers_that_screen_one_study_and_die_or_sleep_reach_its_budget(seed: int, budget: int, of: int) -> None:
    random, claims, now = Random(seed), Alone(), [0.0]
    study = optuna.create_study(directions=["maximize"])

    def joined() -> Searcher:
        return Searcher(study, Ledger(study, budget, claims, grace=60.0, poll=20.0, clock=lambda: now[0]), of)

    searchers = [joined() for _ in range(3)]
    for _ in range(400):
        now[0] += random.choice([0.0, 1.0, 1.0, 25.0])
        searcher = random.choice(searchers)
        with suppress(UpdateFinishedTrialError):
            searcher.step(random)
        if random.random() < 0.03:
            searchers.remove(searcher)
            searchers.append(joined())
        counted = [trial for trial in trials(study) if states.word(trial) == states.COMPLETE]
        assert len(counted) <= budget
        assert len({group_of(trial) for trial in counted}) == len(counted)
    last = joined()
    for _ in range(1500):
        now[0] += 5.0
        last.step(random)
        if last.ledger.done and not last.ledger.elsewhere:
            break
    words = [states.word(trial) for trial in trials(study) if trial.state.is_finished()]
    assert words.count(states.COMPLETE) == budget
    assert all(trial.state.is_finished() for trial in trials(study))
