"""What a candidate costs the driver in each storage of a study, by how many trials there are already.

    python benchmarks/storage.py [--trials 100 1000] [--storages journal sqlite postgresql] [--space inception_cell]
                                 [--window 50] [--url postgresql://...]
    python benchmarks/storage.py --trials 100 1000 5000 10000 --storages journal

The study is filled with finished trials; then `window` candidates are asked for, proposed by a random sampler, reported
three times and told, as a driver does it, by its ledger. CPU milliseconds a candidate of this process (a database's
own are not in it), the median of the window; `wall` is in milliseconds too, and depends on what else the machine does.
`poll` is one look at what other drivers do, `open` the seconds of CPU time to open the study again. PostgreSQL is a
server of its own without fsync, unless a URL is given.
"""

import argparse
import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import optuna
from optuna.pruners import NopPruner
from optuna.samplers import RandomSampler
from optuna.trial import create_trial

from environment import described
from nas.compose import configuration
from nas.search.proposal import Candidate, TrialSuggest, propose
from nas.search.samplers import SeededSampler
from nas.search.spaces import at_data
from nas.space.space import Space
from nas.study import states
from nas.study.ledger import Ledger, open_ledger
from nas.study.study import open_study, trials

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
import postgresql  # the server that the tests start

STEPS = ("ask", "propose", "report", "tell", "all", "poll")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--storages", nargs="+", default=["journal", "sqlite", "postgresql"])
    parser.add_argument("--space", default="inception_cell")
    parser.add_argument("--window", type=int, default=50)
    parser.add_argument("--url")
    options = parser.parse_args()
    print(described())
    composed = configuration([f"+search={options.space}"]).space
    assert composed is not None
    space = at_data(composed, 1, 28, 10)
    print(f"{options.space}, random sampler; CPU ms a candidate, median of {options.window}")
    print(f"{'storage':<12}{'trials':>7}" + "".join(f"{step:>9}" for step in (*STEPS, "wall", "open, s")))
    for storage in options.storages:
        with tempfile.TemporaryDirectory() as folder, address(storage, Path(folder), options.url) as url:
            for size in sorted(options.trials):
                fill(opened(Path(folder), url), space, size)
                started = time.process_time()
                study = opened(Path(folder), url)
                ledger = open_ledger(study, budget=10**9, poll=0.0)
                ledger.refresh()
                seconds = time.process_time() - started
                times = measured(ledger, space, options.window)
                figures = "".join(f"{1000 * statistics.median(times[step]):>9.2f}" for step in (*STEPS, "wall"))
                print(f"{storage:<12}{size:>7}{figures}{seconds:>9.2f}", flush=True)


@contextlib.contextmanager
def address(storage: str, folder: Path, given: str | None) -> Iterator[str | None]:
    if storage == "postgresql" and given is None:
        if postgresql.missing():
            raise SystemExit(f"PostgreSQL is {postgresql.missing()}; give --storages or --url")
        with postgresql.server() as server:
            yield server.url()
    else:
        yield {"journal": None, "sqlite": f"sqlite:///{folder / 'study.db'}", "postgresql": given}[storage]


def opened(folder: Path, url: str | None) -> optuna.Study:
    return open_study(folder, "benchmark", {}, SeededSampler(RandomSampler, 0), NopPruner(), url)


def fill(study: optuna.Study, space: Space, size: int) -> None:
    """Up to `size` trials, which repeat some real ones."""
    memory = optuna.create_study(direction="maximize", sampler=RandomSampler(seed=0))
    ledger = open_ledger(memory, budget=10**9)
    for _ in range(20):
        candidate(ledger, space)
    templates = [
        create_trial(
            value=0.5,
            params=trial.params,
            distributions=trial.distributions,
            user_attrs=trial.user_attrs,
            intermediate_values=trial.intermediate_values,
        )
        for trial in trials(memory)
    ]
    for number in range(len(trials(study)), size):
        study.add_trial(templates[number % len(templates)])


def candidate(ledger: Ledger, space: Space) -> list[float]:
    """Takes the steps of one candidate; the moments between them."""
    moments = [time.process_time()]
    trial = ledger.ask()
    assert trial is not None
    moments.append(time.process_time())
    proposal = propose(space, TrialSuggest(trial))
    if isinstance(proposal, Candidate):
        for key, value in proposal.facts.items():
            trial.set_user_attr(key, value)
        ledger.claim(f"{proposal.key}-{trial.number}", trial.number)
    moments.append(time.process_time())
    for epoch in range(3):
        trial.report(0.5, epoch)
        trial.should_prune()
    moments.append(time.process_time())
    trial.set_user_attr("seconds", 1.0)
    ledger.end(trial, states.COMPLETE, values=[0.5])
    moments.append(time.process_time())
    return moments


def measured(ledger: Ledger, space: Space, window: int) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {step: [] for step in (*STEPS, "wall")}
    for _ in range(window):
        wall = time.perf_counter()
        moments = candidate(ledger, space)
        times["wall"].append(time.perf_counter() - wall)
        for step, before, after in zip(STEPS, moments, moments[1:], strict=False):
            times[step].append(after - before)
        times["all"].append(moments[-1] - moments[0])
        started = time.process_time()
        ledger.refresh()
        times["poll"].append(time.process_time() - started)
    return times


if __name__ == "__main__":
    main()
