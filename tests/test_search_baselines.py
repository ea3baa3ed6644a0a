"""What a winner is held against: found by name, fitted to the images, and scaled to the winner."""

from pathlib import Path
from random import Random

import pytest

from nas.architecture import Architecture
from nas.compose import configuration
from nas.cost import cost
from nas.errors import InputError
from nas.search.baselines import Baseline, candidate_of, read_baselines
from nas.search.finals import settings
from nas.search.proposal import Candidate, propose
from nas.search.spaces import at_data
from nas.space.space import Space
from nas.space.suggest import RandomSuggest
from nas.training.recipe import Training


@pytest.fixture(scope="module")
def space() -> Space:
    found = configuration(["+search=inception_cell"]).space
    assert found is not None
    recipe = {**Training().to_document(), **found["training"]}
    return at_data({**found, "training": recipe}, 1, [28, 28], 10)


@pytest.fixture(scope="module")
def suggested() -> RandomSuggest:
    return RandomSuggest(Random(3))


@pytest.fixture(scope="module")
def winner(space: Space, suggested: RandomSuggest) -> Candidate:
    found = propose(space, suggested)
    assert isinstance(found, Candidate)
    return found


@pytest.fixture(scope="module")
def baselines(space: Space) -> dict[str, Baseline]:
    """By source; read once for all tests, as a cell takes seconds."""
    return {each.source: each for each in read_baselines(space, ["resnet18", "inception_small", "inception_v3.a"])}


def test_resnet18_has_the_published_figures() -> None:
    price = cost(Architecture.load("resnet18"))
    assert (price.parameters, price.macs, price.depth) == (11_689_512, 1_814_073_344, 18)


def test_resnet18_for_small_images_keeps_the_grid_in_its_first_stage() -> None:
    small = Architecture.load("resnet18", "small")
    assert small.input == (3, 32, 32)
    assert [node.output[1] for node in small.plan.children if node.name.startswith("stage_")] == [32, 16, 8, 4]
    assert cost(small, classes=10).parameters == 11_173_962


def test_small_images_take_the_small_variant_unless_another_is_named(
    space: Space, winner: Candidate, baselines: dict[str, Baseline]
) -> None:
    made = candidate_of(baselines["resnet18"], space, winner, {}, None)
    assert made.cost.macs == cost(Architecture.load("resnet18", "small"), (1, 28, 28), 10).macs
    with pytest.raises(InputError, match=r"search\.finals\.baselines: resnet18:tiny: .*no variant 'tiny'"):
        read_baselines(space, ["resnet18:tiny"])


def test_a_baseline_has_the_winners_recipe_and_seed(
    space: Space, winner: Candidate, suggested: RandomSuggest, baselines: dict[str, Baseline]
) -> None:
    for baseline in baselines.values():
        made = candidate_of(baseline, space, winner, suggested.parameters, None)
        assert made.training == winner.training
        assert {key: made.document[key] for key in ("training", "seed")} == {
            key: winner.document[key] for key in ("training", "seed")
        }
        assert Architecture.from_document(made.document["architecture"]).digest == made.digest != winner.digest


@pytest.mark.parametrize("measure", ["parameters", "macs"])
@pytest.mark.parametrize("source", ["resnet18", "inception_small", "inception_v3.a"])
def test_a_baseline_of_equal_budget_is_nearly_as_large_as_the_winner_and_not_larger(
    space: Space,
    winner: Candidate,
    suggested: RandomSuggest,
    baselines: dict[str, Baseline],
    source: str,
    measure: str,
) -> None:
    made = candidate_of(baselines[source], space, winner, suggested.parameters, measure)
    assert 0.8 * getattr(winner.cost, measure) < getattr(made.cost, measure) <= getattr(winner.cost, measure)


def test_a_winner_too_small_to_be_equalled_is_said_to_be(
    space: Space, winner: Candidate, baselines: dict[str, Baseline]
) -> None:
    tiny = Candidate(winner.document, winner.architecture, winner.training, cost(_tiny()), "")
    with pytest.raises(InputError, match="it cannot be made as small"):
        candidate_of(baselines["resnet18"], space, tiny, {}, "parameters")


def _tiny() -> Architecture:
    network = [{"op": "global_pool"}, {"op": "linear", "width": "classes"}]
    return Architecture.from_document({"input": {"channels": 1, "size": 8}, "classes": 3, "network": network})


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("resnet19", "no published network 'resnet19'; did you mean 'resnet18'?"),
        ("inception_v3.z", "inception_v3.z"),
        ("nowhere.yaml", "no file 'nowhere.yaml'"),
        ("nothing.yaml", "neither an architecture nor an op is in it"),
        ("large.yaml", "large.yaml: "),
    ],
)
def test_what_is_none_or_does_not_fit_is_refused(
    source: str, said: str, space: Space, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("nothing.yaml").write_text("training: {}", encoding="utf-8")
    network = "[{op: conv, width: 4, kernel: 29, padding: valid}, {op: global_pool}, {op: linear, width: classes}]"
    large = f"architecture: {{input: {{channels: 3, size: 64}}, classes: 10, network: {network}}}"
    Path("large.yaml").write_text(large, encoding="utf-8")
    with pytest.raises(InputError) as refused:
        read_baselines(space, [source])
    assert said in str(refused.value)


def test_two_baselines_of_one_name_are_refused(space: Space) -> None:
    with pytest.raises(InputError, match="two are called alike: resnet18, resnet18"):
        read_baselines(space, ["resnet18", "resnet18"])


def test_all_networks_are_tuned_by_the_same_factors_and_the_recipe_as_it_is_comes_first() -> None:
    one, other = (settings(Training(lr=lr), 5, seed=7) for lr in (0.01, 0.02))
    assert len(one) == len(set(one)) == 5
    assert one[0] == Training(lr=0.01)
    for mine, theirs in zip(one, other, strict=True):
        assert theirs.lr == pytest.approx(2 * mine.lr, rel=0.01)
        assert theirs.weight_decay == mine.weight_decay
        assert 1 / 8.1 < mine.lr / 0.01 < 8.1
    assert settings(Training(), 5, seed=8)[1:] != settings(Training(), 5, seed=7)[1:]


def test_no_weight_decay_can_be_tuned_too() -> None:
    assert all(setting.weight_decay > 0 for setting in settings(Training(weight_decay=0.0), 4, 0)[1:])
