"""Networks in use: probabilities for image files, features at several grids, heads for other classes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from documents import build, conv, side_by_side
from exported import smallest_plan, trained, with_random_weights
from PIL import Image

import nas
from nas.__main__ import main
from nas.architecture import Architecture
from nas.errors import InputError
from nas.export.loading import Backbone
from nas.network import build_network


@pytest.fixture
def folder(tmp_path: Path) -> str:
    trained(tmp_path / "found", classes=("a <b>\n", "square"))
    return str(tmp_path / "found")


def write_images(folder: Path) -> Path:
    folder.mkdir()
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 256, (30, 20, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


def test_predict_prints_the_likeliest_classes_of_each_image(
    folder: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = write_images(tmp_path / "images")
    assert main(["predict", folder, str(images), "--top", "2"]) == 0
    said = capsys.readouterr().out.splitlines()
    classifier = nas.load(folder)
    with torch.inference_mode():
        shares = classifier(classifier.read([images / "0.png"])).softmax(1)[0].tolist()
    first, second = sorted(zip(shares, ("a <b> ", "square"), strict=True), reverse=True)
    assert said[0] == f"{images / '0.png'}: {first[1]} {first[0]:.3f}, {second[1]} {second[0]:.3f}"
    assert len(said) == 3


def test_predict_goes_on_after_an_image_that_cannot_be_read(
    folder: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = write_images(tmp_path / "images")
    (images / "1.png").write_bytes(b"no image")
    assert main(["predict", folder, str(images)]) == 2
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 2
    assert "1.png: cannot be read" in said.err
    assert "1 of 3 images cannot be read" in said.err


@pytest.mark.parametrize(
    ("network", "images", "message"),
    [
        ("inception_v3", ".", "no weights were kept with it; give weights=FILE"),
        ("found", "missing", "missing: no such file or folder"),
        ("found", "found", "no images in it"),
    ],
)
def test_predict_refuses_what_it_cannot_do(
    network: str,
    images: str,
    message: str,
    folder: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(Path(folder).parent)
    write_images(Path("images"))
    assert main(["predict", network, "images" if images == "." else images]) == 2
    assert message in capsys.readouterr().err


def test_a_new_head_leaves_all_other_weights(folder: str) -> None:
    old, new = nas.load(folder), nas.load(folder, classes=7)
    assert new(torch.zeros(2, 1, 12, 12)).shape == (2, 7)
    assert new.class_names == ()
    kept = old.network.state_dict()
    changed = {name for name, value in new.network.state_dict().items() if not kept[name].equal(value)}
    assert changed == {"linear.linear.weight", "linear.linear.bias"}


def test_a_backbone_of_a_network_that_keeps_its_grid_gives_nothing(folder: str) -> None:
    backbone = nas.backbone(folder)
    assert (backbone.strides, backbone.channels) == ((), ())


@pytest.mark.parametrize(
    ("name", "strides", "channels"),
    [
        ("inception_v3", (2, 4, 8, 16, 32), (64, 192, 288, 768, 2048)),
        ("googlenet", (2, 4, 8, 16, 32), (64, 192, 480, 832, 1024)),
        ("inception_resnet_v2", (2, 4, 8, 16, 32), (64, 192, 320, 1088, 1536)),
    ],
)
def test_the_features_of_published_networks_are_as_they_say(
    name: str, strides: tuple[int, ...], channels: tuple[int, ...]
) -> None:
    architecture = Architecture.load(name)
    with torch.device("meta"):
        network = build_network(architecture, in_channels=3, classes=1000).eval()
        backbone = Backbone(network, architecture)
        features = backbone(torch.empty(1, 3, 320, 256))
    assert (backbone.strides, backbone.channels) == (strides, channels)
    for stride, width, feature in zip(strides, channels, features, strict=True):
        assert feature.shape[1] == width
        assert abs(feature.shape[2] - 320 / stride) < 5
        assert abs(feature.shape[3] - 256 / stride) < 5


def test_a_network_that_takes_some_sizes_alone_has_strides_too() -> None:
    pool = {"op": "pool", "kind": "max", "kernel": 2, "stride": 2, "padding": "valid"}
    architecture = build(side_by_side(conv=[conv(4, stride=2, padding="valid")], pool=[pool]), size=9)
    backbone = Backbone(build_network(architecture, in_channels=3, classes=5), architecture)
    assert (backbone.strides, backbone.channels) == ((2,), (7,))


def test_features_are_what_the_network_computes_on_its_way() -> None:
    architecture = Architecture.from_document(
        {**Architecture.load("inception_v4").to_document(), "width_multiplier": 0.1}
    )
    root = smallest_plan(architecture)
    network = with_random_weights(architecture, root)
    seen: list[torch.Tensor] = []
    network.get_submodule("stage_b").register_forward_hook(lambda module, given, result: seen.append(result))
    x = torch.randn(1, *root.input, dtype=torch.float64)
    with torch.inference_mode():
        network(x)
        features = Backbone(network, architecture)(x)
    assert any(torch.equal(feature, seen[0]) for feature in features)


def test_weights_of_another_network_are_refused(folder: str, tmp_path: Path) -> None:
    torch.save({"other.weight": torch.zeros(1)}, tmp_path / "other.pt")
    with pytest.raises(InputError, match="nothing in the source belongs to this network"):
        nas.load(folder, tmp_path / "other.pt")
