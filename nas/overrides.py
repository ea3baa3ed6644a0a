"""The command line: edits of documents, which are made here, and overrides of the rest, which are Hydra's.

Values of documents (`search.architecture.…`, `search.training.…`, `training.…`, `architecture.…`) are not set by Hydra:
their paths are those of parameters, and a hole is replaced whole, where Hydra would merge two mappings.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from nas.errors import InputError
from nas.space.paths import removed, replaced
from nas.space.space import SECTIONS

GROUPS = ("data", "pool", "pruner", "sampler")
"""Sections of the configuration that are chosen by name."""


@dataclass(frozen=True)
class Edit:
    """One value of a document set from the command line; `removes` takes it out instead."""

    path: str
    value: Any
    removes: bool = False


@dataclass(frozen=True)
class Edits:
    """Edits in their order. `search` and `training` have paths that begin with the section's name."""

    search: tuple[Edit, ...]
    training: tuple[Edit, ...]
    architecture: tuple[Edit, ...]


def split(arguments: Sequence[str]) -> tuple[Edits, list[Override]]:
    """The edits of documents, and what is Hydra's. Raises `InputError` for what is neither, or several values."""
    search, training, architecture, rest = [], [], [], []
    for argument in arguments:
        override = _parsed(argument)
        key = override.key_or_group
        section, _, inside = key.partition(".")
        if section == "search" and inside.split(".")[0] in SECTIONS:
            search.append(_edit(override, inside))
        elif section == "training" and (inside or not override.is_delete()):
            training.append(_edit(override, key))
        elif section == "architecture" and inside:
            architecture.append(_edit(override, inside))
        else:
            _refuse_meddling(override)
            rest.append(override)
    return Edits(tuple(search), tuple(training), tuple(architecture)), rest


def _parsed(argument: str) -> Override:
    """Values that Hydra cannot read, such as a path with a bracket, are text, unless they begin like something else."""
    key, equals, value = argument.partition("=")
    if not equals and not argument.startswith("~"):
        raise InputError(f"{argument}: not an override such as study.trials=10; there is no = in it")
    is_text = equals and not value.startswith(("[", "{", "(", "'", '"'))
    texts = [argument, f"{key}={quoted(value)}"] if is_text else [argument]
    reasons = []
    for text in texts:
        try:
            (override,) = OverridesParser.create().parse_overrides([text])
        except HydraException as error:
            reasons.append(" ".join(str(error).partition("See https")[0].split()))
            continue
        if override.is_sweep_override():
            raise InputError(f"{argument}: several values at once; a search fills holes, {{choice: [...]}}, instead")
        return override
    raise InputError(f"{argument}: not an override such as study.trials=10: {reasons[0]}")


def edited(document: Mapping[str, Any], edits: Sequence[Edit]) -> Any:
    """A copy of the document with the edits made, one after the other."""
    for edit in edits:
        document = removed(document, edit.path) if edit.removes else replaced(document, edit.path, edit.value)
    return document


def quoted(value: str) -> str:
    """The text as the value of an override: in quotes unless it is plain.

    >>> quoted("studies/a-1"), quoted("it's a study")
    ('studies/a-1', "'it\\\\'s a study'")
    """
    if re.fullmatch(r"[A-Za-z0-9_./-]+", value):
        return value
    return "'" + re.sub(r"(\\*)('|$)", lambda m: m[1] * 2 + (m[2] and "\\'"), value) + "'"


def _edit(override: Override, path: str) -> Edit:
    return Edit(path, None if override.is_delete() else _plain(override.value()), override.is_delete())


def _plain(value: Any) -> Any:
    match value:
        case dict():
            return {str(key): _plain(item) for key, item in value.items()}
        case list():
            return [_plain(item) for item in value]
        case bool() | int() | float() | None:
            return value
        case _:
            return str(value)


def _refuse_meddling(override: Override) -> None:
    """Refuses what Hydra understands and this program has no use for, and would ignore or trip over."""
    key, written = override.key_or_group, override.input_line
    if override.package is not None:
        raise InputError(f"{written}: a part lands where its group says; leave out @{override.package}")
    if re.split("[./]", key)[0] == "hydra":
        raise InputError(f"{written}: Hydra composes here and runs nothing; it has no settings")
    if override.is_delete() and "/" not in key:
        raise InputError(f"{written}: only parts and values of documents can be removed; others can be null")
    if key in GROUPS and not isinstance(override.value(), str):
        raise InputError(f"{written}: {key} is chosen by its name, {key}=NAME, and changed by {key}.KEY=VALUE")
