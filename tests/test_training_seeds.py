"""Random states by purpose."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from nas.training.seeds import derived_seed, generator


def test_a_derived_seed_never_changes():
    """It decides every number of a training: a change makes old studies unrepeatable."""
    assert derived_seed(0, "order", 3) == 66275818384681139


@given(st.integers(-(2**70), 2**70), st.integers(0, 1000))
def test_every_seed_gives_a_generator(seed, epoch):
    first, second = generator(seed, "order", epoch), generator(seed, "order", epoch)
    assert torch.equal(torch.rand(3, generator=first), torch.rand(3, generator=second))


def test_seeds_purposes_and_epochs_differ():
    assert len({derived_seed(s, p, e) for s in range(5) for p in ("order", "weights") for e in range(5)}) == 50
