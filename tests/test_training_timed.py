"""Some steps of a training stand for all of it."""

from functools import partial
from pathlib import Path

from search_parts import tiny_space, write_images

from nas.data.npz import load_npz
from nas.space.suggest import First
from nas.training.result import Answer
from nas.training.timed import Sample, part, run


def test_a_part_keeps_the_proportion_of_training_and_validation(tmp_path: Path) -> None:
    data = load_npz(str(write_images(tmp_path / "images.npz")))
    small = part(data, 20)
    assert (len(small.train.labels), len(small.val.labels)) == (20, 10)
    assert (small.train.images == data.train.images[:20]).all()
    assert part(data, 1000).train.images.shape == data.train.images.shape


def test_an_epoch_is_reckoned_from_a_part_of_it(tmp_path: Path) -> None:
    load = partial(load_npz, str(write_images(tmp_path / "images.npz")))
    document = tiny_space(lr=0.01, width=2, epochs=50).sample(First())
    timed = run(Sample(document, load, "cpu", "32-true", 2), lambda epoch, metrics: Answer.GO_ON, threads=1)
    assert timed.epoch > 0
    assert timed.memory > 1e6
