"""Several objectives: fronts, the best of a front, and a search for them."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.trial import FrozenTrial, TrialState, create_trial
from search_parts import SEARCH, prepared, quick_pool, ran, tiny_space, write_images

from nas.command import main
from nas.data.npz import load_npz
from nas.errors import InputError
from nas.search.driver import Driver
from nas.search.pruning import MedianPruner
from nas.search.summary import write_found
from nas.space.reading import read_document
from nas.study.curves import CURVE, curve
from nas.study.objectives import BEST, COSTS_ATTRIBUTE, Objectives, accuracy, hypervolumes, joined
from nas.study.study import load_study, trials

TWO = Objectives(("accuracy", "macs"))


def trial(number: int, *values: float, **attributes: Any) -> FrozenTrial:
    made = create_trial(values=list(values), user_attrs=attributes)
    made.number = number
    return made


values = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12)


@given(values, st.randoms())
def test_the_front_is_what_nothing_beats_in_whatever_order_it_came(pairs: list[tuple[int, int]], order: Any) -> None:
    made = [trial(number, *map(float, pair)) for number, pair in enumerate(pairs)]
    beaten = {
        one.number
        for one in made
        for other in made
        if other.values[0] >= one.values[0]
        and other.values[1] <= one.values[1]
        and (other.values != one.values or other.number < one.number)
    }
    order.shuffle(made)
    front: list[FrozenTrial] = []
    for each in made:
        front = joined(front, each)
    assert {each.number for each in front} == set(range(len(pairs))) - beaten


def test_with_one_objective_the_front_is_the_first_of_the_highest() -> None:
    front: list[FrozenTrial] = []
    for number, value in ((3, 0.5), (1, 0.7), (0, 0.7), (2, 0.6)):
        front = joined(front, trial(number, value))
    assert [each.number for each in front] == [0]


def test_the_best_of_a_front_is_the_most_accurate_or_the_nearest_to_the_best_of_everything() -> None:
    front = [trial(0, 0.9, 100.0), trial(1, 0.85, 20.0), trial(2, 0.5, 10.0)]
    chosen = {rule: Objectives(TWO.names, rule).chosen(front) for rule in BEST}
    assert {rule: each.number for rule, each in chosen.items() if each} == {"accurate": 0, "balanced": 1, "knee": 1}
    assert TWO.chosen([]) is None
    assert Objectives(TWO.names, "balanced").chosen([]) is None


def test_the_knee_gains_most_for_what_it_gives_up_where_the_balanced_gives_up_least_of_anything() -> None:
    front = [trial(0, 1.0, 100.0), trial(1, 0.95, 45.0), trial(2, 0.69, 30.0), trial(3, 0.0, 0.0)]
    assert [each.number for each in Objectives(TWO.names, "knee").ranked(front)] == [1, 2, 0, 3]
    front = [trial(0, 1.0, 100.0), trial(1, 0.99, 55.0), trial(2, 0.65, 22.0), trial(3, 0.0, 0.0)]
    assert [each.number for each in Objectives(TWO.names, "knee").ranked(front)][:2] == [1, 2]
    assert [each.number for each in Objectives(TWO.names, "balanced").ranked(front)][:2] == [2, 1]


points = st.lists(st.tuples(*[st.integers(1, 6)] * 3), min_size=1, max_size=12)


@given(points)
def test_the_hypervolume_is_the_share_of_the_box_that_the_front_dominates(costs: list[tuple[int, int, int]]) -> None:
    study = optuna.create_study(directions=Objectives(("accuracy", "macs", "depth")).directions)
    study.set_user_attr(COSTS_ATTRIBUTE, ["macs", "depth"])
    for accuracy_, macs, depth in costs:
        study.add_trial(
            create_trial(values=[accuracy_ / 6, float(macs), float(depth)], user_attrs={"state": "complete"})
        )
    study.add_trial(create_trial(state=TrialState.PRUNED, user_attrs={"state": "pruned"}))
    found = hypervolumes(study)
    assert found.names == ("accuracy", "macs", "depth")
    assert found.reference == (0.0, max(c[1] for c in costs), max(c[2] for c in costs))
    _, most, deepest = found.reference
    for count, (number, volume) in enumerate(found.steps, 1):
        boxes = {
            (a, m, d)
            for accuracy_, macs, depth in costs[:count]
            for a in range(accuracy_)
            for m in range(macs, int(most))
            for d in range(depth, int(deepest))
        }
        assert number == count - 1
        assert volume == pytest.approx(len(boxes) / (6 * most * deepest))


def test_the_hypervolume_of_one_objective_is_the_best_so_far_and_grows_in_the_order_of_ending() -> None:
    study = optuna.create_study(direction="maximize")
    assert hypervolumes(study).steps == ()
    start = datetime(2026, 1, 1)
    for number, value in enumerate((0.5, 0.4, 0.7)):
        made = create_trial(value=value, user_attrs={"state": "complete"})
        made.datetime_complete = start - timedelta(seconds=number)
        study.add_trial(made)
    assert hypervolumes(study).steps == ((2, 0.7), (1, 0.7), (0, 0.7))


def test_a_reference_point_makes_studies_comparable_and_what_is_beyond_it_adds_nothing() -> None:
    study = study_of([(100, [0.9]), (10, [0.5])])
    for each in study.get_trials(deepcopy=False):
        each.user_attrs["state"] = "complete"
    assert hypervolumes(study).steps[-1][1] == pytest.approx(0.5 * 0.9)
    assert [volume for _, volume in hypervolumes(study, (0.4, 50.0)).steps] == pytest.approx([0.0, 0.1 * 40 / 30])
    for wrong in ((0.4,), (1.0, 50.0), (0.0, 0.0)):
        with pytest.raises(InputError, match="reference: expected an accuracy below 1 and costs above 0"):
            hypervolumes(study, wrong)


@pytest.mark.parametrize(
    ("names", "best", "told"),
    [
        (["macs"], "accurate", "a list that begins with accuracy"),
        ([], "accurate", "a list that begins with accuracy"),
        ("accuracy", "accurate", "a list that begins with accuracy"),
        (["accuracy", "mac"], "accurate", r"search\.objectives\.1: no objective 'mac'; did you mean 'macs'"),
        (["accuracy", "macs", "macs"], "accurate", r"search\.objectives\.2: macs is there twice"),
        (["accuracy"], "best", "search.best: no rule 'best'"),
    ],
)
def test_wrong_objectives_are_refused(names: Any, best: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        Objectives.from_options(names, best)


def study_of(curves: list[tuple[int, list[float]]]) -> optuna.Study:
    """Complete trials with their MACs and accuracies by epoch."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(directions=TWO.directions)
    study.set_user_attr(COSTS_ATTRIBUTE, ["macs"])
    for macs, accuracies in curves:
        attributes = {CURVE: {str(epoch): value for epoch, value in enumerate(accuracies)}, "macs": macs}
        study.add_trial(create_trial(values=[accuracies[-1], macs], user_attrs=attributes))
    return study


def running(macs: int, accuracies: list[float]) -> FrozenTrial:
    attributes = {CURVE: {str(epoch): value for epoch, value in enumerate(accuracies)}, "macs": macs}
    return create_trial(state=TrialState.RUNNING, user_attrs=attributes)


def test_a_pruner_compares_a_candidate_with_those_that_cost_no_more() -> None:
    study = study_of([(10, [0.3, 0.4]), (10, [0.3, 0.5]), (100, [0.6, 0.8]), (100, [0.6, 0.9])])
    pruner = MedianPruner(n_startup_trials=2, warmup=0.5)
    assert not pruner.prune(study, running(10, [0.3, 0.46]))  # better than small ones, though not than large ones
    assert pruner.prune(study, running(10, [0.3, 0.44]))
    assert pruner.prune(study, running(100, [0.3, 0.6]))
    assert not pruner.prune(study, running(5, [0.0, 0.0])), "it has no peers"
    assert not pruner.prune(study, running(100, [0.0])), "the first epoch is let pass"
    assert not pruner.prune(study, running(10, [0.45, 0.1])), "the best so far counts"


def test_a_search_for_accuracy_and_few_multiply_adds_keeps_the_front(tmp_path: Path) -> None:
    running = ran(tmp_path, 12, tiny_space(), objectives=TWO, pruner=MedianPruner(2, 0))
    ended = trials(running.study)
    front = running.found.numbers
    complete = [each for each in ended if each.user_attrs["state"] == "complete"]
    pruned = [each for each in ended if each.user_attrs["state"] == "pruned"]
    assert len(complete) + len(pruned) == 12
    assert pruned
    assert all(set(curve(each)) == {0, 1} for each in complete)
    assert all(each.values == [accuracy(each), each.user_attrs["macs"]] for each in complete)
    assert front == {each.number for each in running.study.best_trials if each.user_attrs["state"] == "complete"}
    best = running.found.best
    assert best is not None
    assert accuracy(best) == max(accuracy(each) or 0.0 for each in complete)


def test_an_interrupted_search_for_several_objectives_goes_on(tmp_path: Path) -> None:
    for count in (3, 6):
        running = ran(tmp_path, count, tiny_space(), objectives=TWO, pruner=MedianPruner(), slots=2)
        assert running.progress.counted == count
    twins = [each for each in trials(running.study) if each.user_attrs["state"] == "twin"]
    for twin in twins:
        assert twin.values == trials(running.study)[twin.user_attrs["twin_of"]].values


def test_what_is_found_is_written_whenever_the_front_grows(tmp_path: Path) -> None:
    """So that a search that is killed leaves its table and its front."""
    data = load_npz(write_images(tmp_path / "images.npz"))
    left: list[tuple[int, set[int]]] = []

    def write(driver: Driver) -> None:
        write_found(driver, data, whole=False)
        rows = (tmp_path / "trials.csv").read_text(encoding="utf-8").splitlines()
        left.append((len(rows) - 1, driver.found.numbers))
        assert {int(path.stem) for path in (tmp_path / "front").iterdir()} == driver.found.numbers
        assert read_document(tmp_path / "best.yaml")["record"]["trial"] == driver.found.best.number

    running = ran(tmp_path, 8, objectives=TWO, pruner=MedianPruner(8), on_best=write)
    assert left[0] == (1, {0})
    assert left[-1][1] == running.found.numbers
    assert len(left) > 1


def test_the_command_writes_a_document_for_each_member_of_the_front(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(prepared(tmp_path))
    monkeypatch.setattr("nas.search.search.Pool", quick_pool)
    objectives = "search.objectives=[accuracy,macs,latency]"
    assert main([*SEARCH, objectives, "pruner=halving", "study.trials=3", "tracking=none"]) == 2
    assert "SuccessiveHalvingPruner knows one objective" in capsys.readouterr().err
    assert not Path("studies").exists()
    assert main([*SEARCH, objectives, "search.best=balanced", "study.trials=3", "tracking=none"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Pareto front" in said
    study = load_study(Path("studies/tiny"))
    complete = [each for each in study.trials if each.user_attrs["state"] == "complete"]
    assert all(each.values[2] == 1000 * each.user_attrs["latency"]["median"] > 0 for each in complete)
    written = list(Path("studies/tiny/front").iterdir())
    assert written
    for path in written:
        assert read_document(path)["record"]["trial"] == int(path.stem)
    chosen = read_document(Path("studies/tiny/best.yaml"))["record"]
    by = f"the nearest to the best of everything of {len(written)} on the Pareto front"
    assert chosen["chosen"] == {"by": by}
    assert f"best candidate, trial {chosen['trial']}, {by.removesuffix(' Pareto front')} front:" in said
    last = hypervolumes(study).steps[-1][1]
    assert f"hypervolume {last:.4f} after {len(complete)} complete candidates" in said
    assert "(reference point: accuracy 0, " in said
    assert main([*SEARCH, "study.trials=3", "tracking=none"]) == 2
    assert "objective" in capsys.readouterr().err
