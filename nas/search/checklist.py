"""Best practices for research on architecture search, as far as a study's folder shows that they were followed.

The questions follow, in other words, the 14 practices and the checklist of Lindauer and Hutter, Best Practices for
Scientific Research on Neural Architecture Search, Journal of Machine Learning Research 21 (243), 2020.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import yaml

from nas.errors import InputError
from nas.search.display import duration, number_of
from nas.search.finals import BASELINE, FINALIST
from nas.search.trainings import TUNING, read_table
from nas.study import files, states
from nas.study.environment import read_environment

NO = "No: "

Answers = Iterator[tuple[str, str]]
Trials = Sequence[Mapping[str, str]]
"""Rows of trials.csv."""


def checklist(folder: Path) -> list[tuple[str, str]]:
    """Each question with what the study in `folder` answers to it, in the order of the paper; an answer that begins
    with "No" says what to do.

    Raises:
        InputError: there is no study.
    """
    if not (folder / files.CONFIG).is_file():
        raise InputError(f"{folder}: no study there ({files.CONFIG} is missing)")
    config = _yaml(folder / files.CONFIG)
    finals = _yaml(folder / files.FINALS) if (folder / files.FINALS).exists() else {}
    trials = files.read_rows(folder / files.TRIALS)
    control = files.read_rows(folder.with_name(files.control_name(folder.name)) / files.TRIALS)
    return [
        *_releasing(folder, config, finals),
        *_comparing(folder, config, finals, trials, control),
        *_reporting(folder, finals, trials, control),
    ]


def _releasing(folder: Path, config: Mapping[str, Any], finals: Mapping[str, Any]) -> Answers:
    runs = read_environment(folder)
    codes = sorted({f"commit {code['commit'][:12]}" for run in runs if (code := run["code"])})
    packages = sorted({f"inception-nas {run['versions']['inception-nas']}" for run in runs})
    published = f"Yes, once you publish it: {', '.join(codes or packages)}; {files.ENVIRONMENT} names the versions"
    if any(run["code"] and run["code"]["dirty"] for run in runs):
        published = f"{NO}the code was changed after {', '.join(codes)}; commit it, and search again"
    yield "Is the code released that trains what is evaluated in the end?", published
    space = f"Yes: {files.CONFIG} holds the space {config['space']!r} with every hole, as a document"
    yield "Is the search space released?", space
    recipe = f"{NO}nothing was trained anew after the search (search.finals.top=5)"
    if finals:
        seeds = ", ".join(map(str, finals["seeds"]))
        recipe = f"Yes: best.yaml holds the whole recipe, {files.FINALS_TABLE} every training; the seeds are {seeds}"
    yield "Are the settings and seeds of the final training released?", recipe
    sampler = config["sampler"]
    name = sampler["_target_"] if isinstance(sampler, Mapping) else sampler
    method = f"Yes: the samplers are part of the code or Optuna's; this one is {name}"
    yield "Is the code of the search method released?", method
    settings = f"Yes: {files.CONFIG} holds those of sampler and pruner; the seed is {config['study']['seed'] or 0}"
    yield "Are the settings and seeds of the search method released?", settings


def _comparing(
    folder: Path, config: Mapping[str, Any], finals: Mapping[str, Any], trials: Trials, control: Trials
) -> Answers:
    same = f"{NO}nothing to compare the method with was run on the same space, data and recipe"
    if control:
        same = "Yes: search and control share space, data and its split, recipe and budget; other values are refused"
    yield "Do all methods compared have the same data, split, space and training?", same
    yield "Are hardware, versions and run time the same for all that is compared?", _confounders(folder)
    ablations = f"{NO}one study shows no ablation; run it again under another name with one thing changed"
    yield "Are there ablations?", ablations
    alike = f"{NO}values of the search were not confirmed by training anew"
    if finals:
        settings = config["search"]["finals"]["tune"]
        tuned = f"each tuned by {settings} trials" if settings else "by one recipe"
        networks = number_of(len(finals["networks"]), "network")
        alike = f"Yes: all {networks} were trained under the same seeds, those compared {tuned}; "
        alike += "the test split chose none"
    yield "Is all that is compared evaluated in the same way?", alike
    course = f"The values are there: {files.TRIALS} has value and seconds of training of each trial, in their order"
    yield "Is performance shown over the compute that it takes?", course
    at_random = f"{NO}not in this study (search.control=random)"
    if control:
        values = [float(trial["value"]) for trial in control if trial["state"] == states.COMPLETE]
        mean = f"{fmean(values):.4f}" if values else "unknown"
        counts = [sum(trial["state"] in states.COUNTED for trial in each) for each in (control, trials)]
        at_random = "Yes: {} candidates at random beside the {} of the search; ".format(*counts)
        at_random += f"random sampling of a single one: {mean} on validation, the mean of {len(values)}"
    yield "Is it compared with random search, and with a random sample?", at_random
    again = f"; its finals have {number_of(len(finals['seeds']), 'training seed')}" if finals else ""
    once = f"{NO}this is one search, with seed {config['study']['seed'] or 0}{again}; run it with other study.seed"
    yield "Was the search repeated, and are the seeds reported?", once
    tables = "Not by a study; the samplers are measured on tabular benchmarks in benchmarks/"
    yield "Is the method examined on tabular or surrogate benchmarks?", tables


def _confounders(folder: Path) -> str:
    runs = read_environment(folder)
    kinds = {str([run[key] for key in ("machine", "devices", "threads", "versions")]) for run in runs}
    if not kinds:
        return f"{NO}there is no {files.ENVIRONMENT}"
    if len(kinds) > 1:
        return f"{NO}its {len(runs)} runs were not all on the same machine, threads and versions"
    if len({each.how for each in read_table(folder) if each.how}) > 1:
        return f"{NO}the finals were not all trained on as many devices, threads and images at a time"
    return "Yes: all of it ran on one kind of machine, with the same threads and versions"


def _reporting(folder: Path, finals: Mapping[str, Any], trials: Trials, control: Trials) -> Answers:
    trained, networks = read_table(folder), finals.get("networks", [])
    tuning = [each.seconds for each in trained if each.purpose == TUNING]
    cost = "Learning rate and the like were searched with the architecture, or fixed; nothing else was tuned"
    if tuning:
        cost = f"Yes: {number_of(len(tuning), 'training')} in {duration(sum(tuning))} of training"
    yield "Is it reported how settings were tuned, and what that cost?", cost
    chosen = {each["name"] for each in networks if each["kind"] == FINALIST}
    search = sum(float(trial["seconds"] or 0) for trial in trials)
    choice = sum(each.seconds for each in trained if each.network in chosen)
    parts = {
        "search": search,
        "choosing among its best": choice,
        "control": sum(float(trial["seconds"] or 0) for trial in control),
        "all else in the finals": sum(each.seconds for each in trained) - choice,
    }
    listed = ", ".join(f"{name} {duration(seconds)}" for name, seconds in parts.items() if seconds)
    whole = f"Yes, in seconds of training: {listed}; the method itself took {duration(search + choice)}"
    yield "Is the time of everything from beginning to end reported?", whole
    reads = f"the test split was read {number_of(len(files.test_reads(folder)), 'time')}, all in {files.TEST_READS}"
    baselines = [each["name"] for each in networks if each["kind"] == BASELINE]
    held = f"baselines: {', '.join(baselines)}" if baselines else "no baselines"
    setup = f"Yes: {files.CONFIG}, {files.ENVIRONMENT}, {files.TRIALS}, {files.FINALS_TABLE}; {reads}; {held}"
    yield "Are all details of the experiments reported?", setup


def _yaml(path: Path) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return read
