"""A driver that trains nothing, for tests of several drivers on one study.

    python sharing_driver.py URL FOLDER BUDGET SEED [PIN]

Says what it trains, line by line, and ends when the budget is reached.
"""

import sys
import time
from pathlib import Path
from random import Random

from optuna.pruners import NopPruner
from optuna.samplers import RandomSampler
from optuna.trial import Trial, TrialState

from nas.errors import InputError
from nas.search.samplers import SeededSampler
from nas.study import states
from nas.study.ledger import open_ledger
from nas.study.study import open_study

SLOTS = 3
OUTCOMES = (states.COMPLETE, states.PRUNED, states.FAILED, states.INFEASIBLE)


def main(url: str, folder: str, budget: str, seed: str, pin: str = "") -> None:
    random = Random(f"outcomes {seed}")
    sampler = SeededSampler(RandomSampler, int(seed))
    try:
        study = open_study(Path(folder), "shared", {"pin": pin}, sampler, NopPruner(), url)
    except InputError as error:
        print(f"refused: {error}")
        return
    print(f"opened {study.user_attrs['identity']}", flush=True)
    if int(budget) == 0:
        return
    ledger = open_ledger(study, int(budget), grace=20.0, poll=0.02)
    live: list[Trial] = []
    while not (ledger.done and not live):
        ledger.refresh()
        live = [trial for trial in live if trial.number not in ledger.lost]
        while len(live) < SLOTS:
            adopted = ledger.adopt()
            trial = Trial(study, adopted._trial_id) if adopted else ledger.ask() if ledger.wanted else None
            if trial is None:
                break
            width = trial.suggest_int("width", 1, 90)
            trial.set_user_attr("key", str(width))
            if ledger.claim(str(width), trial.number) == trial.number:
                print("adopts" if adopted else "trains", trial.number, width, flush=True)
                live.append(trial)
            else:
                ledger.end(trial, states.TWIN, told=TrialState.FAIL)
        time.sleep(0.01)
        if live:
            trial = live.pop(random.randrange(len(live)))
            word = random.choices(OUTCOMES, (6, 2, 1, 1))[0]
            values = [0.5] if word == states.COMPLETE else None
            print("ends" if ledger.end(trial, word, values=values) else "lost", trial.number)
    ledger.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
