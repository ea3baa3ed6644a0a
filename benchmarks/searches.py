"""Searches of inception_cell whose candidates can be trained once more by something else."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from optuna.trial import FrozenTrial
from processes import HERE, PROGRAM, Spent, spent

from nas.compose import configuration
from nas.search.proposal import Candidate, propose
from nas.search.spaces import candidate_space
from nas.space.suggest import Recorded
from nas.study import states
from nas.study.study import load_study, trials

SMALL = (
    "search.architecture.network.stem.values.width=16",
    *(f"search.architecture.network.stage_{number}.depth=1" for number in (1, 2, 3)),
)
"""Overrides with which a candidate's epoch takes about a second."""


def command(folder: Path, name: str, candidates: int, epochs: int, slots: int, *overrides: str) -> list[str]:
    """Random sampling without pruning, so that the trials of two searches are the same candidates."""
    arguments = [*arguments_of(epochs), f"study.folder={folder}", f"study.name={name}", f"study.trials={candidates}"]
    return [sys.executable, str(PROGRAM), *arguments, f"pool.slots={slots}", *overrides]


def search(
    folder: Path,
    name: str,
    candidates: int,
    epochs: int,
    slots: int,
    *overrides: str,
    environment: Mapping[str, str] | None = None,
) -> Spent:
    return spent(command(folder, name, candidates, epochs, slots, *overrides), HERE.parent, environment)


def arguments_of(epochs: int) -> list[str]:
    own = ["sampler=random", "pruner=none", "pool.threads=1", "trainer.accelerator=cpu"]
    return ["+search=inception_cell", *own, f"trainer.max_epochs={epochs}"]


def counted(folder: Path) -> list[FrozenTrial]:
    return [trial for trial in trials(load_study(folder)) if states.word(trial) in states.COUNTED]


def documents_of(trained: Sequence[FrozenTrial], epochs: int, *overrides: str) -> list[object]:
    composed = configuration([*arguments_of(epochs), *overrides])
    assert composed.space is not None
    space = candidate_space(composed.space, composed.training, composed.data(), 0, epochs)
    proposals = [propose(space, Recorded(trial.params)) for trial in trained]
    return [proposal.document for proposal in proposals if isinstance(proposal, Candidate)]
