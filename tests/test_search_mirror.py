"""What a search tells its tracker, and what is seen of a whole search in W&B."""

from functools import partial
from itertools import pairwise
from pathlib import Path

import optuna
import pytest
import yaml
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, create_trial
from search_parts import SEARCH, prepared, quick_pool, tiny_space
from tracking_parts import arrived, log_in, of_study
from wandb_server import serving

from nas.command import main
from nas.search import mirror
from nas.search.importance import LEAST, importances
from nas.search.progress import Progress
from nas.study.study import IDENTITY, load_study
from nas.tracking import Tracker, WandbTracker


def trial(number: int, value: float, parameters: int, width: int = 3, state: str = "complete") -> FrozenTrial:
    made = create_trial(
        value=value,
        params={"network.body.width": width, "lr": 0.5},
        distributions={"network.body.width": IntDistribution(1, 9), "lr": FloatDistribution(0.0, 1.0)},
        user_attrs={"state": state, "parameters": parameters, "macs": 1, "digest": str(number)},
    )
    made.number = number
    return made


def test_every_kind_of_hole_is_described_as_a_sweep_parameter(tmp_path: Path) -> None:
    body = {
        "op": "conv",
        "name": "body",
        "width": {"int": [8, 64], "step": 28},
        "kernel": {"choice": [1, 3]},
        "form": {"choice": {"full": "full", "stacked": "stacked"}},
    }
    space = tiny_space(lr={"float": [0.001, 0.1], "log": True}, network=body)
    study = optuna.create_study(study_name="s")
    study.set_user_attr(IDENTITY, "unique")
    about = mirror.about(study, tmp_path, space, {"sampler": "tpe", "data": {"path": "x"}}, shared=False)
    assert about.parameters == {
        "network.body.width": {"values": [8, 36, 64]},
        "network.body.kernel": {"values": [1, 3]},
        "network.body.form": {"values": ["full", "stacked"]},
        "training.lr": {"min": 0.001, "max": 0.1, "distribution": "log_uniform_values"},
    }
    assert (about.study, about.identity, about.settings["sampler"], about.part) == ("s", "unique", "tpe", "")
    parts = {mirror.about(study, tmp_path, space, {}, shared=True).part}
    assert len(parts) == 1
    assert all(part.startswith("-") for part in parts)


def test_with_accuracy_alone_the_front_is_that_against_parameters() -> None:
    found = [trial(0, 0.5, 100), trial(1, 0.4, 200), trial(2, 0.7, 400), trial(3, 0.9, 1, state="twin")]
    front, volume = mirror._front(found, ["accuracy"])
    assert [member.number for member in front] == [0, 2]
    assert volume == pytest.approx((0.5 * 300) / 400)


def test_with_several_objectives_the_front_is_theirs() -> None:
    found = [create_trial(values=[0.5, 10.0, 3.0], user_attrs={"state": "complete"}) for _ in range(2)]
    front, volume = mirror._front(found, ["accuracy", "parameters", "depth"])
    assert len(front) == 1
    assert volume == 0.0  # the reference is the most that any has cost


def test_importance_finds_the_parameter_that_matters_and_says_nothing_of_few() -> None:
    found = [trial(n, n % 9 / 10, 1, width=1 + n % 9) for n in range(LEAST + 20)]
    shares = importances(found)
    assert list(shares) == ["network.body.width", "lr"]
    assert sum(shares.values()) == pytest.approx(1.0)
    assert importances(found[: LEAST - 1]) == {}


def test_what_takes_time_is_told_ever_more_rarely() -> None:
    due = [n for n in range(1, 5001) if mirror._is_due(n)]
    assert len(due) < 80
    assert all(b <= 1.2 * a + 1 for a, b in pairwise(due))


def test_where_nearly_all_proposals_are_rejected_few_of_them_are_told() -> None:
    told = []

    class Heard(Tracker):
        def finish(self, number: int, *ended: object) -> None:  # type: ignore[override]
            told.append(number)

    study = optuna.create_study()
    progress = Progress("s", 10, 2, started=0.0)
    for number in range(100):
        state = "complete" if number % 20 == 0 else "infeasible"
        progress.counts[state] += 1
        each = trial(number, 0.5, 10, state=state)
        mirror.ends(Heard(), each, state == "complete", tiny_space(), study, progress)
    assert [number for number in told if number % 20 == 0] == [0, 20, 40, 60, 80]
    assert 10 <= len(told) <= 5 + 2 * (5 + 5)


def test_the_course_has_rates_and_utilisation_as_shares() -> None:
    progress = Progress("s", 10, 2, started=0.0, now=10.0, busy=15.0, devices=2.0)
    progress.counts.update({"complete": 3, "twin": 1})
    numbers = mirror._numbers(progress)
    assert (numbers["states/complete"], numbers["rate/twin"], numbers["rate/infeasible"]) == (3, 0.25, 0.0)
    assert numbers["utilisation"] == 0.75


def test_a_candidate_whose_ops_do_not_fit_has_no_picture_and_others_have_theirs() -> None:
    space = tiny_space()
    assert mirror._picture(space, {"network.body.width": 3}, trained=False) is None
    picture = mirror._picture(space, {"network.body.width": 3, "network.body.kernel": 1}, trained=False)
    assert picture is not None
    assert str(picture.content).startswith("<svg")


def test_a_whole_search_is_seen_online_with_its_sweep_its_course_and_its_best(
    own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(prepared(tmp_path))
    monkeypatch.setattr("nas.search.search.Pool", quick_pool)
    monkeypatch.setattr("nas.tracking.WandbTracker", partial(WandbTracker, patience=120.0))  # on a busy machine, too
    with serving() as server:
        log_in(monkeypatch, server)
        options = [
            "sampler=random",
            "study.trials=3",
            "search.budget.parameters=100",
            "search.finals.top=1",
            "search.finals.seeds=1",
        ]
        assert main([*SEARCH, *options]) == 0
    assert f"W&B: {server.url}/tester/inception-nas/sweeps/sweep0" in capsys.readouterr().out
    study = load_study(tmp_path / "studies" / "tiny")
    runs = {run.name: run for run in arrived(server)}
    assert sorted(runs) == [f"trial-{trial.number:04d}" for trial in study.trials]
    for each in study.trials:
        run = runs[f"trial-{each.number:04d}"]
        assert (run.tags, run.sweep, run.exit_code) == ((each.user_attrs["state"],), "sweep0", 0)
        assert run.summary.get("value") == each.value
        assert run.summary["cell"]["_type"] in ("image-file", "html-file")
    course = of_study(server.runs.values())
    best = max(each.value for each in study.trials if each.value is not None)
    assert course.history[-1]["best/value"] == best
    assert course.summary["front/hypervolume"] >= 0
    assert {"cells", "front/table", "finals"} <= set(course.summary)
    assert course.config["space"] == "tiny"
    *_, last = (each for each in server.artifacts if each.type == "architecture")
    document = yaml.safe_load(server.uploads[last.files["best.yaml"]])
    assert document["record"]["study"] == "tiny"
    assert set(last.files) == {"best.yaml", "cell.svg", "weights.pt"}
    assert server.unknown == []
