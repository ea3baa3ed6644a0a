"""From the command line to a configuration: Hydra composes, after the space's files have been checked."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from inspect import signature
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hydra import compose, initialize_config_module
from hydra.core.override_parser.types import Override
from hydra.errors import ConfigCompositionException, HydraException, MissingConfigException
from hydra.utils import instantiate
from omegaconf import OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from nas.errors import InputError, unknown
from nas.overrides import GROUPS, SECTIONS, Edit, edited, parsed, split
from nas.space.conditions import is_open
from nas.space.groups import SpaceFile, space_files, space_names

KEYS = (*GROUPS, "architecture", "search", "study", "test", "tracking", "training")
"""What a configuration holds."""

SHIPPED = Path(str(files("search_spaces"))) / "search"
"""The folder of the package's spaces and their parts."""


@dataclass(frozen=True)
class Configuration:
    """A composed run. `options` is the configuration as plain data, without the space.

    `space` (None: train one network) holds `architecture` and `training` with their holes; `space_name` is its name.
    `architecture_edits` and `training_edits` change the document that is trained without a search.
    """

    options: Mapping[str, Any]
    space_name: str | None
    space: Mapping[str, Any] | None
    architecture_edits: tuple[Edit, ...]
    training: Mapping[str, Any]
    data: Callable[[], Any]
    sampler: Callable[..., Any]
    pruner: Any


def configuration(arguments: Sequence[str]) -> Configuration:
    """The configuration that command-line overrides describe.

    Raises:
        InputError: an override, space, part or value that there is not, or a space file that is more than data.
    """
    edits, rest = split(parsed(arguments))
    name = next((str(o.value()) for o in rest if _is_space(o)), None)
    with ExitStack() as stack:
        files_of_space: list[SpaceFile] = []
        lines = [o.input_line or "" for o in rest]
        if name is not None and name.endswith((".yaml", ".yml")):
            files_of_space = _own_files(Path(name).expanduser(), _chosen(rest))
            folder = Path(stack.enter_context(TemporaryDirectory()))
            lines = [*_laid_out(files_of_space, folder), *(o.input_line or "" for o in rest if not _is_space(o))]
            name = Path(name).stem
        elif name is not None:
            if any(_is_space(o) and not o.is_add() for o in rest):
                raise InputError(f"search={name}: a space is added; write +search={name}")
            files_of_space = space_files(name, [SHIPPED], _chosen(rest))
        options = _composed(lines)
    _refuse_unknown("configuration", options, KEYS)
    search = _mapping(options["search"], "search")
    space = None
    if files_of_space:
        space = {section: search.pop(section) for section in SECTIONS if section in search}
        space = _holes_whole(space, files_of_space[0])
        _refuse_merged(space, "search", [hole for file in files_of_space for hole in _holes(file.content)])
        space = edited(space, edits.search)
        if "architecture" not in space:
            raise InputError(f"search {name}: a space has the key architecture; this one has {list(space)}")
        for section, value in space.items():
            _mapping(value, f"search.{section}")
    elif edits.search:
        raise InputError(f"search.{edits.search[0].path}: there is no space without +search=NAME")
    _refuse_unknown("search", search, ("budget",))
    training = edited({"training": options.pop("training")}, edits.training)["training"]
    return Configuration(
        options=options,
        space_name=name,
        space=space,
        architecture_edits=edits.architecture,
        training=_mapping(training, "training"),
        data=_deferred(options["data"], "data"),
        sampler=_deferred(options["sampler"], "sampler"),
        pruner=_constructed(options["pruner"], "pruner"),
    )


def _is_space(override: Override) -> bool:
    return override.key_or_group == "search"


def _own_files(path: Path, chosen: Mapping[str, str]) -> list[SpaceFile]:
    """The files of a space outside the package; its parts may lie beside it."""
    if path.suffix != ".yaml" or not path.is_file():
        raise InputError(f"search: no file {str(path)!r} (.yaml); spaces by name: {', '.join(space_names([SHIPPED]))}")
    return space_files(path.stem, [path.parent, SHIPPED], chosen)


def _laid_out(space: Sequence[SpaceFile], folder: Path) -> list[str]:
    """Writes the files of a space, its own first, where Hydra shall find them; the overrides that make it do so.

    What was checked is written, as JSON, so that nothing depends on how Hydra reads YAML.
    """
    for name, file in [("own.yaml", space[0]), *((file.relative, file) for file in space[1:])]:
        copy = folder / "search" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(json.dumps(file.content), encoding="utf-8")
    return [f"hydra.searchpath=['file://{folder}','pkg://search_spaces']", "+search=own"]


def _chosen(overrides: Sequence[Override]) -> dict[str, str]:
    """The parts of a space that the command line names, by their group."""
    groups = {o.key_or_group.removeprefix("search/"): o for o in overrides if o.key_or_group.startswith("search/")}
    return {group: str(override.value()) for group, override in groups.items() if not override.is_delete()}


def _composed(overrides: Sequence[str]) -> dict[str, Any]:
    try:
        with initialize_config_module("conf", version_base="1.3"):
            config = compose("config", overrides=list(overrides))
        search = OmegaConf.to_container(config.search, resolve=False)
        del config.search
        options = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    except MissingConfigException as error:
        group, _, part = str(error.missing_cfg_file).rpartition("/")
        raise unknown(group or "config", "configuration", part, error.options or []) from None
    except (HydraException, OmegaConfBaseException) as error:
        raise _explained(error) from None
    assert isinstance(options, dict)
    return {str(key): value for key, value in options.items()} | {"search": search}


def _explained(error: Exception) -> InputError:
    """Hydra's errors in our words: which key there is not, or which needs a value."""
    match error:
        case MissingMandatoryValue():
            return InputError(f"{error.full_key}: needs a value; give it as {error.full_key}=...")
        case ConfigCompositionException() if key := re.match(r"Could not override '([\w.@/]+)'", str(error)):
            if "/" in key[1]:
                return InputError(f"{key[1]}: the space takes in no such part; to add one, write +{key[1]}=NAME")
            parent, _, last = key[1].rpartition(".")
            with initialize_config_module("conf", version_base="1.3"):
                there = OmegaConf.select(compose("config"), parent) if parent else compose("config")
            return unknown(parent or "configuration", "key", last, [k for k in map(str, there or []) if k[0] != "_"])
        case _:
            return InputError(_line(error))


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


def _holes_whole(space: dict[str, Any], main: SpaceFile) -> dict[str, Any]:
    """The holes that the space's own file sets over its parts, unmerged: OmegaConf would add the options of both."""
    defaults = main.content.get("defaults", [])
    if not defaults or defaults[-1] != "_self_":
        return space
    return {key: _over(value, main.content.get(key)) for key, value in space.items()}


def _over(composed: Any, own: Any) -> Any:
    if isinstance(own, Mapping) and (is_open(own) or is_open(composed)):
        return own
    if isinstance(own, Mapping) and isinstance(composed, Mapping):
        return {key: _over(value, own.get(key)) for key, value in composed.items()}
    return composed


def _holes(node: Any) -> Iterator[Any]:
    match node:
        case dict():
            if is_open(node):
                yield node
            for value in node.values():
                yield from _holes(value)
        case list():
            for item in node:
                yield from _holes(item)


def _refuse_merged(node: Any, place: str, written: Sequence[Any]) -> None:
    """Refuses a hole that no file holds: OmegaConf made it of two."""
    match node:
        case dict():
            if is_open(node) and node not in written:
                raise InputError(f"{place}: two files of the space fill it, one of them with a hole; put _self_ last")
            for key, value in node.items():
                _refuse_merged(value, f"{place}.{key}", written)
        case list():
            for index, item in enumerate(node):
                _refuse_merged(item, f"{place}.{index}", written)


def _refuse_unknown(place: str, given: Mapping[str, Any], known: Sequence[str]) -> None:
    for key in given:
        if key not in known:
            raise unknown(place, "key", key, known)


def _mapping(value: Any, place: str) -> Any:
    if not isinstance(value, Mapping):
        raise InputError(f"{place}: expected keys with values; got {value!r:.80}")
    return value


def _constructed(config: Any, place: str) -> Any:
    """What a `_target_` of `conf` stands for."""
    try:
        return instantiate(config)
    except HydraException as error:
        raise InputError(f"{place}: {_line(error)}") from None


def _deferred(config: Any, place: str) -> Callable[..., Any]:
    """A function that is called later, with keys that it is known to take."""
    made = _constructed(config, place)
    if not isinstance(made, partial):
        raise InputError(f"{place}: needs a _target_ and _partial_: true; got {config!r:.80}")
    _refuse_unknown(place, made.keywords, list(signature(made.func).parameters))
    return made
