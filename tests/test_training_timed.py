"""Some steps of a training stand for all of it."""

from training_parts import DOCUMENT, small_data

from nas.training.job import Job
from nas.training.result import Answer
from nas.training.timed import part, run


def test_a_part_keeps_the_proportion_of_training_and_validation() -> None:
    data = small_data()
    small = part(data, 30)
    assert (len(small.train.labels), len(small.val.labels)) == (30, 10)
    assert (small.train.images == data.train.images[:30]).all()
    assert part(data, 1000).train.images.shape == data.train.images.shape


def test_an_epoch_is_reckoned_from_a_part_of_it() -> None:
    document = {**DOCUMENT, "training": {"epochs": 50, "batch_size": 2}}
    timed = run(Job(document, small_data, "cpu"), lambda epoch, metrics: Answer.GO_ON, threads=1)
    assert timed.epoch > 0
    assert timed.memory > 1e6
