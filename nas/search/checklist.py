"""Best practices for research on architecture search, as far as a study's folder shows that they were followed.

The questions follow, in other words, the 14 practices and the checklist of Lindauer and Hutter, Best Practices for
Scientific Research on Neural Architecture Search, Journal of Machine Learning Research 21 (243), 2020.
"""

import csv
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from nas.errors import InputError
from nas.search import files, states
from nas.search.control import control_name
from nas.search.display import duration, number_of
from nas.search.environment import read_environment
from nas.search.finals import BASELINE, FINALIST
from nas.search.trainings import Trained, read_table

NO = "No: "


@dataclass(frozen=True)
class _Study:
    folder: Path
    config: Mapping[str, Any]
    runs: Sequence[Mapping[str, Any]]
    trials: Sequence[Mapping[str, str]]
    control: Sequence[Mapping[str, str]]
    trained: Sequence[Trained]
    finals: Mapping[str, Any]
    test_reads: int

    @property
    def networks(self) -> list[Mapping[str, Any]]:
        return list(self.finals.get("networks", []))

    @property
    def baselines(self) -> list[str]:
        return [each["name"] for each in self.networks if each["kind"] == BASELINE]


def checklist(folder: Path) -> list[tuple[str, str]]:
    """Each question with what the study in `folder` answers to it; an answer that begins with "No" says what to do.

    Raises:
        InputError: there is no study.
    """
    study = _read(folder)
    return [(question, answer(study)) for question, answer in QUESTIONS]


def _read(folder: Path) -> _Study:
    if not (folder / files.CONFIG).is_file():
        raise InputError(f"{folder}: no study there ({files.CONFIG} is missing)")
    return _Study(
        folder,
        _yaml(folder / files.CONFIG),
        read_environment(folder),
        _csv(folder / files.TRIALS),
        _csv(folder.with_name(control_name(folder.name)) / files.TRIALS),
        read_table(folder),
        _yaml(folder / files.FINALS) if (folder / files.FINALS).exists() else {},
        len(files.test_reads(folder)),
    )


def _yaml(path: Path) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return read


def _csv(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _pipeline(study: _Study) -> str:
    codes = {f"commit {code['commit'][:12]}" for run in study.runs if (code := run["code"])}
    if any(run["code"] and run["code"]["dirty"] for run in study.runs):
        return f"{NO}the code was changed after {', '.join(sorted(codes))}; commit it, and search again"
    packages = {f"inception-nas {run['versions']['inception-nas']}" for run in study.runs}
    return f"Yes, once you publish it: {', '.join(sorted(codes or packages))}; {files.ENVIRONMENT} names the versions"


def _space(study: _Study) -> str:
    return f"Yes: {files.CONFIG} holds the space {study.config['space']!r} with every hole, as a document"


def _final_recipe(study: _Study) -> str:
    if not study.finals:
        return f"{NO}nothing was trained anew after the search (search.finals.top=5)"
    seeds = ", ".join(map(str, study.finals["seeds"]))
    return f"Yes: best.yaml holds the whole recipe, {files.FINALS_TABLE} every training; the seeds are {seeds}"


def _method(study: _Study) -> str:
    return f"Yes: the samplers are part of the code or Optuna's; this one is {_target(study.config['sampler'])}"


def _method_settings(study: _Study) -> str:
    return f"Yes: {files.CONFIG} holds those of sampler and pruner; the seed is {study.config['study']['seed'] or 0}"


def _same_benchmark(study: _Study) -> str:
    if not study.control:
        return f"{NO}nothing to compare the method with was run on the same space, data and recipe"
    return "Yes: search and control share space, data and its split, recipe and budget; other values are refused"


def _confounders(study: _Study) -> str:
    kinds = {str([run[key] for key in ("machine", "devices", "threads", "versions")]) for run in study.runs}
    if not kinds:
        return f"{NO}there is no {files.ENVIRONMENT}"
    if len(kinds) > 1:
        return f"{NO}its {len(study.runs)} runs were not all on the same machine, threads and versions"
    ways = {(each.device, each.devices, each.threads, each.micro_batch) for each in study.trained if each.device}
    if len(ways) > 1:
        return f"{NO}the finals were not all trained on as many devices, threads and images at a time"
    return "Yes: all of it ran on one kind of machine, with the same threads and versions"


def _ablations(study: _Study) -> str:
    return f"{NO}one study shows no ablation; run it again under another name with one thing changed"


def _protocol(study: _Study) -> str:
    if not study.finals:
        return f"{NO}values of the search were not confirmed by training anew"
    tuned = f"each tuned by {study.config['search']['finals']['tune']} trials" if _tunes(study) else "by one recipe"
    networks = number_of(len(study.networks), "network")
    return f"Yes: all {networks} were trained under the same seeds, those compared {tuned}; the test split chose none"


def _over_time(study: _Study) -> str:
    return f"The values are there: {files.TRIALS} has value and seconds of training of each trial, in their order"


def _random_search(study: _Study) -> str:
    if not study.control:
        return f"{NO}not in this study (search.control=random)"
    said = f"Yes: {_counted(study.control)} candidates at random beside the {_counted(study.trials)} of the search"
    values = [float(trial["value"]) for trial in study.control if trial["state"] == states.COMPLETE]
    mean = f"{statistics.fmean(values):.4f}" if values else "unknown"
    return f"{said}; random sampling of a single one: {mean} on validation, the mean of {len(values)}"


def _repetitions(study: _Study) -> str:
    said = "" if not study.finals else f"; its finals have {number_of(len(study.finals['seeds']), 'training seed')}"
    return f"{NO}this is one search, with seed {study.config['study']['seed'] or 0}{said}; run it with other study.seed"


def _tables(study: _Study) -> str:
    return "Not by a study; the samplers are measured on tabular benchmarks in benchmarks/"


def _tuning(study: _Study) -> str:
    tuned = [each for each in study.trained if each.purpose == "tuning"]
    if not tuned:
        return "Learning rate and the like were searched with the architecture, or fixed; nothing else was tuned"
    return f"Yes: {number_of(len(tuned), 'training')} in {duration(sum(each.seconds for each in tuned))} of training"


def _end_to_end(study: _Study) -> str:
    chosen = {each["name"] for each in study.networks if each["kind"] == FINALIST}
    choice = sum(each.seconds for each in study.trained if each.network in chosen)
    own = {"search": _seconds(study.trials), "choosing among its best": choice}
    beside = {
        "control": _seconds(study.control),
        "all else in the finals": sum(each.seconds for each in study.trained) - choice,
    }
    listed = ", ".join(f"{name} {duration(seconds)}" for name, seconds in (own | beside).items() if seconds)
    return f"Yes, in seconds of training: {listed}; the method itself took {duration(sum(own.values()))}"


def _setup(study: _Study) -> str:
    reads = f"the test split was read {number_of(study.test_reads, 'time')}, all in {files.TEST_READS}"
    held = f"baselines: {', '.join(study.baselines)}" if study.baselines else "no baselines"
    return f"Yes: {files.CONFIG}, {files.ENVIRONMENT}, {files.TRIALS}, {files.FINALS_TABLE}; {reads}; {held}"


QUESTIONS = (
    ("Is the code released that trains what is evaluated in the end?", _pipeline),
    ("Is the search space released?", _space),
    ("Are the settings and seeds of the final training released?", _final_recipe),
    ("Is the code of the search method released?", _method),
    ("Are the settings and seeds of the search method released?", _method_settings),
    ("Do all methods compared have the same data, split, space and training?", _same_benchmark),
    ("Are hardware, versions and run time the same for all that is compared?", _confounders),
    ("Are there ablations?", _ablations),
    ("Is all that is compared evaluated in the same way?", _protocol),
    ("Is performance shown over the compute that it takes?", _over_time),
    ("Is it compared with random search, and with a random sample?", _random_search),
    ("Was the search repeated, and are the seeds reported?", _repetitions),
    ("Is the method examined on tabular or surrogate benchmarks?", _tables),
    ("Is it reported how settings were tuned, and what that cost?", _tuning),
    ("Is the time of everything from beginning to end reported?", _end_to_end),
    ("Are all details of the experiments reported?", _setup),
)
"""In the order of the paper: releasing code, comparing methods, reporting."""


def _target(config: object) -> str:
    return str(config["_target_"]) if isinstance(config, Mapping) else str(config)


def _tunes(study: _Study) -> bool:
    return bool(study.config["search"]["finals"]["tune"])


def _counted(trials: Sequence[Mapping[str, str]]) -> int:
    return sum(trial["state"] in states.COUNTED for trial in trials)


def _seconds(trials: Sequence[Mapping[str, str]]) -> float:
    return sum(float(trial["seconds"] or 0) for trial in trials)
