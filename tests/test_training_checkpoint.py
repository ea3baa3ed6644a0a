"""Checkpoints and weights on disk."""

import pickle
import resource

import pytest
import torch
from training_parts import small_network

from nas.errors import InputError
from nas.training.checkpoint import load_checkpoint, save_checkpoint, save_weights
from nas.training.result import UnreadableCheckpoint


def test_a_checkpoint_is_read_back(tmp_path):
    path = tmp_path / "made" / "last.ckpt"
    save_checkpoint(path, "me", {"history": [{"loss": 1.5}], "state": {"w": torch.arange(3)}})
    content = load_checkpoint(path, "me")
    assert content["history"] == [{"loss": 1.5}]
    assert content["state"]["w"].tolist() == [0, 1, 2]
    assert [each.name for each in path.parent.iterdir()] == ["last.ckpt"]


def test_another_candidates_checkpoint_is_refused(tmp_path):
    save_checkpoint(tmp_path / "c", "me", {})
    with pytest.raises(InputError, match="another candidate") as error:
        load_checkpoint(tmp_path / "c", "you")
    assert error.type is InputError  # it can be read


class Harmful:
    def __reduce__(self):
        return (print, ("this code ran",))


@pytest.mark.parametrize(
    "content",
    [b"", b"not a checkpoint", pickle.dumps({"format": 1}), pickle.dumps(Harmful())],
    ids=["empty", "text", "pickle", "code"],
)
def test_a_file_that_is_no_checkpoint_is_refused_and_never_run(tmp_path, capsys, content):
    (tmp_path / "c").write_bytes(content)
    with pytest.raises(UnreadableCheckpoint, match="/c: "):
        load_checkpoint(tmp_path / "c", "me")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("tail", [b"", bytes(4096)], ids=["cut", "zeros"])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99])
def test_a_checkpoint_that_was_cut_is_refused_wherever_it_was(tmp_path, share, tail):
    save_checkpoint(tmp_path / "c", "me", {"state": {"w": torch.arange(1000)}})
    whole = (tmp_path / "c").read_bytes()
    (tmp_path / "c").write_bytes(whole[: int(share * len(whole))] + tail)
    with pytest.raises(UnreadableCheckpoint, match="cannot be read"):
        load_checkpoint(tmp_path / "c", "me")


@pytest.mark.parametrize("size", [30_000, 1_000_000])
def test_a_file_that_cannot_be_written_whole_leaves_the_one_before(tmp_path, size):
    save_checkpoint(tmp_path / "c", "me", {"epochs": 1})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(OSError, match="too large") as error:
            save_checkpoint(tmp_path / "c", "me", {"epochs": 2, "w": torch.zeros(size)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert str(error.value) == f"[Errno 27] File too large: '{tmp_path / 'c'}'"
    assert [path.name for path in tmp_path.iterdir()] == ["c"]
    assert load_checkpoint(tmp_path / "c", "me")["epochs"] == 1


@pytest.mark.parametrize("content", [[1, 2], {"weight": 1}])
def test_a_torch_file_of_another_kind_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "c")
    with pytest.raises(UnreadableCheckpoint, match="not a checkpoint"):
        load_checkpoint(tmp_path / "c", "me")


def test_weights_fill_a_plain_network(tmp_path):
    save_weights(tmp_path / "w", small_network(seed=1))
    other = small_network(seed=2)
    other.load_state_dict(torch.load(tmp_path / "w", weights_only=True))
    assert all(torch.equal(a, b) for a, b in zip(other.parameters(), small_network(seed=1).parameters(), strict=True))
