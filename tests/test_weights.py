"""Weights from elsewhere go into our networks by name, and back out."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from published_networks import PAIRS, PAIRS_WITH_AUX, Pair
from torch import Tensor

from nas.architecture import Architecture
from nas.errors import InputError
from nas.network import Network, build_network
from nas.weights import Loaded, export_weights, load_weights

SMALL_V3 = Architecture.load("inception_v3", "small")
DOCUMENT = {
    "input": {"channels": 3, "size": 8},
    "classes": 4,
    "network": [
        {"op": "conv", "name": "stem", "width": 6, "kernel": 3},
        {"op": "aux", "name": "side", "chain": [{"op": "global_pool"}, {"op": "linear", "width": "classes"}]},
        {"op": "global_pool"},
        {"op": "linear", "name": "classifier", "width": "classes"},
    ],
}


def tiny(classes: int = 4, aux: bool = False, seed: int = 0) -> Network:
    torch.manual_seed(seed)
    return build_network(Architecture.from_document(DOCUMENT), in_channels=3, classes=classes, aux=aux)


def state(network: Network) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture(scope="module")
def googlenet() -> Iterator[Network]:
    """With both aux heads, at two classes."""
    torch.manual_seed(0)
    architecture = Architecture.load("googlenet_bn", "small")
    return build_network(architecture, in_channels=3, classes=2, aux=True)


def test_our_own_weights_travel_by_state_dict_and_by_file(tmp_path: Path) -> None:
    source = tiny(seed=1)
    torch.save(source.state_dict(), tmp_path / "weights.pt")
    torch.save({"epoch": 3, "state_dict": source.state_dict()}, tmp_path / "checkpoint.pt")
    for given in (source.state_dict(), tmp_path / "weights.pt", str(tmp_path / "checkpoint.pt")):
        network = tiny()
        assert load_weights(network, given) == Loaded("our own", fresh=(), unused=())
        assert same(state(network), state(source))


def test_weights_travel_by_safetensors(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.torch", reason="reads a safetensors file")
    source = tiny(seed=1)
    safetensors.save_file(source.state_dict(), tmp_path / "weights.safetensors")
    network = tiny()
    load_weights(network, tmp_path / "weights.safetensors")
    assert same(state(network), state(source))
    (tmp_path / "broken.safetensors").write_bytes(b"not one")
    with pytest.raises(InputError, match=r"broken\.safetensors: not a safetensors file"):
        load_weights(network, tmp_path / "broken.safetensors")


@pytest.mark.parametrize("pair", [*PAIRS, *PAIRS_WITH_AUX], ids=str)
def test_exported_weights_have_the_librarys_names_and_shapes(pair: Pair) -> None:
    exported = export_weights(pair.ours(), pair.library)
    theirs = pair.theirs().state_dict()
    assert {name: value.shape for name, value in exported.items()} == {
        name: value.shape for name, value in theirs.items()
    }


def test_export_and_load_are_a_round_trip(googlenet: Network) -> None:
    exported = export_weights(googlenet, "torchvision")
    assert "inception3a.branch2.0.bn.running_mean" in exported
    other = build_network(Architecture.load("googlenet_bn", "small"), in_channels=3, classes=2, aux=True)
    assert load_weights(other, exported) == Loaded("torchvision", fresh=(), unused=())
    assert same(state(other), state(googlenet))
    assert same(export_weights(other, "torchvision"), exported)
    for value in exported.values():
        value.zero_()
    assert not same(export_weights(googlenet, "torchvision"), exported)


def test_heads_that_the_network_was_built_without_are_left_in_the_source(googlenet: Network) -> None:
    exported = export_weights(googlenet, "torchvision")
    network = build_network(Architecture.load("googlenet_bn", "small"), in_channels=3, classes=2)
    loaded = load_weights(network, exported)
    assert loaded.fresh == ()
    assert {name.split(".")[0] for name in loaded.unused} == {"aux1", "aux2"}
    without = tiny()
    assert load_weights(without, tiny(aux=True, seed=1).state_dict()).unused == (
        "side.linear.linear.weight",
        "side.linear.linear.bias",
    )


def test_a_source_without_aux_heads_does_not_fill_a_network_that_has_them(googlenet: Network) -> None:
    without = {name: value for name, value in export_weights(googlenet, "torchvision").items() if "aux" not in name}
    with pytest.raises(InputError, match=r"weights \(torchvision names\): missing: aux1\.conv\.conv\.weight, .* more"):
        load_weights(googlenet, without)


def test_missing_left_over_and_misshapen_entries_are_all_named_and_nothing_is_written() -> None:
    network, given = tiny(), state(tiny(seed=1))
    before = state(network)
    del given["stem.norm.running_var"]
    given["stem.conv.weight"] = torch.zeros(6, 3, 5, 5)
    given["stem.norm.bias"] = torch.zeros(6, dtype=torch.int64)
    given["stranger"] = torch.zeros(1)
    with pytest.raises(InputError) as refused:
        load_weights(network, given)
    assert str(refused.value) == (
        "weights (our own names): missing: stem.norm.running_var; left over: stranger; of another shape: "
        "stem.conv.weight (6×3×5×5) for (6×3×3×3), stem.norm.bias (6 of int64) for (6)"
    )
    assert same(state(network), before)


def test_heads_for_other_classes_stay_fresh_if_asked() -> None:
    network, source = tiny(classes=4, aux=True), tiny(classes=7, aux=True, seed=1)
    with pytest.raises(InputError, match=r"classifier\.linear\.weight \(7×6\) for \(4×6\).*head=False"):
        load_weights(network, source.state_dict())
    loaded = load_weights(network, source.state_dict(), head=False)
    assert loaded.fresh == (
        "side.linear.linear.weight",
        "side.linear.linear.bias",
        "classifier.linear.weight",
        "classifier.linear.bias",
    )
    assert torch.equal(state(network)["stem.conv.weight"], state(source)["stem.conv.weight"])


def test_gammas_become_one_where_the_source_has_none() -> None:
    network, given = tiny(), state(tiny(seed=1))
    torch.nn.init.constant_(network.get_parameter("stem.norm.weight"), 0.3)
    del given["stem.norm.weight"]
    load_weights(network, given)
    assert torch.equal(state(network)["stem.norm.weight"], torch.ones(6))


def test_a_single_missing_gamma_is_missing(googlenet: Network) -> None:
    given = export_weights(googlenet, "torchvision")
    del given["conv2.bn.weight"]
    with pytest.raises(InputError, match=r"missing: conv2\.bn\.weight$"):
        load_weights(googlenet, given)


def test_counts_of_batches_may_be_absent() -> None:
    given = {name: value for name, value in state(tiny(seed=1)).items() if not name.endswith("num_batches_tracked")}
    assert load_weights(tiny(), given).fresh == ("stem.norm.num_batches_tracked",)


def test_the_background_class_of_1001_is_dropped() -> None:
    network, source = tiny(classes=1000), tiny(classes=1001, seed=1)
    load_weights(network, source.state_dict())
    for name in ("classifier.linear.weight", "classifier.linear.bias"):
        assert torch.equal(state(network)[name], state(source)[name][1:])
    with pytest.raises(InputError, match=r"\(11×6\) for \(10×6\)"):
        load_weights(tiny(classes=10), tiny(classes=11).state_dict())


def test_weights_of_another_network_are_refused_with_both_sides_names(googlenet: Network) -> None:
    with pytest.raises(InputError, match=r"nothing in the source belongs .*names tried: our own\); it has conv1\.conv"):
        load_weights(tiny(), export_weights(googlenet, "torchvision"))


def test_half_precision_weights_are_loaded_in_the_networks_own() -> None:
    network, source = tiny(), tiny(seed=1)
    load_weights(network, {name: value.half() if value.dim() else value for name, value in state(source).items()})
    assert network.get_parameter("stem.conv.weight").dtype == torch.float32


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"not a file of torch", r"cannot be read as weights alone"),
        ({}, r"not weights"),
        ({"weight": 3}, r"not weights, .*'weight' is 3"),
        ([torch.zeros(1)], r"not weights"),
    ],
)
def test_a_file_that_is_not_weights_is_refused(tmp_path: Path, content: object, message: str) -> None:
    path = tmp_path / "weights.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(InputError, match=message):
        load_weights(tiny(), path)


class Malicious:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("run",)


def test_nothing_in_a_file_of_weights_is_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"stem.conv.weight": Malicious()}, tmp_path / "weights.pt")
    with pytest.raises(InputError, match="cannot be read as weights alone"):
        load_weights(tiny(), tmp_path / "weights.pt")
    assert capsys.readouterr().out == ""


def test_a_mapping_that_is_not_weights_is_refused() -> None:
    with pytest.raises(InputError, match=r"^weights: not weights, .*'stem.conv.weight' is None"):
        load_weights(tiny(), {"stem.conv.weight": None})  # type: ignore[dict-item]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.pt: no such file"):
        load_weights(tiny(), tmp_path / "none.pt")


def test_export_to_a_library_that_has_no_such_network_is_refused(googlenet: Network) -> None:
    with pytest.raises(InputError, match=r"no naming for this network called 'timm';.*there are: torchvision"):
        export_weights(googlenet, "timm")
    with pytest.raises(InputError, match=r"there are: none"):
        export_weights(tiny(), "torchvision")


def test_export_of_a_head_that_the_library_has_not_is_refused() -> None:
    with torch.device("meta"):
        network = build_network(Architecture.load("inception_v4"), in_channels=3, classes=1000, aux=True)
    with pytest.raises(InputError, match=r"timm has no aux\.conv\.conv\.weight.*without aux heads"):
        export_weights(network, "timm")


def test_published_weights_fit_the_small_variant_and_another_number_of_classes() -> None:
    with torch.device("meta"):
        full = build_network(Architecture.load("inception_v3"), in_channels=3, classes=1000, aux=True)
    exported = {name: torch.ones(value.shape) for name, value in export_weights(full, "timm").items()}
    exported = {name: value.long() if "num_batches" in name else value for name, value in exported.items()}
    network = build_network(SMALL_V3, in_channels=3, classes=5)
    loaded = load_weights(network, exported, head=False)
    assert loaded.fresh == ("classifier.linear.weight", "classifier.linear.bias")
    assert {name.split(".")[0] for name in loaded.unused} == {"AuxLogits"}
    assert bool((network.get_parameter("conv1.conv.weight") == 1).all())


def test_to_start_from_others_weights_heads_for_other_classes_and_missing_aux_heads_are_left_as_they_are() -> None:
    source, network = tiny(classes=4, aux=True, seed=1), tiny(classes=9, aux=True)
    before = state(network)
    loaded = load_weights(network, source.state_dict(), head=None)
    heads = {name for name in before if name.startswith(("side.", "classifier."))}
    assert set(loaded.fresh) == heads
    assert all(torch.equal(state(network)[name], before[name]) for name in heads)
    assert torch.equal(state(network)["stem.conv.weight"], source.state_dict()["stem.conv.weight"])

    plain, network = tiny(seed=1), tiny(aux=True)
    kept = {name: value for name, value in plain.state_dict().items() if not name.startswith("side.")}
    loaded = load_weights(network, kept, head=None)
    assert {name.partition(".")[0] for name in loaded.fresh} == {"side"}
    assert torch.equal(network.state_dict()["classifier.linear.weight"], plain.state_dict()["classifier.linear.weight"])
    with pytest.raises(InputError, match=r"missing: stem\.conv\.weight"):
        load_weights(tiny(), {name: value for name, value in kept.items() if "stem.conv" not in name}, head=None)
